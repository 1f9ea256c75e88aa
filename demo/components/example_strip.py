"""Example pictures as a strip of buttons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from diclam.draw import data_uri

HERE = Path(__file__)


class ExampleStrip(gr.HTML):
    """One button a picture, named as its file is. `select` brings `index`, its place in `paths`; whoever listens must
    check it, as anybody can send one."""

    def __init__(self, paths: Sequence[Path], **options: Any) -> None:
        pictures = [{"name": path.stem, "src": data_uri(Image.open(path))} for path in paths]
        super().__init__(
            value=pictures,
            html_template=_TEMPLATE,
            css_template=HERE.with_suffix(".css").read_text(encoding="utf-8"),
            js_on_load=HERE.with_suffix(".js").read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )


_TEMPLATE = """
<div class="es" role="group" aria-label="Example pictures">
  {{#each value}}
    <button type="button" data-index="{{@index}}"><img src="{{this.src}}" alt=""><span>{{this.name}}</span></button>
  {{/each}}
</div>
"""
