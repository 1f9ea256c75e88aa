"""The section of Classify that shows which expert answered, and what other mixtures of the two would have said."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from demo.components.expert_fader import ExpertFader, Faded
from demo.components.expert_panel import ExpertPanel, Experts
from demo.components.gate_histogram import GateAmongAll, GateHistogram
from demo.components.shown import Shown
from diclam.fader import FaderTable, fade
from diclam.gates import GatesByClass
from diclam.knockout import Knockouts
from diclam.model import DiCLAM
from diclam.predict import Picture, Prediction

WORDS = (
    "The network holds two experts, small networks that both run on every picture; its gate weighs one against the other. "
    "Alone means: that expert with all the weight, the other with none. Their numbers 1 and 2 mean nothing by themselves."
)
FADER_WORDS = (
    "Move the slider to weigh the experts yourself. In its middle stand the network's own gates for this picture; towards "
    "either end one expert gets more of the weight, until it is alone. The thin mark on each bar is the network's answer."
)


class HasModels(Protocol):
    """What this section asks of `demo.models.Models`."""

    def gates(self, key: str) -> GatesByClass | None: ...

    def fader_table(self, key: str) -> FaderTable | None: ...


def build() -> list[Component]:
    """Builds the section in the current Blocks -> what the values of `values` go to."""
    gr.HTML(f"<h2>Which expert answered</h2><p>{WORDS}</p>", elem_id="dc-expert-words")
    experts = ExpertPanel(elem_id="dc-experts")
    gr.HTML("<h3>Its gates among those of all test pictures</h3>", elem_id="dc-gates-words")
    histogram = GateHistogram(elem_id="dc-gate-histogram")
    gr.HTML(f"<h3>Another mixture</h3><p>{FADER_WORDS}</p>", elem_id="dc-fader-words")
    return [experts, histogram, ExpertFader(elem_id="dc-fader")]


def values(
    models: HasModels, model: DiCLAM, key: str, picture: Picture, prediction: Prediction, knockouts: Knockouts
) -> tuple[Any, ...]:
    """Raises RunError when the model has vanished, PictureError."""
    gates = models.gates(key)
    among = None if gates is None else GateAmongAll(gates, prediction.gates)
    faded = Faded(Shown(key, picture.pixels), fade(model, picture.pixels), models.fader_table(key))
    return Experts(prediction, knockouts, gates), among, faded


def nothing() -> tuple[Any, ...]:
    """The values without a picture."""
    return None, None, None
