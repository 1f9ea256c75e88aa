"""How the matrix formed: each validation of a run, on the same held-out pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from demo.components.cell_grid import Cell, CellGrid, Cells
from demo.messages import told
from demo.pages import HasModels
from diclam.confusion import called, number
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.events import Validated
from diclam.runs import Run
from diclam.terminal import clock

WORDS = "How the matrix formed: what each validation saw while the model was trained."
NONE = "This model held no pictures out to validate on while it was trained, so there is no matrix from that time."
OLD = "The record of this model is from before its validations kept their matrix, so there is none to show."


def build(models: HasModels, model_key: gr.Dropdown, drawn: gr.State) -> None:
    """Builds the section in the current Blocks; it follows the model of `model_key` whenever `drawn` changes."""
    with gr.Column(elem_id="dc-training"):
        gr.HTML(f"<h2>Over training</h2><p>{WORDS}</p>")
        without = gr.HTML(visible=False)
        moment = gr.Slider(1, 2, value=1, step=1, label="Validation", visible=False, elem_id="dc-moment")
        grid = CellGrid(opens=False, elem_id="dc-then")

    def begin(key: str) -> tuple[gr.HTML, gr.Slider, Cells | None]:
        """Opens on the last one."""
        with told():
            looks, without_matrix = validations(models, key)
        if not looks:
            return gr.HTML(f"<p>{OLD if without_matrix else NONE}</p>", visible=True), gr.Slider(visible=False), None
        last = len(looks)
        slider = gr.Slider(maximum=max(2, last), value=last, visible=last > 1)
        return gr.HTML(visible=False), slider, cells(looks, last)

    def move(key: str, place: float) -> Cells:
        with told():
            looks, _ = validations(models, key)
        # Anybody can send any number, and a run may have been replaced by a shorter one.
        if not looks or not 1 <= place <= len(looks) or place != int(place):
            raise gr.Error(f"Expected the number of a validation, 1 to {len(looks)}.", print_exception=False)
        return cells(looks, int(place))

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    drawn.change(begin, model_key, [without, moment, grid], trigger_mode="always_last", **quiet)
    moment.input(move, [model_key, moment], grid, trigger_mode="always_last", **quiet)


def validations(models: HasModels, key: str) -> tuple[list[Validated], list[Validated]]:
    """Those of a run that kept their matrix, and the others. Raises RunError when there is no such model."""
    everything = Run(models.folder(key)).status().validations
    return [look for look in everything if look.confusion], [look for look in everything if not look.confusion]


def cells(looks: list[Validated], place: int) -> Cells:
    """The matrix of one validation, counted from 1. The colours mean the same at each, as the pictures are the same."""
    look = looks[place - 1]
    counts = np.array(look.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    rows = [[_cell(counts, shares, i, j) for j in range(10)] for i in range(10)]
    same = all(other.pictures == look.pictures for other in looks)  # a run that was resumed may afford more or fewer
    pictures = f"{number(look.pictures)} training pictures that were held out"
    pictures = f"the same {pictures}, each time" if same else pictures
    epochs = f"{look.epoch:.1f}" if look.epoch >= 1 else f"{look.epoch:.2f}"
    return Cells(
        words=[
            f"After {clock(look.seconds)}: {percent(look.accuracy)} right.",
            f"Validation {place} of {len(looks)}, after {epochs} epochs, on {pictures}.",
        ],
        label="Rows: what the held-out pictures really are. Columns: what the model said then.",
        rows=rows,
        legend=[
            ("blue", "✓ right"),
            ("orange", "✗ wrong"),
            ("none", "never"),
            ("", "The fuller the colour, the larger the share."),
        ],
    )


def _cell(counts: np.ndarray, shares: np.ndarray, i: int, j: int) -> Cell:
    count = int(counts[i, j])
    sentence = called(count, i, j)
    return Cell(
        text=number(count),
        words=f"{sentence[0].upper()}{sentence[1:]}, of {number(int(counts[i].sum()))} real {CLASSES[i]} pictures.",
        tone="none" if count == 0 else "blue" if i == j else "orange",
        level=round(float(np.sqrt(shares[i, j])), 3),
    )
