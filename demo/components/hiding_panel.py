"""What hiding parts of the picture changes in the answer: patch by patch, and step by step in the order of attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.components.part import Part
from demo.components.shown import Shown
from diclam.data import CLASSES
from diclam.draw import percent, points
from diclam.hiding import PATCH, Deletion, Occlusion

SEEN = 0.005
"""Changes of less than half a point are left blank in the map, and the palest colour that has a full tone is FULL."""
FULL = 0.02


@dataclass(frozen=True)
class Hidden:
    """What was measured on the picture with this `Shown.mark`; the browser drops it when it shows another by then."""

    mark: str
    occlusion: Occlusion
    deletion: Deletion


class HidingPanel(Part):
    """Value: a `Shown` that is to be asked about, the `Hidden` that was found, or None for nothing.

    This takes about half a second of one core. So `look` asks for it, with a `Shown`, only once the panel is near what is on
    the screen and the picture has stayed the same for a moment.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            patch=PATCH,
            **options,
        )

    def postprocess(self, value: Shown | Hidden | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        if isinstance(value, Shown):
            return value.to_json()
        occlusion, deletion = value.occlusion, value.deletion
        return {
            "of": value.mark,
            "answer": CLASSES[occlusion.answer],
            "cells": _cells(occlusion),
            "strongest": list(strongest(occlusion)),
            "occlusion_words": occlusion_words(occlusion),
            "deletion_words": deletion_words(deletion),
            "hidden": deletion.fractions.round(4).tolist(),
            "curves": [
                _curve("in the order of attention", deletion.ranked[None]),
                _curve("random positions", deletion.random),
                _curve("attention's map, moved elsewhere", deletion.moved),
            ],
        }


def strongest(occlusion: Occlusion) -> tuple[int, int]:
    """Row and column of the patch that changes the answer most."""
    row, column = np.unravel_index(int(np.abs(occlusion.changes).argmax()), occlusion.changes.shape)
    return int(row), int(column)


def occlusion_words(occlusion: Occlusion) -> str:
    row, column = strongest(occlusion)
    change = float(occlusion.changes[row, column])
    answer = CLASSES[occlusion.answer]
    if abs(change) < SEEN:
        return f"No single patch matters: hiding any one changes {answer} by less than half a point."
    spoke = "for" if change < 0 else "against"
    return (
        f"The patch in row {row + 1}, column {column + 1} matters most: without it, {answer} goes from "
        f"{percent(occlusion.whole)} to {percent(float(occlusion.hidden[row, column]))}. It spoke {spoke} {answer}."
    )


def deletion_words(deletion: Deletion) -> list[str]:
    """How attention's order compares with each of the others, and whether that is more than the luck of a draw."""
    return [
        _compared(deletion, deletion.random, "hiding random positions"),
        _compared(deletion, deletion.moved, "hiding the same pattern elsewhere"),
    ]


def _compared(deletion: Deletion, others: np.ndarray, what: str) -> str:
    area = deletion.area(others)
    draws = [deletion.area(draw[None]) for draw in others]
    lower = sum(draw > 0 for draw in draws)
    if lower not in (0, len(draws)) or abs(area) < SEEN:
        return f"Against {what}: no clear difference ({points(-area)} on average, lower in {lower} of {len(draws)} draws)."
    answer, count = CLASSES[deletion.answer], len(draws)
    word = "more" if area > 0 else "less"
    return f"Against {what}: it hurts {answer} {word} ({points(-area)} on average, in {count} of {count} draws)."


def _cells(occlusion: Occlusion) -> list[list[dict[str, Any]]]:
    most = max(FULL, float(np.abs(occlusion.changes).max()))
    return [
        [_cell(occlusion, row, column, most) for column in range(len(cells))] for row, cells in enumerate(occlusion.changes)
    ]


def _cell(occlusion: Occlusion, row: int, column: int, most: float) -> dict[str, Any]:
    change = float(occlusion.changes[row, column])
    left = percent(float(occlusion.hidden[row, column]))
    words = f"row {row + 1}, column {column + 1} hidden: {CLASSES[occlusion.answer]} {left}"
    if abs(change) < SEEN:
        return {"text": "", "tone": "none", "level": 0, "words": f"{words}, about the same"}
    text = f"{100 * change:+.0f}".replace("-", "\N{MINUS SIGN}")
    tone = "for" if change < 0 else "against"
    return {"text": text, "tone": tone, "level": round(abs(change) / most, 3), "words": f"{words}, {points(change)}"}


def _curve(name: str, draws: np.ndarray) -> dict[str, Any]:
    """The mean of the draws, and the lowest and the highest of them, in percent."""
    lines = {"mean": draws.mean(0), "low": draws.min(0), "high": draws.max(0)}
    return {"name": name, **{key: (100 * line).round(2).tolist() for key, line in lines.items()}}


_TEMPLATE = """
<div class="hp" hidden>
  <p class="hp-status dc-quiet" role="status"></p>
  <div class="hp-parts">
    <figure class="hp-patches">
      <h4>One patch hidden at a time</h4>
      <div class="hp-pair">
        <div class="hp-picture"><canvas role="img" aria-label="The picture, the patch that matters most marked"></canvas><i
          hidden></i></div>
        <table aria-label="Change of the answer in points when the patch in this place is hidden"><tbody></tbody></table>
      </div>
      <figcaption><span class="hp-found"></span><span class="hp-under"></span>
        <span class="hp-key"><i class="hp-for"></i>&minus; hiding it lowers the answer: it spoke for it</span>
        <span class="hp-key"><i class="hp-against"></i>+ hiding it raises the answer: it spoke against it</span></figcaption>
    </figure>
    <figure class="hp-deletion">
      <h4>More and more positions hidden, those that gave most first</h4>
      <div class="hp-chart" role="img"></div>
      <figcaption><span class="hp-lines"></span><span class="hp-verdict"></span>
        <details><summary>The numbers</summary><table class="hp-numbers"><thead></thead><tbody></tbody></table></details>
      </figcaption>
    </figure>
  </div>
</div>
"""
