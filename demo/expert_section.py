"""The section of Classify that shows which expert answered, and what other mixtures of the two would have said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import numpy as np
from gradio.components import Component

from demo.components.expert_fader import ExpertFader, Faded, Measuring
from demo.components.expert_panel import ExpertPanel, Experts
from demo.components.gate_histogram import GateAmongAll, GateHistogram
from demo.components.shown import Shown
from demo.messages import told
from demo.models import BUNDLED
from diclam import checkpoint, data
from diclam.data import CLASSES
from diclam.errors import DataError
from diclam.fader import POSITIONS, FaderTable, fade, fade_all
from diclam.gates import GatesByClass
from diclam.knockout import Knockouts
from diclam.model import DiCLAM, Trace
from diclam.predict import Picture, Prediction

PART = 100
"""Test pictures between two words of progress."""
WORDS = (
    "The network holds experts, small networks that all run on every picture; its gate weighs them against each other. "
    "Alone means: that expert with all the weight, the others with none. Their numbers mean nothing by themselves."
)
FADER_WORDS = (
    "Move the slider to weigh the experts yourself. In its middle stand the network's own gates for this picture; towards "
    "either end one expert gets more of the weight, until it is alone. The thin mark on each bar is the network's answer."
)


class HasModels(Protocol):
    """What this section asks of `demo.models.Models`."""

    def model(self, key: str) -> DiCLAM: ...

    def folder(self, key: str) -> Path: ...

    def gates(self, key: str) -> GatesByClass | None: ...

    def fader_table(self, key: str) -> FaderTable | None: ...


def build(models: HasModels) -> list[Component]:
    """Builds the section in the current Blocks -> what the values of `values` go to."""
    gr.HTML(f"<h2>Which expert answered</h2><p>{WORDS}</p>", elem_id="dc-expert-words")
    experts = ExpertPanel(elem_id="dc-experts")
    gr.HTML("<h3>Its gates among those of all test pictures</h3>", elem_id="dc-gates-words")
    histogram = GateHistogram(elem_id="dc-gate-histogram")
    gr.HTML(f"<h3>Another mixture</h3><p>{FADER_WORDS}</p>", elem_id="dc-fader-words")
    fader = ExpertFader(elem_id="dc-fader")

    def measure(event: gr.EventData) -> Iterator[Measuring]:
        brought = event._data if isinstance(event._data, dict) else {}
        yield from measured(models, brought.get("key"))

    fader.measure(
        measure, None, fader, concurrency_id="measure", concurrency_limit=1,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return [experts, histogram, fader]


def values(
    models: HasModels,
    model: DiCLAM,
    key: str,
    picture: Picture,
    prediction: Prediction,
    knockouts: Knockouts | None,
    traced: Trace,
) -> tuple[Any, ...]:
    """`knockouts` is None for the full network, which has no more than its gates and what its experts say alone; `traced`
    is the pass for the picture. Raises RunError when the model has vanished, PictureError."""
    if knockouts is None:
        return Experts(prediction, None, None), None, None
    gates = models.gates(key)
    among = None if gates is None else GateAmongAll(gates, prediction.gates)
    measurable = key != BUNDLED and data.is_cached()
    faded = Faded(Shown(key, picture.pixels), fade(model, picture.pixels, traced), models.fader_table(key), measurable)
    return Experts(prediction, knockouts, gates), among, faded


def nothing() -> tuple[Any, ...]:
    """The values without a picture."""
    return None, None, None


def measured(models: HasModels, key: Any) -> Iterator[Measuring]:
    """Answers all test pictures at every position and keeps the table beside the weights of a run. Raises gr.Error for what
    is no run, where the data set is not there, and when the run was trained on meanwhile."""
    if not isinstance(key, str) or key == BUNDLED:
        raise gr.Error("Expected the name of a run.", print_exception=False)
    with told():
        model, weights = models.model(key), models.folder(key) / checkpoint.WEIGHTS
        table = models.fader_table(key)
    if table is not None:  # somebody else asked at the same time
        total = int(table.pictures.sum())
        yield Measuring(key, total, total, table)
        return
    written = weights.stat().st_mtime_ns
    try:
        images, labels = data.load_test()
    except DataError as error:
        raise gr.Error("The test pictures are not on this server.", print_exception=False) from error
    total, right, pictures = len(images), np.zeros((POSITIONS, len(CLASSES)), int), np.zeros(len(CLASSES), int)
    for some, classes in zip(images.split(PART), labels.split(PART), strict=True):
        yield Measuring(key, int(pictures.sum()), total)
        part = fade_all(model, some, classes)
        right, pictures = right + part.right, pictures + part.pictures
    if weights.stat().st_mtime_ns != written:
        raise gr.Error("This model was trained on meanwhile. Measure it again.", print_exception=False)
    table = FaderTable(right, pictures)
    table.save(weights.parent)
    yield Measuring(key, total, total, table)
