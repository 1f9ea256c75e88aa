"""Every mixture of the two experts for one picture, and how many test pictures each would answer right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.components.part import Part
from demo.components.shown import Shown
from diclam.confusion import PLURALS, number
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.fader import POSITIONS, STEPS, Fader, FaderTable


@dataclass(frozen=True)
class Faded:
    """What the fader shows."""

    shown: Shown
    fader: Fader
    table: FaderTable | None
    """None: the line of the test pictures is left out, and a sentence says why."""
    measurable: bool = False
    """Whether a visitor may have the table made."""


@dataclass(frozen=True)
class Measuring:
    """How far the table of a model is; the browser drops it when it shows another model by then."""

    key: str
    done: int
    total: int
    table: FaderTable | None = None
    """Once it is made."""


class ExpertFader(Part):
    """Value: a `Faded`, a `Measuring` that adds to it, or None for nothing. All positions are sent at once and drawn in the
    browser as the slider moves. `measure` brings `key`, of a model whose table is wanted; whoever listens must check it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE.replace("LAST", str(POSITIONS - 1)).replace("MIDDLE", str(STEPS)),
            names=list(CLASSES),
            plurals=list(PLURALS),
            middle=STEPS,
            **options,
        )

    def postprocess(self, value: Faded | Measuring | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        if isinstance(value, Measuring):
            tested = None if value.table is None else _tested(value.table)
            return {"of": value.key, "done": value.done, "total": value.total, "tested": tested}
        probabilities = value.fader.probabilities
        return {
            "mark": value.shown.mark,
            "key": value.shown.key,
            "measurable": value.measurable,
            "answer": int(probabilities[STEPS].argmax()),
            "widths": (100 * probabilities).round(2).tolist(),
            "texts": [[percent(p) for p in row] for row in probabilities.tolist()],
            "gates": [[percent(gate) for gate in row] for row in value.fader.gates.tolist()],
            "tested": None if value.table is None else _tested(value.table),
        }


def _tested(table: FaderTable) -> dict[str, Any]:
    """Shares of the test pictures that each position answers right, in percent; None for a class without pictures."""
    by_class = [
        (100 * shares).round(2).tolist() if np.isfinite(shares).all() else None for shares in table.by_class.T
    ]  # fmt: skip
    return {
        "pictures": number(int(table.pictures.sum())),
        "all": (100 * table.accuracy).round(2).tolist(),
        "by_class": by_class,
    }


_TEMPLATE = """
<div class="ef" hidden>
  <div class="ef-slide">
    <div class="ef-ends" aria-hidden="true"><span>expert 1 only</span><span>what the network chose</span><span>expert 2
      only</span></div>
    <input type="range" min="0" max="LAST" step="1" value="MIDDLE" aria-label="Mixture, from expert 1 only to expert 2 only">
    <p class="ef-told"></p>
    <button type="button" class="ef-back" disabled>Back to what the network chose</button>
    <div class="ef-tested">
      <label>Test pictures that are answered right at each position: all, and of <select></select></label>
      <div class="ef-chart" role="img"></div>
      <p class="ef-right"></p>
    </div>
    <div class="ef-untested">
      <p>How many test pictures each position would answer right was not measured for this model.</p>
      <div class="ef-measure"><button type="button">Measure it now</button>
        <progress max="1" value="0" aria-label="Test pictures answered" hidden></progress><span role="status"></span></div>
    </div>
  </div>
  <table class="ef-bars" aria-label="Probability of each class at this position"><tbody></tbody></table>
</div>
"""
