"""The About tab: the network, what of it is from the report, how its figures were measured, licence and data."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from demo.components.network_drawing import NetworkDrawing, drawn
from demo.models import BUNDLED
from diclam import data, sources
from diclam.errors import DiclamError, RunError
from diclam.evaluate import Evaluation
from diclam.model import DiCLAM
from diclam.recipe import RECIPES
from diclam.runs import Run
from diclam.terminal import REASONS, clock

NETWORK = (
    "A small convolutional network with two parts that can be looked into: attention, which lets every position of the "
    "picture take information from all others, and a mixture of two experts, weighed by a gate. Each box below stands for "
    "what a layer hands on: as high as its picture, and wider by the same step each time its channels double."
)
REPORT = "DiCLAM for CIFAR-10 Image Classification: Multi-Fusion Deep-Learning Neural Network"
FROM_REPORT = (
    "The list of layers: a stem, three blocks, a classifier.",
    "Light attention: queries, keys and values from 1x1 convolutions instead of fully connected layers.",
    "A light mixture: two experts of two 1x1 convolutions and a ReLU, a gate of average pooling and a 1x1 convolution.",
    "The number of parameters, 1,837,452.",
    "The recipe <i>report</i>: AdamW, OneCycleLR, cross-entropy, gradient clipping; flips, crops, normalisation; 40,000 "
    "pictures to learn from, 10,000 to validate on after every three epochs; a stop at the time limit or when nothing "
    "improves.",
    "91.36 % of the test pictures after 7.80 minutes, on hardware it does not name. We did not measure that; our figures "
    "are below.",
)
OURS = (
    "The widths. The report gives none; ours are a natural set that adds up to exactly its number.",
    "Heads, activation, dropout rates, and where the pooling sits.",
    "Learning rate, weight decay, batch size and padding; schedules that follow the clock, so that they end when the time "
    "does; validation at least every fifth of the time limit.",
    "This page, the bundled model, and every figure that is shown for it.",
)
NOT_REBUILT = (
    "The report also names a full model of 5,512,356 parameters. That is exactly three times 1,837,452, and it lists none "
    "of its layers, so it is not rebuilt here. To measure what the light blocks cost and save, <code>diclam train --blocks "
    "full</code> trains the same network with the standard blocks in their places."
)
MEASURED = (
    "Every one of the 10,000 test pictures is answered once, in float32, without averaging over shifted or mirrored copies. "
    "Precision, recall and F1 are means over the ten classes. Nothing is chosen by looking at the test pictures: what has "
    "to be chosen is chosen on 10,000 training pictures that are held out. Time is the clock on the wall, from before the "
    "first batch to the final weights, validations included."
)
MISSING = (
    "This copy of the project has no bundled model with a test that can be read: the folder <code>assets/bundled</code> is "
    "missing or damaged. Copy it anew, or train a model and use that."
)
LICENCE = (
    "The program and the bundled model are under the MIT licence. The pictures are CIFAR-10: 60,000 pictures of 32 x 32 "
    "pixels, 6,000 of each class, collected by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton (Learning Multiple Layers of "
    "Features from Tiny Images, 2009). The data set states no licence of its own, and the MIT licence does not cover it."
)


class HasModels(Protocol):
    """What this tab asks of `demo.models.Models`."""

    def model(self, key: str) -> DiCLAM: ...

    def evaluation(self, key: str) -> Evaluation | None: ...

    def folder(self, key: str) -> Path: ...


def build(models: HasModels, model_key: gr.Dropdown, page: gr.Tab) -> None:
    """Builds the tab on its `page`. `model_key` holds the key of the model of `models` that is drawn; the figures
    are the bundled one's, and when it is missing, its place says so."""
    with gr.Column(elem_id="dc-about"):
        gr.HTML(f"<h2>The network</h2><p>{NETWORK}</p>", apply_default_css=False)
        drawing = NetworkDrawing(drawn(DiCLAM()), elem_id="dc-network")
        for text in (_origins(), _figures(models), _licence()):
            gr.HTML(text, apply_default_css=False)

    def draw(key: str) -> dict[str, Any]:
        try:
            return drawn(models.model(key))
        except DiclamError:  # Classify says what is wrong with it
            return drawn(DiCLAM())

    gr.on(
        [page.select, model_key.change], draw, model_key, drawing,
        show_progress="hidden", queue=False, api_visibility="private",
    )  # fmt: skip


def figures(models: HasModels) -> list[tuple[str, str]]:
    """(name, figure) of the bundled model, read from its own files. Empty when it was not tested."""
    evaluation = models.evaluation(BUNDLED)
    if evaluation is None:
        return []
    means = (evaluation.precision, evaluation.recall, evaluation.f1)
    return [
        ("test accuracy", f"{evaluation.accuracy * 100:.2f} % of {len(evaluation.true):,} pictures"),
        ("precision, recall, F1", ", ".join(f"{value:.4f}" for value in means)),
        ("parameters", f"{evaluation.parameters:,}"),
        *_training(Run(models.folder(BUNDLED))),
    ]


def _training(run: Run) -> list[tuple[str, str]]:
    """How the model of this folder was made, as far as it is written down there."""
    status = run.status()
    rows: list[tuple[str, str]] = []
    if started := status.started:
        held_out = f"{started.validation_pictures:,} more held out" if started.validation_pictures else "none held out"
        rows.append(
            ("trained on", f"{started.train_pictures:,} pictures, {held_out}; recipe {started.recipe}, seed {started.seed}")
        )
    if finished := status.finished:
        rows.append(("training time", f"{clock(finished.seconds)}, {finished.epoch:.1f} epochs; {REASONS[finished.reason]}"))
    try:
        info = run.info()
    except RunError:
        return rows
    if start_from := info.get("config", {}).get("start_from"):
        rows.append(("first weights", f"those of an earlier run, {start_from}; its time comes on top"))
    hardware = info.get("hardware", {})
    cores = hardware.get("cores")
    machine = [hardware.get("accelerator"), hardware.get("processor"), f"{cores} core{'' if cores == 1 else 's'}"]
    if status.started:
        machine.append(f"{status.started.device} in {status.started.precision}")
    versions = ", ".join(f"{name} {version}" for name, version in info.get("versions", {}).items())
    return [*rows, ("on", ", ".join(filter(None, machine))), ("with", versions)]


def _origins() -> str:
    def items(texts: tuple[str, ...]) -> str:
        return "".join(f"<li>{text}</li>" for text in texts)

    others = " and ".join(f"<i>{name}</i>" for name in RECIPES if name != "report")
    ours = (*OURS, f"The recipes {others}.")
    return f"""
<h2>What is from the report, and what is not</h2>
<p>DiCLAM comes from a short report, <cite>{REPORT}</cite>.</p>
<div class="dc-two">
  <section><h3>From the report</h3><ul>{items(FROM_REPORT)}</ul></section>
  <section><h3>Ours</h3><ul>{items(ours)}</ul></section>
</div>
<p>{NOT_REBUILT}</p>"""


def _figures(models: HasModels) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}</dd></div>" for name, figure in figures(models))
    shown = f"<p>Of the bundled model:</p><dl>{rows}</dl>" if rows else f"<p>{MISSING}</p>"
    return f"<h2>How the figures were measured</h2><p>{MEASURED}</p>{shown}"


def _licence() -> str:
    names = [source.name for source in sources.default_sources(data.default_root())]
    places = f"{'; '.join(names[:-1])}; or {names[-1]}"
    return f"""
<h2>Licence and data</h2>
<p>{LICENCE}</p>
<p><b>Train</b> fetches the data set the first time it is needed, from the first of these that answers: {escape(places)}.
Whatever the source, its SHA-256 digests are checked. Some test pictures come with the bundled model, so that its confusion
matrix can be looked into without the rest.</p>"""
