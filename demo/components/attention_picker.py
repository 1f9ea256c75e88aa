"""Where attention mixed information: choose a position, see what each head took from where."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

from demo.components.part import Part
from demo.components.shown import Shown
from diclam.data import CLASSES
from diclam.draw import CIVIDIS, points
from diclam.explain import EVEN, SHOWN, SIGHT, STEPS, Explanation
from diclam.knockout import Knockouts


@dataclass(frozen=True)
class Attended:
    """What the picker shows."""

    shown: Shown
    explanation: Explanation
    knockouts: Knockouts | None
    """None for the full network, whose heads cannot be switched off one by one."""


@dataclass(frozen=True)
class TwinAttended:
    """The maps of the untrained twin for the picture with this `Shown.mark`; the browser drops those of any other."""

    mark: str
    explanation: Explanation


class AttentionPicker(Part):
    """Value: an `Attended`, a `TwinAttended` that adds to it, or None for nothing. All weights go to the browser once, a
    byte each, and are drawn there: on the raw grid, in cividis, at first on the scale of `diclam.explain.to_byte`, which no
    picture and no head can change. The mean over the heads is made there, of the bytes.

    The chosen position is never sent by itself; `data-row` and `data-column` of the element hold it, from 0. It stays when
    the picture changes. `twin` brings a `Shown` whose twin's maps are wanted.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            palette=list(CIVIDIS),
            even=EVEN,
            steps=STEPS,
            reach=STEPS * math.log2(SHOWN),
            times=f"{SHOWN:g}",
            sight=SIGHT,
            **options,
        )

    def postprocess(self, value: Attended | TwinAttended | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        maps = _maps(value.explanation)
        if isinstance(value, TwinAttended):
            return {"twin_of": value.mark, **maps}
        rows, columns = value.explanation.grid
        return {
            **value.shown.to_json(),
            "side": value.shown.pixels_3HW.shape[-1],
            "rows": rows,
            "columns": columns,
            "effects": None if value.knockouts is None else _effects(value.knockouts),
            **maps,
        }


def _effects(knockouts: Knockouts) -> list[dict[str, str]]:
    """Of each head, and of all together."""
    answer = CLASSES[knockouts.answer]
    return [effect(float(change), answer) for change in (*knockouts.head_changes, knockouts.heads_change)]


def effect(change: float, answer: str) -> dict[str, str]:
    """What switching a head off changes in the answer's probability, and what that says about the head."""
    told = points(change)
    kind = "none" if told.startswith("less") else "for" if change < 0 else "against"
    meaning = {"none": "it hardly mattered", "for": f"it spoke for {answer}", "against": f"it spoke against {answer}"}[kind]
    return {
        "kind": kind,
        "text": f"{answer} {told}: {meaning}" if kind != "none" else f"{answer} changes by {told}: {meaning}",
    }


def _maps(explanation: Explanation) -> dict[str, Any]:
    """All weights, and how widely each query's are spread: by the heads, then by their mean."""
    return {
        "heads": len(explanation.attention),
        "attention": base64.b64encode(explanation.attention_bytes()).decode(),
        "entropy": [row.round(2).tolist() for row in (*explanation.entropy, explanation.entropy_of_mean)],
        "entropy_even": explanation.entropy_even,
    }


_TEMPLATE = """
<div class="ap" hidden>
  <div class="ap-controls">
    <fieldset>
      <legend>Colours</legend>
      <label><input type="radio" name="ap-scale" value="even" checked>on one scale for all pictures</label>
      <label><input type="radio" name="ap-scale" value="shown">from the lowest to the highest here</label>
      <label><input type="radio" name="ap-scale" value="own">of each map by itself</label>
    </fieldset>
    <label><input type="checkbox" role="switch" class="ap-switch">Untrained twin: random weights instead</label>
  </div>
  <p class="ap-note" role="status" hidden></p>
  <div class="ap-figures">
    <figure>
      <div class="ap-frame" tabindex="0" role="slider"
        aria-label="Position in the picture; arrow keys move it"><canvas></canvas></div>
      <figcaption></figcaption>
    </figure>
  </div>
  <div class="ap-legend">
    <div class="ap-ramp" aria-hidden="true"></div>
    <div class="ap-ticks"><span></span><span></span><span></span></div>
  </div>
  <p class="ap-spoken" aria-live="polite"></p>
</div>
"""
