"""The whole picture with the square that is kept, beside the 32 x 32 pixels that the network sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from diclam.draw import data_uri
from diclam.predict import Picture

# The whole picture is shown small; this is twice that, for screens with fine pixels.
SHOWN = (480, 360)


class SeenPicture(gr.HTML):
    """Value: a `Picture`, or None for nothing. The whole picture is left out when all of it is kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            css_template=Path(__file__).with_suffix(".css").read_text(encoding="utf-8"),
            js_on_load=None,
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value: Picture | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        shown: dict[str, Any] = {"seen": data_uri(value.seen)}
        width, height = value.original.size
        if width != height:
            whole = value.original.copy()
            whole.thumbnail(SHOWN)
            left, top, right, bottom = value.square
            shown |= {
                "whole": data_uri(whole, "JPEG"),
                "left": 100 * left / width,
                "top": 100 * top / height,
                "width": 100 * (right - left) / width,
                "height": 100 * (bottom - top) / height,
            }
        return shown


_TEMPLATE = """
{{#if value}}
  <div class="sp">
    <figure>
      <img class="sp-seen" src="{{value.seen}}" alt="The 32 by 32 pixels that the network sees">
      <figcaption>what the network sees: 32 x 32 pixels</figcaption>
    </figure>
    {{#if value.whole}}
      <figure>
        <div class="sp-whole"><img src="{{value.whole}}" alt="The whole picture"><i
          style="left:{{value.left}}%;top:{{value.top}}%;width:{{value.width}}%;height:{{value.height}}%"></i></div>
        <figcaption>the square that is kept</figcaption>
      </figure>
    {{/if}}
  </div>
{{/if}}
"""
