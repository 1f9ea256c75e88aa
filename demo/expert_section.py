"""The section of Classify that shows which expert answered."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from demo.components.expert_panel import ExpertPanel
from diclam.predict import Prediction

WORDS = (
    "The network holds two experts, small networks that both run on every picture; its gate weighs one against the other. "
    "Alone means: that expert with all the weight, the other with none. Their numbers 1 and 2 mean nothing by themselves."
)


def build() -> list[Component]:
    """Builds the section in the current Blocks -> what the values of `values` go to."""
    gr.HTML(f"<h2>Which expert answered</h2><p>{WORDS}</p>", elem_id="dc-expert-words")
    return [ExpertPanel(elem_id="dc-experts")]


def values(prediction: Prediction) -> tuple[Any, ...]:
    return (prediction,)


def nothing() -> tuple[Any, ...]:
    """The values without a picture."""
    return (None,)
