"""Test pictures whose label is probably wrong, as `python -m benchmarks.suspect_labels` found them: what they more likely
are, and how many trained models say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from diclam import checkpoint
from diclam.data import CLASSES
from diclam.errors import DataError
from diclam.files import replacing

TABLE = "suspect_labels.csv"


@dataclass(frozen=True)
class Suspect:
    """One of them. Raises DataError when a part is out of its range."""

    index: int
    """Its number in the test set."""
    label: int
    """Its class there."""
    suggested: int
    """The class that it more likely is."""
    quality: float
    """Probability of its label, the mean over the models; fraction of 1."""
    agree: int
    """How many of the models say the suggested class."""
    runs: int
    """How many models there are."""

    def __post_init__(self) -> None:
        known = all(0 <= k < len(CLASSES) for k in (self.label, self.suggested)) and self.label != self.suggested
        if self.index < 0 or not known or not 0 <= self.quality <= 1 or not 0 <= self.agree <= self.runs:
            raise DataError(f"No picture with a doubtful label can be like this: {self}.")

    @property
    def words(self) -> str:
        """'Label doubtful: more likely frog, say 4 of 5 trained models.'"""
        models = "one trained model" if self.runs == 1 else f"{self.agree} of {self.runs} trained models"
        says = "says" if self.runs == 1 else "say"
        return f"Label doubtful: more likely {CLASSES[self.suggested]}, {says} {models}."


def save(path: Path, suspects: Iterable[Suspect]) -> None:
    """Writes a table of them, the least probable label first; classes by their names."""
    rows = [
        (each.index, CLASSES[each.label], CLASSES[each.suggested], f"{each.quality:.4f}", each.agree, each.runs)
        for each in sorted(suspects, key=lambda each: (each.quality, each.index))
    ]
    columns = ["index", "label", "suggested", "quality", "agree", "runs"]
    with replacing(path) as temporary:
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False)


def load(path: Path) -> dict[int, Suspect]:
    """Those of a table by their number. Raises DataError when it does not hold what `save` wrote."""
    try:
        table = pd.read_csv(path)
        found = [
            Suspect(int(index), CLASSES.index(label), CLASSES.index(suggested), float(quality), int(agree), int(runs))
            for index, label, suggested, quality, agree, runs in zip(
                *(table[name] for name in ("index", "label", "suggested", "quality", "agree", "runs")), strict=True
            )
        ]
        if table["index"].duplicated().any():
            raise ValueError("a picture is named twice")
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"The list of doubtful labels {path.name} is damaged ({error}). Copy it anew, make it anew with "
            "`python -m benchmarks.suspect_labels`, or delete it."
        ) from error
    return {each.index: each for each in found}


def shipped() -> dict[int, Suspect]:
    """Those of the table beside the bundled checkpoint; none without it. Raises DataError for a damaged one."""
    path = checkpoint.bundled().parent / TABLE
    return load(path) if path.is_file() else {}


def among(suspects: Mapping[int, Suspect], true: np.ndarray) -> dict[int, Suspect]:
    """Those of labelled pictures (N,), numbered by their place. A list of other pictures, or of corrected labels, accuses
    nobody."""
    return {k: each for k, each in suspects.items() if k < len(true) and each.label == true[k]}
