"""Comparing two models: numbers as by hand and by scipy, a band that keeps its promise, words that claim no more."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from scipy.stats import fisher_exact

from diclam.compare import Comparison, Spread, alike_but_for_the_seed, mcnemar, p_words, spread_of
from diclam.errors import ConfigError
from diclam.evaluate import Evaluation
from tests.conftest import random_evaluation

ONE, OTHER = random_evaluation(2000, seed=1), random_evaluation(2000, seed=2)


def answering(cells: np.ndarray, count: int = 1000) -> Evaluation:
    """`count` pictures a class; `cells` (10, 10) of them said as they say, the rest of a row right."""
    rest = count - cells.sum(1)
    predicted = np.concatenate([np.repeat(np.arange(10), cells[k] + rest[k] * (np.arange(10) == k)) for k in range(10)])
    return replace(random_evaluation(10), true=np.repeat(np.arange(10), count), predicted=predicted)


def with_dogs(cats_called_dog: int) -> Evaluation:
    cells = np.zeros((10, 10), int)
    cells[3, 5] = cats_called_dog
    return answering(cells)


def test_the_difference_and_the_pictures_behind_it_agree() -> None:
    comparison = Comparison(ONE, OTHER)
    for real in range(10):
        for said in range(10):
            left, came = comparison.changed(real, said)
            assert len(came) - len(left) == comparison.difference[real, said]
            assert all(ONE.true[k] == real and ONE.predicted[k] == said != OTHER.predicted[k] for k in left)
            assert all(OTHER.true[k] == real and OTHER.predicted[k] == said != ONE.predicted[k] for k in came)
    assert not comparison.difference.sum(1).any()


def test_turned_round_the_signs_turn_and_nothing_else() -> None:
    there, back = Comparison(ONE, OTHER), Comparison(OTHER, ONE)
    assert (there.difference == -back.difference).all()
    assert (there.beyond == back.beyond).all()
    assert there.p == back.p
    assert (there.only_one, there.only_other) == (back.only_other, back.only_one)


def test_discordant_pictures_are_counted_one_by_one() -> None:
    pairs = list(zip(ONE.true, ONE.predicted, OTHER.predicted, strict=True))
    comparison = Comparison(ONE, OTHER)
    assert comparison.only_one == sum(t == a != b for t, a, b in pairs)
    assert comparison.only_other == sum(t == b != a for t, a, b in pairs)
    assert comparison.only_other - comparison.only_one == round(2000 * (OTHER.accuracy - ONE.accuracy))


@pytest.mark.parametrize(("left", "right"), [(0, 0), (0, 1), (3, 3), (0, 5), (2, 9), (40, 61), (61, 40)])
def test_mcnemar_is_the_binomial_tail_summed_by_hand(left: int, right: int) -> None:
    n = left + right
    tail = 2 * sum(comb(n, k) for k in range(min(left, right) + 1)) / 2**n
    assert mcnemar(left, right) == pytest.approx(min(1.0, tail))


@pytest.mark.parametrize("rate", [0.0005, 0.002, 0.01, 0.13, 0.5, 0.95])
def test_two_tests_of_one_model_stay_within_the_band_95_times_of_100(rate: float) -> None:
    random = np.random.default_rng(int(1e4 * rate))
    tries, outside = 40, 0
    for _ in range(tries):
        tests = []
        for _ in range(2):
            cells = np.zeros((10, 10), int)
            cells[np.arange(10), (np.arange(10) + 1) % 10] = random.binomial(1000, rate, 10)
            tests.append(answering(cells))
        comparison = Comparison(*tests)
        outside += comparison.beyond[np.arange(10), (np.arange(10) + 1) % 10].sum()
    assert outside <= 10 * tries * 0.05 + 3 * np.sqrt(10 * tries * 0.05 * 0.95)


@pytest.mark.parametrize("before", [0, 5, 60, 500])
def test_the_band_ends_where_fisher_s_exact_test_finds_a_difference(before: int) -> None:
    def exact(after: int) -> float:
        return float(fisher_exact([[before, 1000 - before], [after, 1000 - after]]).pvalue)  # pyright: ignore[reportAttributeAccessIssue]

    afters = range(before, before + 100)
    beyond = [k for k in afters if Comparison(with_dogs(before), with_dogs(k)).beyond[3, 5]]
    found = [k for k in afters if exact(k) < 0.05]
    # The exact test is a little slower to find one, as it may never say so more than 5 times of 100.
    assert found[0] - 4 <= beyond[0] <= found[0]
    assert beyond == list(afters)[beyond[0] - before :]


def test_one_model_twice_is_no_difference() -> None:
    comparison = Comparison(ONE, ONE)
    assert not comparison.difference.any()
    assert not comparison.beyond.any()
    assert comparison.p == 1
    assert comparison.words("A", "B") == "A and B are right on exactly the same pictures."


def test_the_words_name_the_better_one_first_whichever_way_round() -> None:
    worse, better = with_dogs(300), with_dogs(100)
    for first, second, names in ((worse, better, ("A", "B")), (better, worse, ("B", "A"))):
        assert Comparison(first, second).words(*names) == (
            "B is right on 200 pictures where A is wrong, A on 0 where B is wrong: more than chance would give (p < 0.001)."
        )
    words = Comparison(with_dogs(3), with_dogs(1)).words("A", "B")
    assert words.endswith("chance alone would give as much (p = 0.50).")


def test_small_probabilities_are_not_zero() -> None:
    assert [p_words(p) for p in (0.0, 0.00099, 0.0042, 0.049, 1.0)] == [
        "p < 0.001", "p < 0.001", "p = 0.004", "p = 0.05", "p = 1.00",
    ]  # fmt: skip


def test_other_pictures_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="same pictures"):
        Comparison(ONE, random_evaluation(1000))
    with pytest.raises(ConfigError, match="same pictures"):
        Comparison(ONE, replace(OTHER, true=OTHER.true[::-1].copy()))


def drawn(rates: np.ndarray, random: np.random.Generator) -> Evaluation:
    return answering(np.array([random.multinomial(1000, row) for row in rates]))


def test_seeds_that_add_nothing_measure_the_noise_of_the_test_alone() -> None:
    random = np.random.default_rng(0)
    rates = 0.8 * np.eye(10) + 0.02
    measured = spread_of([[drawn(rates, random) for _ in range(4)] for _ in range(5)])
    assert measured is not None
    assert measured.models == 20
    assert measured.factor == pytest.approx(1, abs=0.12)


def test_seeds_that_wander_widen_the_band_by_as_much() -> None:
    random = np.random.default_rng(1)
    groups = []
    for _ in range(6):
        rates = np.array([random.dirichlet(90 * (0.8 * np.eye(10) + 0.02)[k]) for k in range(10)])
        other = np.array([random.dirichlet(90 * (0.8 * np.eye(10) + 0.02)[k]) for k in range(10)])
        groups.append([drawn(rates, random), drawn(other, random)])
    measured = spread_of(groups)
    assert measured is not None
    # Dirichlet and multinomial: the variance is (1000 + 90) / (1 + 90) times the binomial one.
    assert measured.factor == pytest.approx(np.sqrt(1090 / 91), rel=0.25)
    plain, wide = Comparison(ONE, OTHER), Comparison(ONE, OTHER, measured)
    np.testing.assert_allclose(wide.band, measured.factor * plain.band)
    assert "measured: 12 models" in wide.band_words()
    assert "another seed" in plain.band_words()


def test_without_two_seeds_there_is_no_spread() -> None:
    assert spread_of([]) is None
    assert spread_of([[ONE]]) is None
    assert spread_of([[ONE, random_evaluation(1000)]]) is None
    assert spread_of([[ONE, ONE]]) is None  # a copy is no second seed
    assert Comparison(ONE, OTHER, Spread(2.0, 3)).band[0, 0] > Comparison(ONE, OTHER).band[0, 0]


def test_runs_are_alike_when_only_the_seed_differs() -> None:
    base = {"recipe": "report", "budget": 60.0, "model": {"heads": 2}}
    configs = {
        "a": {**base, "seed": 0}, "b": {**base, "seed": 1}, "c": {**base, "seed": 1, "budget": 90.0},
        "d": {"seed": 2, **base}, "e": {**base, "seed": 0, "budget": 90.0}, "f": {**base, "seed": 0, "recipe": "fast"},
    }  # fmt: skip
    assert sorted(alike_but_for_the_seed(configs)) == [["a", "b", "d"], ["c", "e"]]
    assert alike_but_for_the_seed({"a": {**base, "seed": 0}, "b": {**base, "seed": 0}}) == []
