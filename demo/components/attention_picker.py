"""Where attention mixed information: choose a position, see what each head took from where."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from diclam.draw import CIVIDIS
from diclam.explain import EVEN, SHOWN, STEPS, Explanation
from diclam.predict import Picture

HERE = Path(__file__)


@dataclass(frozen=True)
class Attended:
    """What the picker shows."""

    explanation: Explanation
    picture: Picture


class AttentionPicker(gr.HTML):
    """Value: an `Attended`, or None for nothing. All weights go to the browser once, a byte each, and are drawn there: on
    the raw grid, in cividis, on the scale of `diclam.explain.to_byte`, which no picture and no head can change.

    The chosen position is never sent by itself; `data-row` and `data-column` of the element hold it, from 0. It stays when
    the picture changes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            css_template=HERE.with_suffix(".css").read_text(encoding="utf-8"),
            js_on_load=HERE.with_suffix(".js").read_text(encoding="utf-8"),
            apply_default_css=False,
            palette=list(CIVIDIS),
            even=EVEN,
            steps=STEPS,
            reach=STEPS * math.log2(SHOWN),
            times=f"{SHOWN:g}",
            **options,
        )

    def postprocess(self, value: Attended | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        rows, columns = value.explanation.grid
        pixels_HW3 = value.picture.pixels.permute(1, 2, 0).contiguous()
        return {
            "heads": len(value.explanation.attention),
            "rows": rows,
            "columns": columns,
            "attention": base64.b64encode(value.explanation.attention_bytes()).decode(),
            "side": len(pixels_HW3),
            "pixels": base64.b64encode(pixels_HW3.numpy().tobytes()).decode(),
        }


_TEMPLATE = """
<div class="ap" hidden>
  <div class="ap-figures">
    <figure>
      <div class="ap-frame" tabindex="0" role="slider"
        aria-label="Position in the picture; arrow keys move it"><canvas></canvas></div>
      <figcaption></figcaption>
    </figure>
  </div>
  <div class="ap-legend" role="img"
    aria-label="Colours run from dark blue, 1/${times} of an even share or less,
      over grey, an even share, to yellow, ${times} times or more">
    <div class="ap-ramp"></div>
    <div class="ap-ticks"><span>1/${times} or less</span><span>an even share</span><span>${times} times or more</span></div>
  </div>
  <p class="ap-spoken" aria-live="polite"></p>
</div>
"""
