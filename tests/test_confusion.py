"""Shares, intervals, sentences, pairs and orders agree with counting by hand and with scipy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from diclam.confusion import (
    GROUPS,
    collapse,
    column_words,
    confused_pairs,
    f1_interval,
    number,
    orders,
    per_real,
    per_said,
    row_words,
    wilson,
)
from diclam.data import CLASSES
from tests.conftest import random_evaluation

ALL = tuple(range(10))


def counts_with(**cells: int) -> np.ndarray:
    """1000 pictures a class, all right but for the named cells: cat_dog=131."""
    counts = np.diag([1000] * 10)
    for name, count in cells.items():
        real, said = (CLASSES.index(word) for word in name.split("_"))
        counts[real, said] += count
        counts[real, real] -= count
    return counts


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (131, 1000), (1, 3), (9136, 10_000)])
def test_wilson_is_scipy_s(count: int, total: int) -> None:
    expected = binomtest(count, total).proportion_ci(0.95, "wilson")
    low, high = wilson(count, total)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert low <= count / total <= high


def test_of_no_pictures_nothing_is_known() -> None:
    assert [float(end) for end in wilson(0, 0)] == [0, 1]


def test_f1_lies_in_its_interval_and_more_pictures_make_it_narrower() -> None:
    widths = []
    for pictures in (500, 5000):
        evaluation = random_evaluation(pictures)
        low, high = f1_interval(evaluation.confusion)
        f1 = np.array([f1_score(evaluation.true == k, evaluation.predicted == k) for k in range(10)])
        assert (low <= f1).all()
        assert (f1 <= high).all()
        widths.append((high - low).mean())
    assert widths[1] < widths[0] / 2


def test_shares_sum_to_one_where_there_is_something_to_share() -> None:
    counts = random_evaluation(1000).confusion.copy()
    counts[:, 4] = 0
    counts[7] = 0
    np.testing.assert_allclose(per_real(counts).sum(1), [0 if k == 7 else 1 for k in range(10)])
    np.testing.assert_allclose(per_said(counts).sum(0), [0 if k == 4 else 1 for k in range(10)])


def test_cells_speak_sentences() -> None:
    counts = counts_with(cat_dog=131, dog_cat=1, deer_horse=3)
    assert row_words(counts, (3,), (5,)) == "131 of 1000 real cats were called dog."
    assert row_words(counts, (5,), (3,)) == "1 of 1000 real dogs was called cat."
    assert row_words(counts, (3,), (3,)) == "869 of 1000 real cats were called cat."
    assert row_words(counts, (3,), ALL) == "1000 real cats: 869 answers are right, 131 wrong."
    assert row_words(counts, ALL, ALL) == "10,000 pictures: 9865 answers are right, 135 wrong."
    assert column_words(counts, (3,), (5,)) == "Of 1130 pictures that were called dog, 131 are really cats."
    assert column_words(counts, (5,), (3,)) == "Of 870 pictures that were called cat, 1 is really a dog."
    assert column_words(counts, ALL, (5,)) == "1130 pictures were called dog: 999 rightly, 131 wrongly."
    assert row_words(counts, (4,), (7,)) == "3 of 1000 real deer were called horse."


def test_groups_and_pairs_speak_too() -> None:
    counts = counts_with(cat_truck=5, ship_bird=7, cat_dog=2)
    animals, vehicles = GROUPS.values()
    assert row_words(counts, animals, vehicles) == "5 of 6000 real animals were called vehicle."
    assert column_words(counts, vehicles, animals) == "Of 6002 pictures that were called animal, 7 are really vehicles."
    assert row_words(counts, (3, 5), (3, 5)) == "1995 of 2000 real cats or dogs were called cat or dog."


def test_an_answer_never_given_is_said_so() -> None:
    counts = counts_with(cat_dog=1000)
    assert column_words(counts, (5,), (3,)) == "No picture was called cat."
    assert column_words(counts, ALL, (3,)) == "No picture was called cat."


def test_animals_and_vehicles_partition_the_classes() -> None:
    assert sorted(k for group in GROUPS.values() for k in group) == list(range(10))
    counts = random_evaluation(2000).confusion
    groups = collapse(counts)
    assert groups.sum() == 2000
    assert groups[0, 1] == counts[np.ix_(GROUPS["animals"], GROUPS["vehicles"])].sum()


def test_pairs_count_both_directions_the_most_often_first() -> None:
    pairs = confused_pairs(counts_with(cat_dog=131, dog_cat=72, truck_ship=150, deer_horse=1))
    assert [(p.first, p.second, p.there, p.back) for p in pairs] == [(3, 5, 131, 72), (9, 8, 150, 0), (4, 7, 1, 0)]
    assert pairs[0].words == "Cats and dogs were mixed up 203 times: 131 cats were called dog, 72 dogs were called cat."
    assert (
        pairs[1].words == "Trucks and ships were mixed up 150 times: 150 trucks were called ship, no ship was called truck."
    )
    assert pairs[2].words == "Deer and horses were mixed up once: 1 deer was called horse, no horse was called deer."
    assert confused_pairs(counts_with()) == []


def test_orders_hold_every_class_once() -> None:
    for counts in (random_evaluation(1000).confusion, counts_with(), np.zeros((10, 10), dtype=int)):
        for places in orders(counts).values():
            assert sorted(places) == list(range(10))


def test_by_recall_the_best_come_first() -> None:
    places = orders(counts_with(cat_dog=300, bird_deer=100))["recall"]
    assert places[-2:] == [2, 3]


def test_by_similarity_animals_and_vehicles_come_apart() -> None:
    random = np.random.default_rng(3)
    counts = random.poisson(2, (10, 10))
    for group in GROUPS.values():
        counts[np.ix_(group, group)] += random.poisson(60, (len(group), len(group)))
    np.fill_diagonal(counts, 800)
    places = orders(counts)["similarity"]
    animal = [k in GROUPS["animals"] for k in places]
    assert sum(one != other for one, other in pairwise(animal)) == 1


def test_numbers_get_a_comma_from_ten_thousand_on() -> None:
    assert [number(n) for n in (0, 1000, 9999, 10_000)] == ["0", "1000", "9999", "10,000"]
