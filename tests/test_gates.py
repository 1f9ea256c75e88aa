"""An expert is named by the pictures that use it, and only when the gates tell more than chance."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from diclam.data import CLASSES
from diclam.evaluate import Evaluation
from diclam.gates import gates_by_class
from tests.conftest import random_evaluation


def with_gates(gate: np.ndarray, true: np.ndarray | None = None) -> Evaluation:
    """Answers whose first gates are these."""
    evaluation = random_evaluation(len(gate))
    gates = np.stack([gate, 1 - gate], 1).astype(np.float32)
    return replace(evaluation, gates=gates, true=evaluation.true if true is None else true)


def leaning(count: int = 4000) -> Evaluation:
    """Gates around one half; for ships and trucks expert 2 gets much more, for frogs a little."""
    true = np.arange(count) % 10
    lean = np.zeros(10)
    lean[[CLASSES.index("ship"), CLASSES.index("truck"), CLASSES.index("frog")]] = 0.3, 0.25, 0.1
    dice = np.random.default_rng(0)
    return with_gates(0.5 - lean[true] + dice.normal(0, 0.03, count))


def test_an_expert_is_named_by_the_classes_that_use_it_most() -> None:
    gates = gates_by_class(leaning())
    assert not gates.barely_differ
    assert gates.used_most_for(1) == ("ship", "truck")
    assert gates.name(1) == "expert 2, used most for ship and truck"
    assert not set(gates.used_most_for(0)) & {"ship", "truck", "frog"}


def test_gates_that_do_not_know_the_class_name_nobody() -> None:
    gates = gates_by_class(with_gates(np.random.default_rng(1).uniform(size=4000)))
    assert gates.barely_differ
    assert gates.excess < 0.02
    assert [gates.name(expert) for expert in range(2)] == ["expert 1", "expert 2"]


def test_gates_that_lean_by_a_hair_are_not_sold_as_specialised() -> None:
    """Beyond chance, and still next to nothing."""
    true = np.arange(10_000) % 10
    gates = gates_by_class(with_gates(0.5 + 0.03 * (true == 3) + np.random.default_rng(1).normal(0, 0.03, 10_000)))
    assert gates.information > gates.by_chance.max()
    assert gates.barely_differ


def test_a_few_pictures_prove_nothing() -> None:
    """With sixty pictures, gates that know nothing seem to tell a tenth of a bit, now and then; so do shuffled classes."""
    gates = gates_by_class(with_gates(np.random.default_rng(22).uniform(size=60)))
    assert gates.excess > 0.1
    assert gates.barely_differ


def test_gates_that_are_all_the_same_tell_nothing() -> None:
    gates = gates_by_class(with_gates(np.full(500, 1.0)))
    assert gates.information == pytest.approx(0, abs=1e-9)
    assert gates.barely_differ
    assert gates.counts[:, -1].tolist() == [50] * 10


def test_gates_that_give_the_class_away_tell_all_of_it() -> None:
    gates = gates_by_class(with_gates((np.arange(6400) % 10) / 10 + 0.05))
    assert gates.information == pytest.approx(math.log2(10), abs=1e-6)


def test_information_counts_bits() -> None:
    """Half of the classes always get expert 1, the others always expert 2: one bit."""
    gates = gates_by_class(with_gates((np.arange(2000) % 10 < 5).astype(float)))
    assert gates.information == pytest.approx(1)
    assert gates.excess == pytest.approx(1, abs=0.02)


def test_means_and_counts_match_a_count_by_hand() -> None:
    evaluation = leaning(700)
    gates = gates_by_class(evaluation)
    for k in range(10):
        own = evaluation.gates[evaluation.true == k]
        np.testing.assert_allclose(gates.means[k], own.mean(0), atol=1e-6)
        np.testing.assert_array_equal(gates.counts[k], np.histogram(own[:, 0].astype(float), gates.edges)[0])
    assert gates.counts.sum() == 700


def test_a_class_without_pictures_names_no_expert() -> None:
    evaluation = leaning()
    gates = gates_by_class(with_gates(evaluation.gates[:, 0], np.where(evaluation.true == 8, 9, evaluation.true)))
    assert np.isnan(gates.means[8]).all()
    assert gates.used_most_for(1)[0] == "truck"
    assert "ship" not in gates.used_most_for(0) + gates.used_most_for(1)


def test_a_seed_names_the_shuffles() -> None:
    first, again, other = (gates_by_class(leaning(), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.by_chance, again.by_chance)
    assert not np.array_equal(first.by_chance, other.by_chance)


def test_json_holds_plain_numbers() -> None:
    gates = gates_by_class(leaning())
    content = json.loads(json.dumps(gates.to_json()))
    assert content["names"][1] == "expert 2, used most for ship and truck"
    assert list(content["counts"]) == list(CLASSES)
    assert content["information_bits"] == gates.information
