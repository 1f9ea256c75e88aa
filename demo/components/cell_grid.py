"""A matrix of the ten classes whose cells say something of their own: a difference, or how it once was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from demo.components.confusion_grid import HYPHENS
from demo.components.part import Part
from diclam.data import CLASSES

TONES = ("blue", "orange", "grey", "none")


@dataclass(frozen=True)
class Cell:
    """One number."""

    text: str
    words: str
    """What it says, as a sentence."""
    tone: str
    """One of TONES: two colours, quiet, or nothing there."""
    level: float
    """Strength of the colour, 0 to 1."""


@dataclass(frozen=True)
class Cells:
    """What the grid shows."""

    words: Sequence[str]
    """Sentences above the table, the most important first."""
    label: str
    rows: Sequence[Sequence[Cell]]
    """10 of 10 each: what the pictures really are, and what was said."""
    legend: Sequence[tuple[str, str]]
    """Tones ('' for none) and what they mean, below the table."""


class CellGrid(Part):
    """Value: `Cells`, or None for nothing. `select` brings `real` and `said`, numbers of classes; whoever listens must check
    them, as anybody can send some."""

    def __init__(self, *, opens: bool = True, **options: Any) -> None:
        """Cells of a grid that does not open anything tell their sentence all the same."""
        super().__init__(
            html_template=_TEMPLATE,
            names=list(CLASSES),
            short=[HYPHENS.get(name, name) for name in CLASSES],
            opens=opens,
            **options,
        )

    def postprocess(self, value: Cells | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        return {
            "words": value.words,
            "label": value.label,
            "rows": [[asdict(cell) for cell in row] for row in value.rows],
            "legend": value.legend,
        }


_TEMPLATE = """
<div class="cl" hidden>
  <div class="cl-words" role="status"></div>
  <div class="cl-frame"><table role="grid"></table><div class="cl-tip" aria-hidden="true" hidden></div></div>
  <p class="cl-legend"></p>
</div>
"""
