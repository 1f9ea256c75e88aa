"""Which expert is used for which classes, over all test pictures, and whether that is more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.metrics import mutual_info_score

from diclam.data import CLASSES
from diclam.evaluate import Evaluation

BINS = 25
"""Of the histogram, over gates 0 to 1."""
GROUPS = 32
"""Groups of equally many pictures by gate, in which the information about the class is counted."""
SHUFFLES = 50
BARELY = 0.1
"""Bits. Knowing the class takes log2(10) = 3.32 bits; a gate that tells less than this tells next to nothing."""
NAMED = 2
"""Classes in the name of an expert."""


@dataclass(frozen=True, eq=False)
class GatesByClass:
    """The gate of expert 1 over labelled pictures; that of expert 2 is what is left to 1."""

    counts: np.ndarray
    """(10, 25) pictures by real class and gate of expert 1, in equal steps from 0 to 1."""
    means: np.ndarray
    """(10, 2) mean gate of each expert by real class; not a number where a class has no picture."""
    information: float
    """Mutual information of gate and real class, in bits."""
    by_chance: np.ndarray
    """(shuffles,) the same with shuffled classes. Above 0, as a finite number of pictures always seems to tell something."""

    @property
    def excess(self) -> float:
        """Bits that the gate tells about the class beyond chance, at least 0."""
        return max(0.0, self.information - float(self.by_chance.mean()))

    @property
    def barely_differ(self) -> bool:
        """Whether the gates hardly differ between the classes: no more information than shuffling gives, or too little to
        matter."""
        return bool(self.information <= self.by_chance.max() or self.excess < BARELY)

    def used_most_for(self, expert: int) -> tuple[str, ...]:
        """The two classes with the highest mean gate of an expert, 0 or 1; the highest first."""
        order = np.argsort(-self.means[:, expert], kind="stable")  # what is no number comes last
        return tuple(CLASSES[k] for k in order[:NAMED])

    def name(self, expert: int) -> str:
        """'expert 2, used most for ship and truck'; without classes when the gates barely differ between them."""
        number = f"expert {expert + 1}"
        return number if self.barely_differ else f"{number}, used most for {' and '.join(self.used_most_for(expert))}"

    @cached_property
    def edges(self) -> np.ndarray:
        """(26,) where the bins of `counts` begin and end."""
        return np.linspace(0, 1, BINS + 1)

    def to_json(self) -> dict[str, Any]:
        return {
            "names": [self.name(expert) for expert in range(2)],
            "edges": self.edges.tolist(),
            "counts": dict(zip(CLASSES, self.counts.tolist(), strict=True)),
            "information_bits": self.information,
            "information_by_chance_bits": [float(self.by_chance.mean()), float(self.by_chance.max())],
            "barely_differ": self.barely_differ,
        }


def gates_by_class(evaluation: Evaluation, *, seed: int = 0) -> GatesByClass:
    """The figures of an evaluation's gates and real classes. The same seed shuffles the same way."""
    true, gate = evaluation.true, evaluation.gates[:, 0].astype(np.float64)
    counts = np.zeros((len(CLASSES), BINS), np.int64)
    np.add.at(counts, (true, (gate * BINS).astype(int).clip(0, BINS - 1)), 1)
    pictures = counts.sum(1)
    sums = np.bincount(true, gate, minlength=len(CLASSES))
    mean = np.divide(sums, pictures, out=np.full(len(CLASSES), np.nan), where=pictures > 0)
    # Equal gates stay in one group, so that a router that gives every picture the same tells nothing.
    group = np.searchsorted(np.quantile(gate, np.arange(1, GROUPS) / GROUPS), gate, side="right")
    dice = np.random.default_rng(seed)
    by_chance = [_bits(dice.permutation(true), group) for _ in range(SHUFFLES)]
    return GatesByClass(counts, np.stack([mean, 1 - mean], 1), _bits(true, group), np.array(by_chance))


def _bits(true: np.ndarray, group: np.ndarray) -> float:
    return float(mutual_info_score(true, group)) / math.log(2)
