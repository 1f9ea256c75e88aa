"""Which test pictures to look at, and in what order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from diclam import confusion
from diclam.data import CLASSES
from diclam.errors import ConfigError
from diclam.evaluate import Evaluation

ALL = tuple(range(len(CLASSES)))
EVERYTHING = (0.0, 1.0)

# What the pictures are sorted by, the smallest first; ties keep the order of the test set.
SORTS: dict[str, Callable[[Evaluation, np.ndarray, tuple[int, ...]], np.ndarray]] = {
    "surest": lambda e, index, said: -e.probabilities[index].max(1),
    "least sure": lambda e, index, said: e.probabilities[index].max(1),
    # Between two answers, the border between these two; else the border to whatever came second.
    "closest call": lambda e, index, said: margin(e.probabilities[index][:, said if len(said) == 2 else ALL]),
    "most expert 1": lambda e, index, said: -e.gates[index, 0],
    "most expert 2": lambda e, index, said: e.gates[index, 0],
    "number": lambda e, index, said: index,
}


@dataclass(frozen=True)
class Selection:
    """Pictures by what they are, what was said, and how. Raises ConfigError when a part is out of its range."""

    real: tuple[int, ...] = ALL
    """Classes that the pictures really are."""
    said: tuple[int, ...] = ALL
    """Classes that the model said."""
    wrong: bool = False
    """Only wrong answers."""
    doubtful: bool = False
    """Only pictures whose label is doubtful."""
    confidence: tuple[float, float] = EVERYTHING
    """Range of the probability of what was said."""
    gate: tuple[float, float] = EVERYTHING
    """Range of the weight of expert 1."""
    sort: str = "surest"

    def __post_init__(self) -> None:
        for members in (self.real, self.said):
            whole = isinstance(members, tuple) and all(type(k) is int and 0 <= k < len(CLASSES) for k in members)
            if not whole or not members or len(set(members)) < len(members):
                raise ConfigError(f"Expected different classes, numbers in 0 .. {len(CLASSES) - 1}; got {members!r}.")
        for name, asked in (("only wrong answers", self.wrong), ("only doubtful labels", self.doubtful)):
            if type(asked) is not bool:
                raise ConfigError(f"Expected true or false for {name!r}; got {asked!r}.")
        for name, limits in (("confidence", self.confidence), ("gate", self.gate)):
            whole = isinstance(limits, tuple) and len(limits) == 2 and all(type(x) in (int, float) for x in limits)
            if not whole or not 0 <= limits[0] <= limits[1] <= 1:
                raise ConfigError(f"The {name} must run from one fraction of 1 up to another; got {limits!r}.")
        if not isinstance(self.sort, str) or self.sort not in SORTS:
            raise ConfigError(f"Pictures can be sorted by {', '.join(SORTS)}; got {self.sort!r}.")

    @property
    def filtered(self) -> bool:
        """Whether more than the classes is asked for."""
        return self.wrong or self.doubtful or self.confidence != EVERYTHING or self.gate != EVERYTHING

    def cell(self, evaluation: Evaluation) -> np.ndarray:
        """(n,) numbers of the pictures with these real and said classes, ascending; the filters left out."""
        return np.flatnonzero(np.isin(evaluation.true, self.real) & np.isin(evaluation.predicted, self.said))

    def find(self, evaluation: Evaluation) -> np.ndarray:
        """(n,) numbers in the test set of all pictures that fit, in the asked order."""
        index = self.cell(evaluation)
        sure, gate = evaluation.probabilities[index].max(1), evaluation.gates[index, 0]
        keep = _within(sure, self.confidence) & _within(gate, self.gate)
        if self.wrong:
            keep &= evaluation.true[index] != evaluation.predicted[index]
        if self.doubtful:
            keep &= ~evaluation.trusted[index]
        index = index[keep]
        return index[np.argsort(SORTS[self.sort](evaluation, index, self.said), kind="stable")]

    def words(self, evaluation: Evaluation) -> str:
        """'131 of 1000 real cats were called dog.'; a column is told from the side of the answer."""
        words = confusion.column_words if self.real == ALL else confusion.row_words
        return words(evaluation.confusion, self.real, self.said)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """(n, K) -> (n,): how far the best answer is ahead of the second; small at the border between two classes."""
    top = np.sort(probabilities, axis=1)
    return top[:, -1] - top[:, -2]


def _within(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    # The ends belong to the range, and a value printed as 40.0 % fits 'from 40 %' whatever float32 made of it.
    return (values >= limits[0] - 1e-6) & (values <= limits[1] + 1e-6)
