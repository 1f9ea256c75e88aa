"""What all components of ours have in common."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import gradio as gr

# `happened(did, detail)` in a component's script tells the page what a visitor did or sees, by a DOM event: the address and
# the lesson listen. Nothing of it goes to the server.
_HAPPENED = """const happened = (did, detail = {}) => {
  element.dispatchEvent(new CustomEvent('diclam', { bubbles: true, detail: { did, ...detail } }));
};
"""


class Part(gr.HTML):
    """An HTML component whose styles, and whose script if it has one, lie beside its module, under the module's name."""

    def __init__(self, **options: Any) -> None:
        module = Path(inspect.getfile(type(self)))
        script = module.with_suffix(".js")
        beside = {
            "css_template": module.with_suffix(".css").read_text(encoding="utf-8"),
            "js_on_load": _HAPPENED + script.read_text(encoding="utf-8") if script.is_file() else None,
            "apply_default_css": False,
        }
        super().__init__(**(beside | options))
