"""Two models on the same test pictures: where they differ, and whether by more than noise.

Matrices are (10, 10) as everywhere: rows are what the pictures really are, columns what a model said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from scipy.stats import binomtest

from diclam.confusion import Z, number
from diclam.errors import ConfigError
from diclam.evaluate import Evaluation


@dataclass(frozen=True, eq=False)
class Spread:
    """How much models of one recipe differ that were trained alike but for the seed."""

    factor: float
    """Standard deviation of a cell over the seeds, as a multiple of what the binomial noise of the test alone gives it."""
    models: int
    """How many models it was measured on."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models that answered the same pictures. Raises ConfigError when they did not."""

    one: Evaluation
    other: Evaluation
    spread: Spread | None = None
    """Measured between seeds; without it, the band is what two tests of one model would give."""

    def __post_init__(self) -> None:
        if not np.array_equal(self.one.true, self.other.true):
            raise ConfigError(
                f"Expected two tests on the same pictures; got {len(self.one.true)} and {len(self.other.true)} pictures "
                "that are not the same. Test both models anew."
            )

    @cached_property
    def difference(self) -> np.ndarray:
        """(10, 10): how many more pictures the other model has in each cell."""
        return self.other.confusion - self.one.confusion

    @cached_property
    def band(self) -> np.ndarray:
        """(10, 10): up to this size a difference is within the noise, 95 times of 100.

        The count of a cell is binomial in the pictures of its real class. Both models share one rate when they do not
        differ; it is estimated after Agresti and Caffo (2000), who add a picture of each kind to either test, which keeps
        the promise for rare cells too. Two tests on the same pictures differ less than this, if anything.
        """
        n = self.one.confusion.sum(1, keepdims=True)
        rate = (self.one.confusion + self.other.confusion + 2) / (2 * n + 4)
        factor = self.spread.factor if self.spread else 1.0
        return Z * factor * np.sqrt(2 * (n + 2) * rate * (1 - rate))

    @cached_property
    def beyond(self) -> np.ndarray:
        """(10, 10) bool: cells whose difference is more than noise."""
        return np.abs(self.difference) > self.band

    @cached_property
    def only_one(self) -> int:
        """Pictures that only the first model gets right."""
        return int((self._right(self.one) & ~self._right(self.other)).sum())

    @cached_property
    def only_other(self) -> int:
        """Pictures that only the other model gets right."""
        return int((self._right(self.other) & ~self._right(self.one)).sum())

    @cached_property
    def p(self) -> float:
        """McNemar's exact test: how likely chance alone splits the pictures that one of the two gets right at least as
        unevenly, if both are equally good."""
        return mcnemar(self.only_one, self.only_other)

    def changed(self, real: int, said: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the pictures of one real class that only the first model put into this cell, and those that only the
        other did, ascending."""
        first, second = ((e.true == real) & (e.predicted == said) for e in (self.one, self.other))
        return np.flatnonzero(first & ~second), np.flatnonzero(second & ~first)

    def words(self, one: str, other: str) -> str:
        """The overall difference in words, of models with these names."""
        if self.only_one + self.only_other == 0:
            return f"{one} and {other} are right on exactly the same pictures."
        (more, much), (less, little) = ((other, self.only_other), (one, self.only_one))
        if much < little:
            (more, much), (less, little) = ((less, little), (more, much))
        verdict = "more than chance would give" if self.p < 0.05 else "chance alone would give as much"
        return (
            f"{more} is right on {number(much)} pictures where {less} is wrong, {less} on {number(little)} where {more} is "
            f"wrong: {verdict} ({p_words(self.p)})."
        )

    def band_words(self) -> str:
        """What the band is made of."""
        if self.spread:
            return (
                f"The band is measured: {self.spread.models} models that were trained alike but for the seed differ "
                f"{self.spread.factor:.2f} times as much as the noise of a test this size."
            )
        return (
            "The band is what two tests of this size give 95 times of 100 when nothing differs. Training again with another "
            "seed changes the numbers as well: that noise comes on top."
        )

    @staticmethod
    def _right(evaluation: Evaluation) -> np.ndarray:
        return evaluation.true == evaluation.predicted


def mcnemar(only_one: int, only_other: int) -> float:
    """McNemar's exact two-sided p for counts of pictures that only one of two models gets right."""
    total = only_one + only_other
    return float(binomtest(only_one, total, 0.5).pvalue) if total else 1.0


def p_words(p: float) -> str:
    """'p = 0.04', 'p < 0.001'."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"


def spread_of(groups: Iterable[Sequence[Evaluation]]) -> Spread | None:
    """Measured on groups of models that were trained alike but for the seed; None when no group has two models that were
    tested on the same pictures.

    One cell over a few seeds tells little, so all cells are put together: their variances over the seeds are added up and
    divided by the sum of those that the binomial noise of a test gives them.
    """
    measured = expected = 0.0
    models = 0
    for group in groups:
        counts = np.array([e.confusion for e in group if np.array_equal(e.true, group[0].true)], float)
        if len(counts) < 2:
            continue
        mean = counts.mean(0)
        n = np.maximum(mean.sum(1, keepdims=True), 1)
        freedom = len(counts) - 1
        measured += freedom * float(counts.var(0, ddof=1).sum())
        expected += freedom * float((mean * (1 - mean / n)).sum())
        models += len(counts)
    return Spread(float(np.sqrt(measured / expected)), models) if measured and expected else None


def alike_but_for_the_seed(configs: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Names of runs in groups of two and more whose settings differ in nothing but the seed, with different seeds.
    `configs` holds the settings of each run by its name."""

    def others(name: str) -> str:
        return repr(sorted((key, value) for key, value in configs[name].items() if key != "seed"))

    groups = []
    for _, names in groupby(sorted(configs, key=lambda name: (others(name), name)), key=others):
        by_seed = {repr(configs[name].get("seed")): name for name in names}
        if len(by_seed) > 1:
            groups.append(sorted(by_seed.values()))
    return groups
