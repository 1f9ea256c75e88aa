"""The chart of the gates shows their counts and means, and says so when they barely differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from demo.components.gates_chart import GatesChart, words
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.gates import gates_by_class
from tests.conftest import random_evaluation
from tests.test_gates import leaning


def test_each_class_has_its_bars_and_its_means() -> None:
    gates = gates_by_class(leaning())
    sent = GatesChart().postprocess(gates)
    assert sent is not None
    assert [row["name"] for row in sent["rows"]] == list(CLASSES)
    for row, counts, means in zip(sent["rows"], gates.counts, gates.means, strict=True):
        heights = np.array([bar["height"] for bar in row["bars"]])
        np.testing.assert_allclose(heights, 100 * counts / counts.max(), atol=0.051)
        assert (row["one"], row["two"]) == (percent(means[0]), percent(means[1]))
        assert row["at"] == pytest.approx(100 * means[0], abs=0.051)
    sides = [bar["side"] for bar in sent["rows"][0]["bars"]]
    assert sides == sorted(sides, reverse=True)  # expert 2 on the left
    assert set(sides) == {"gc-one", "gc-two"}
    assert f"tells {gates.information:.2f} of the 3.32 bits" in sent["information"]


def test_the_words_name_classes_only_when_the_gates_differ() -> None:
    gates = gates_by_class(leaning())
    assert words(gates).endswith("expert 2 for ship and truck.")
    flat = gates_by_class(random_evaluation(2000))
    assert words(flat).startswith("The gates barely differ")
    assert not any(name in words(flat) for name in CLASSES)


def test_a_class_without_pictures_has_no_mean() -> None:
    evaluation = random_evaluation(500)
    sent = GatesChart().postprocess(
        gates_by_class(replace(evaluation, true=np.where(evaluation.true == 4, 5, evaluation.true)))
    )
    assert sent is not None
    deer = sent["rows"][4]
    assert (deer["known"], deer["one"]) == (False, "")
    assert not any(bar["height"] for bar in deer["bars"])
    assert GatesChart().postprocess(None) is None
