"""The section of Classify that shows where attention mixed information."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from demo.components.attention_picker import Attended, AttentionPicker
from diclam.draw import CAVEAT
from diclam.explain import Explanation
from diclam.predict import Picture

GRID = 16
"""Rows and columns of attention's positions."""
WORDS = (
    "Attention lets every position of the picture take information from all others; each head has its own way to choose. "
    "Click a position, or move it with the arrow keys: each map shows how much that position took from where. A position is "
    "2 x 2 pixels and has seen the 10 x 10 pixels around it."
)
# The position that is chosen in the browser takes the place of a listener's last input. It is not sent before it is needed.
WITH_POSITION = """(...inputs) => {
  const { row, column } = document.querySelector('#dc-attention .ap').dataset;
  return [...inputs.slice(0, -1), { row: Number(row), column: Number(column) }];
}"""


def build() -> list[Component]:
    """Builds the section in the current Blocks -> what the values of `values` go to."""
    gr.HTML(f"<h2>Where attention mixed information</h2><p>{WORDS}</p>", elem_id="dc-attention-words")
    picker = AttentionPicker(elem_id="dc-attention")
    gr.HTML(f"<p>The scale is the same for every picture and every head. {CAVEAT}</p>", elem_id="dc-caveat")
    return [picker]


def values(explanation: Explanation, picture: Picture) -> tuple[Any, ...]:
    return (Attended(explanation, picture),)


def nothing() -> tuple[Any, ...]:
    """The values without a picture."""
    return (None,)


def position(brought: Any) -> tuple[int, int]:
    """What WITH_POSITION brought -> row and column. Anybody can send anything in its place, so it may be refused."""
    spot = [brought.get(name) for name in ("row", "column")] if isinstance(brought, dict) else []
    if len(spot) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < GRID for n in spot):
        raise gr.Error(f"Expected a position, a row and a column in 0 .. {GRID - 1} each.", print_exception=False)
    return spot[0], spot[1]
