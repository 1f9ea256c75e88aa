"""A selection finds exactly the pictures that fit, in the asked order, and refuses what makes no sense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diclam.errors import ConfigError
from diclam.evaluate import Evaluation
from diclam.selection import ALL, SORTS, Selection
from diclam.suspects import Suspect
from tests.conftest import random_evaluation


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return random_evaluation(3000)


def test_every_cell_finds_as_many_pictures_as_it_counts(evaluation: Evaluation) -> None:
    for real in range(10):
        for said in range(10):
            found = Selection((real,), (said,)).find(evaluation)
            assert len(found) == evaluation.confusion[real, said]
            assert (evaluation.true[found] == real).all()
            assert (evaluation.predicted[found] == said).all()


def test_a_row_a_column_and_everything(evaluation: Evaluation) -> None:
    assert len(Selection(real=(3,)).find(evaluation)) == evaluation.confusion[3].sum()
    assert len(Selection(said=(3,)).find(evaluation)) == evaluation.confusion[:, 3].sum()
    assert sorted(Selection().find(evaluation)) == list(range(3000))
    assert len(Selection(real=(3, 5), said=(3, 5)).find(evaluation)) == evaluation.confusion[np.ix_((3, 5), (3, 5))].sum()


def test_filters_combine(evaluation: Evaluation) -> None:
    found = Selection(real=(3,), wrong=True, confidence=(0.2, 0.6), gate=(0.5, 1.0)).find(evaluation)
    sure = evaluation.probabilities.max(1)
    fits = (
        (evaluation.true == 3)
        & (evaluation.predicted != 3)
        & (sure >= 0.2)
        & (sure <= 0.6)
        & (evaluation.gates[:, 0] >= 0.5)
    )
    assert set(found) == set(np.flatnonzero(fits))
    assert 0 < len(found) < evaluation.confusion[3].sum()


def test_doubtful_labels_combine_with_the_other_filters(evaluation: Evaluation) -> None:
    suspects = {k: Suspect(k, k % 10, (k + 1) % 10, 0.1, 1, 1) for k in range(0, 3000, 7)}
    doubted = replace(evaluation, suspects=suspects)
    for wrong in (False, True):
        found = Selection(real=(3,), wrong=wrong, doubtful=True).find(doubted)
        fits = [k for k in suspects if k % 10 == 3 and (not wrong or evaluation.predicted[k] != 3)]
        assert sorted(found) == fits
    assert not len(Selection(doubtful=True).find(evaluation))


def test_sorted_as_asked(evaluation: Evaluation) -> None:
    sure, gate = evaluation.probabilities.max(1), evaluation.gates[:, 0]
    second = np.sort(evaluation.probabilities, axis=1)[:, -2]
    rising = {
        "surest": -sure, "least sure": sure, "closest call": sure - second, "most expert 1": -gate, "most expert 2": gate,
        "number": np.arange(3000),
    }  # fmt: skip
    assert set(rising) == set(SORTS)
    for sort, values in rising.items():
        found = Selection(real=(3,), sort=sort).find(evaluation)
        assert (np.diff(values[found]) >= 0).all(), sort


def test_only_filters_make_it_filtered() -> None:
    assert not Selection((3,), (5,), sort="number").filtered
    assert all(
        chosen.filtered
        for chosen in (
            Selection(wrong=True),
            Selection(doubtful=True),
            Selection(gate=(0, 0.5)),
            Selection(confidence=(0.1, 1)),
        )
    )


def test_words_follow_the_reading_direction(evaluation: Evaluation) -> None:
    assert Selection((3,), (5,)).words(evaluation).endswith("real cats were called dog.")
    assert "pictures were called dog" in Selection(said=(5,)).words(evaluation)
    assert Selection().real == ALL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real": (99,)}, r"numbers in 0 \.\. 9"),
        ({"real": (-1,)}, r"numbers in 0 \.\. 9"),
        ({"said": ()}, "classes"),
        ({"said": (3, 3)}, "different classes"),
        ({"said": (True,)}, "classes"),
        ({"said": ("3",)}, "classes"),
        ({"real": [3]}, "classes"),
        ({"wrong": 1}, "true or false"),
        ({"doubtful": None}, "true or false"),
        ({"confidence": (0.9, 0.1)}, "confidence"),
        ({"confidence": (0, 1.5)}, "confidence"),
        ({"gate": (float("nan"), 1.0)}, "gate"),
        ({"gate": (0.1,)}, "gate"),
        ({"gate": ("0", 1)}, "gate"),
        ({"sort": "beauty"}, "sorted by"),
        ({"sort": ["surest"]}, "sorted by"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Selection(**changes)


def test_between_two_answers_the_border_is_theirs(evaluation: Evaluation) -> None:
    found = Selection(said=(3, 5), sort="closest call").find(evaluation)
    apart = np.abs(evaluation.probabilities[:, 3] - evaluation.probabilities[:, 5])
    assert (np.diff(apart[found]) >= 0).all()
