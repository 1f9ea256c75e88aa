"""The section of Classify that shows where attention mixed information, and what that is worth."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from demo.components.attention_picker import Attended, AttentionPicker, TwinAttended
from demo.components.hiding_panel import Hidden, HidingPanel
from demo.components.shown import Shown, brought
from demo.messages import told
from diclam.draw import CAVEAT
from diclam.explain import Explanation, explain
from diclam.hiding import delete, occlude
from diclam.knockout import Knockouts
from diclam.model import DiCLAM
from diclam.predict import Picture
from diclam.twin import untrained

GRID = 16
"""Rows and columns of attention's positions."""
WORDS = (
    "Attention lets every position of the picture take information from all others; each head has its own way to choose. "
    "Click a position, drag it, or move it with the arrow keys: each map shows how much that position took from where. A "
    "position is 2 x 2 pixels and has seen the 10 x 10 pixels around it. Spread says how evenly it took: 8 bits is the same "
    "from everywhere."
)
HIDING_WORDS = (
    "A map of attention does not say what the answer rests on, so here the network itself is asked again while parts of the "
    "picture are grey: each patch of 4 x 4 pixels in turn; then more and more positions, first those that gave most to all "
    "others. If attention pointed at what matters, that curve would fall faster than the others, which hide as much: random "
    "positions, or the same pattern mirrored and shifted. A caution: pictures with holes are unlike what it was trained on."
)
# The position that is chosen in the browser takes the place of a listener's last input. It is not sent before it is needed.
WITH_POSITION = """(...inputs) => {
  const { row, column } = document.querySelector('#dc-attention .ap').dataset;
  return [...inputs.slice(0, -1), { row: Number(row), column: Number(column) }];
}"""


class HasModels(Protocol):
    """What this section asks of `demo.models.Models`."""

    def model(self, key: str) -> DiCLAM: ...


def build(models: HasModels) -> list[Component]:
    """Builds the section in the current Blocks -> what the values of `values` go to."""
    gr.HTML(f"<h2>Where attention mixed information</h2><p>{WORDS}</p>", elem_id="dc-attention-words")
    picker = AttentionPicker(elem_id="dc-attention")
    gr.HTML(f"<p>{CAVEAT}</p>", elem_id="dc-caveat")
    gr.HTML(f"<h3>What the answer rests on</h3><p>{HIDING_WORDS}</p>", elem_id="dc-hiding-words")
    hiding = HidingPanel(elem_id="dc-hiding")

    def twin(event: gr.EventData) -> TwinAttended:
        shown = brought(event)
        with told():
            model = untrained(models.model(shown.key).config)
            return TwinAttended(shown.mark, explain(model, shown.pixels_3HW))

    def look(event: gr.EventData) -> Hidden:
        shown = brought(event)
        with told():
            model = models.model(shown.key)
            order = explain(model, shown.pixels_3HW).received
            return Hidden(shown.mark, occlude(model, shown.pixels_3HW), delete(model, shown.pixels_3HW, order))

    # Each event carries its own picture, so each is handled. One look at a time, so that answers to others are not held up.
    quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
    picker.twin(twin, None, picker, **quiet)
    hiding.look(look, None, hiding, concurrency_id="look", concurrency_limit=1, **quiet)
    return [picker, hiding]


def values(key: str, picture: Picture, explanation: Explanation, knockouts: Knockouts | None) -> tuple[Any, ...]:
    shown = Shown(key, picture.pixels)
    return Attended(shown, explanation, knockouts), shown


def nothing() -> tuple[Any, ...]:
    """The values without a picture."""
    return None, None


def position(brought: Any) -> tuple[int, int]:
    """What WITH_POSITION brought -> row and column. Anybody can send anything in its place, so it may be refused."""
    spot = [brought.get(name) for name in ("row", "column")] if isinstance(brought, dict) else []
    row, column = (n if isinstance(n, int) and not isinstance(n, bool) else -1 for n in spot or (-1, -1))
    if not (0 <= row < GRID and 0 <= column < GRID):
        raise gr.Error(f"Expected a position, a row and a column in 0 .. {GRID - 1} each.", print_exception=False)
    return row, column
