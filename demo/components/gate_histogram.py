"""The gates of one picture among those of all test pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.components.gates_chart import information
from demo.components.part import Part
from diclam.confusion import number
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.gates import GatesByClass

# Ten colours that stay apart with colour-blind eyes: Paul Tol's scheme "muted", its indigo lighter, for dark pages.
COLOURS = (
    "#88ccee", "#6655bb", "#ddcc77", "#117733", "#999933", "#44aa99", "#882255", "#cc6677", "#aa4499", "#bbbbbb",
)  # fmt: skip


@dataclass(frozen=True)
class GateAmongAll:
    """What the histogram shows."""

    gates: GatesByClass
    picture: tuple[float, ...]
    """The two gates of the picture."""


class GateHistogram(Part):
    """Value: a `GateAmongAll`, or None for nothing. From left, all weight on expert 1, to right, all on expert 2: the same
    way as the expert fader. Each class has its colour; choosing one greys the others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            names=list(CLASSES),
            colours=list(COLOURS),
            **options,
        )

    def postprocess(self, value: GateAmongAll | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        means = value.gates.means[:, 1]
        return {
            "counts": value.gates.counts[:, ::-1].tolist(),
            "order": np.argsort(means, kind="stable").tolist(),  # what is no number comes last
            "means": [percent(float(mean)) if np.isfinite(mean) else "no pictures" for mean in means],
            "at": round(100 * value.picture[1], 2),
            "words": place(value),
            "information": information(value.gates),
        }


def place(value: GateAmongAll) -> str:
    """Where the picture stands among the others."""
    counts = value.gates.counts.sum(0)
    own = min(int(value.picture[0] * len(counts)), len(counts) - 1)
    low, high = (percent(float(edge)).replace(".0", "") for edge in 1 - value.gates.edges[[own + 1, own]])
    alike = f"{number(int(counts[own]))} of the {number(int(counts.sum()))} test pictures"
    return f"This picture gives expert 2 {percent(value.picture[1])}. {alike} lie near it, between {low} and {high}."


_TEMPLATE = """
<div class="gh" hidden>
  <p class="gh-words"></p>
  <div class="gh-chart" role="img"></div>
  <div class="gh-ends" aria-hidden="true"><span>only expert 1</span><span>half each</span><span>only expert 2</span></div>
  <p class="gh-told dc-quiet" role="status"></p>
  <div class="gh-classes" role="group" aria-label="Show one class among the others"></div>
  <p class="gh-quiet dc-quiet"></p>
</div>
"""
