"""What a confusion matrix tells: shares and how sure they are, sentences, the pairs mixed up most, orders of the classes.

Counts are (K, K) integers everywhere: rows are what the pictures really are, columns what the model said. K is 10 for the
classes, or the number of groups that `collapse` made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from diclam.data import CLASSES

PLURALS = ("airplanes", "automobiles", "birds", "cats", "deer", "dogs", "frogs", "horses", "ships", "trucks")
GROUPS = {"animals": (2, 3, 4, 5, 6, 7), "vehicles": (0, 1, 8, 9)}
Z = 1.959963984540054  # the normal distribution's 97.5 % point


def number(count: float) -> str:
    """1000 -> '1000', 10000 -> '10,000'."""
    return f"{count:,.0f}" if count >= 10_000 else f"{count:.0f}"


def wilson(counts: Any, totals: Any) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of the shares `counts / totals` after Wilson (1927), as (low, high) of any shape: sensible near 0
    and 1 too. Where a total is 0 nothing is known: 0 .. 1."""
    counts, totals = np.asarray(counts, float), np.asarray(totals, float)
    n = np.maximum(totals, 1)
    p = counts / n
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)
    # Exact at the ends, where rounding would leave 1e-17.
    low, high = np.where(counts == 0, 0.0, low), np.where(counts == n, 1.0, high)
    return np.where(totals > 0, low, 0.0), np.where(totals > 0, high, 1.0)


def f1_interval(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of each class's F1 (K,): F1 = 2 J / (1 + J) grows with the share J of right answers among all
    pictures that are the class or were called it, and J has a Wilson interval."""
    right = np.diag(counts)
    low, high = wilson(right, counts.sum(0) + counts.sum(1) - right)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def per_real(counts: np.ndarray) -> np.ndarray:
    """(K, K) shares of each real class; rows sum to 1, or are 0 where the class has no pictures."""
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def per_said(counts: np.ndarray) -> np.ndarray:
    """(K, K) shares of each answer; columns sum to 1, or are 0 where it was never given."""
    return counts / np.maximum(counts.sum(0, keepdims=True), 1)


def collapse(counts: np.ndarray) -> np.ndarray:
    """(2, 2): animals against vehicles."""
    members = list(GROUPS.values())
    return np.array([[counts[np.ix_(real, said)].sum() for said in members] for real in members])


def orders(counts: np.ndarray) -> dict[str, list[int]]:
    """Name -> the classes in that order: as listed, by recall, by similarity (classes that are mixed up side by side)."""
    recall = np.diag(per_real(counts))
    return {
        "listed": list(range(len(counts))),
        "recall": np.argsort(-recall, kind="stable").tolist(),
        "similarity": _by_similarity(counts),
    }


def _by_similarity(counts: np.ndarray) -> list[int]:
    """Leaves of the hierarchical clustering of the errors, average linkage, neighbours as alike as the tree allows."""
    shares = per_real(counts)
    mixed = shares + shares.T
    np.fill_diagonal(mixed, 0)
    # The square root keeps one very common mix-up from making all others look equally far apart.
    distance = 1 - np.sqrt(mixed / max(mixed.max(), 1e-12))
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True)).tolist()


@dataclass(frozen=True)
class Pair:
    """Two classes and how often one was called the other."""

    first: int
    second: int
    there: int
    """Pictures of the first class that were called the second."""
    back: int

    @property
    def words(self) -> str:
        """'Cats and dogs were mixed up 203 times: 131 cats were called dog, 72 dogs were called cat.'"""
        a, b = self.first, self.second
        return (
            f"{PLURALS[a].capitalize()} and {PLURALS[b]} were mixed up {times(self.there + self.back)}: "
            f"{called(self.there, a, b)}, {called(self.back, b, a)}."
        )


def confused_pairs(counts: np.ndarray) -> list[Pair]:
    """The pairs of classes that were mixed up at all, the most often first; within a pair the more frequent way first."""
    pairs = []
    for a in range(len(counts)):
        for b in range(a):
            first, second = (a, b) if counts[a, b] >= counts[b, a] else (b, a)
            pairs.append(Pair(first, second, int(counts[first, second]), int(counts[second, first])))
    return sorted((p for p in pairs if p.there), key=lambda p: (-p.there - p.back, p.first, p.second))


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{number(count)} times")


def called(count: int, real: int, said: int) -> str:
    """'131 cats were called dog', '1 cat was called dog', 'no cat was called dog'."""
    if count == 1:
        return f"1 {CLASSES[real]} was called {CLASSES[said]}"
    if count == 0:
        return f"no {CLASSES[real]} was called {CLASSES[said]}"
    return f"{number(count)} {PLURALS[real]} were called {CLASSES[said]}"


def names_of(members: tuple[int, ...]) -> tuple[str, str]:
    """(singular, plural) of some classes: ('cat', 'cats'), ('animal', 'animals'), ('cat or dog', 'cats or dogs'); of all
    ten ('picture', 'pictures')."""
    if len(members) == len(CLASSES):
        return "picture", "pictures"
    for plural, group in GROUPS.items():
        if members == group:
            return plural.removesuffix("s"), plural
    return _either(CLASSES, members), _either(PLURALS, members)


def _either(names: tuple[str, ...], members: tuple[int, ...]) -> str:
    *first, last = [names[k] for k in members]
    return f"{', '.join(first)} or {last}" if first else last


def row_words(counts: np.ndarray, real: tuple[int, ...], said: tuple[int, ...]) -> str:
    """Of what a picture really is: '131 of 1000 real cats were called dog.' `counts` are of the ten classes; `real` and
    `said` name some of them, all ten for any."""
    count, total = int(counts[np.ix_(real, said)].sum()), int(counts[list(real)].sum())
    _, plural = names_of(real)
    answer, _ = names_of(said)
    everything = len(real) == len(CLASSES)
    really = plural if everything else f"real {plural}"
    if len(said) == len(CLASSES):
        right = int(counts[np.diag_indices(len(counts))][list(real)].sum())
        return f"{number(total)} {really}: {number(right)} answers are right, {number(total - right)} wrong."
    return f"{number(count)} of {number(total)} {really} {'was' if count == 1 else 'were'} called {answer}."


def column_words(counts: np.ndarray, real: tuple[int, ...], said: tuple[int, ...]) -> str:
    """Of what was said: 'Of 560 pictures that were called dog, 131 really are cats.'"""
    count, total = int(counts[np.ix_(real, said)].sum()), int(counts[:, list(said)].sum())
    singular, plural = names_of(real)
    if len(said) == len(CLASSES):
        return row_words(counts, real, said)
    answer, _ = names_of(said)
    if total == 0:
        return f"No picture was called {answer}."
    if len(real) == len(CLASSES):
        right = int(counts[np.diag_indices(len(counts))][list(said)].sum())
        return f"{number(total)} pictures were called {answer}: {number(right)} rightly, {number(total - right)} wrongly."
    really = f"is really a {singular}" if count == 1 else f"are really {plural}"
    return f"Of {number(total)} pictures that were called {answer}, {number(count)} {really}."
