"""The Confusion matrix tab: what is taken for what, and the pictures behind every number."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import gradio as gr
import numpy as np
from torch import Tensor

from demo.components.class_table import AccuracyLine, ClassTable
from demo.components.confusion_grid import ConfusionGrid, Matrix
from demo.components.payload import whole
from demo.components.picture_gallery import PAGE, Page, PictureGallery
from diclam.confusion import confused_pairs, wilson
from diclam.draw import percent
from diclam.errors import ConfigError, DiclamError
from diclam.evaluate import Evaluation
from diclam.selection import ALL, Selection

UNTESTED = (
    "There are no test results of this model that can be read. Choose another model above, or test this one with "
    "<code>python -m diclam evaluate</code> and its name."
)
TABLE_WORDS = (
    "Precision: of all pictures called cat, the share that are cats. Recall: of all cats, the share that were called cat. "
    "F1: one number for both. Beside each, in percent, the 95 % interval that a test of this size leaves open."
)


class HasEvaluations(Protocol):
    """What this tab asks of `demo.models.Models`."""

    def evaluation(self, key: str) -> Evaluation | None: ...


class HasPictures(Protocol):
    """What this tab asks of `demo.gallery.Pictures`."""

    def get(self, index: int) -> Tensor | None: ...

    def available(self, indices: Iterable[int]) -> list[int]: ...


@dataclass(frozen=True)
class ConfusionTab:
    """What the wiring between tabs needs."""

    open_picture: PictureGallery
    """Its `select` brings `index`, the number of a test picture; anybody can send one."""


def build(models: HasEvaluations, model_key: gr.Dropdown, pictures: HasPictures) -> ConfusionTab:
    """Builds the tab in the current Blocks. `model_key` holds the key of a model of `models`; changing it draws anew."""
    with gr.Column(elem_id="dc-confusion"):
        untested = gr.HTML(f"<p>{UNTESTED}</p>", visible=False, elem_id="dc-untested")
        accuracy = AccuracyLine(elem_id="dc-accuracy")
        with gr.Row():
            with gr.Column(scale=6, min_width=320):
                grid = ConfusionGrid(elem_id="dc-grid")
            with gr.Column(scale=5, min_width=320):
                gallery = PictureGallery(elem_id="dc-gallery")
        with gr.Column(elem_id="dc-classes"):
            gr.HTML(f"<h2>Class by class</h2><p>{TABLE_WORDS}</p>")
            classes = ClassTable()
    selection = gr.State(None)
    drawn = gr.State(None)

    def redraw(key: str, chosen: Selection | None, before: int | None) -> tuple[Any, ...]:
        """Everything, unless the same test results are drawn already."""
        evaluation = _evaluation(models, key)
        if evaluation is None:
            return gr.HTML(visible=True), None, None, None, None, chosen, None
        now = zlib.crc32(evaluation.probabilities.tobytes())
        if now == before:
            return tuple(gr.skip() for _ in outputs)
        chosen = chosen or first_selection(evaluation)
        page = turn_to(evaluation, chosen, pictures)
        return gr.HTML(visible=False), evaluation, Matrix(evaluation.confusion, chosen), page, evaluation, chosen, now

    outputs = [untested, accuracy, grid, gallery, classes, selection, drawn]
    for event in (grid.open, model_key.change):
        event(
            redraw, [model_key, selection, drawn], outputs,
            show_progress="hidden", trigger_mode="always_last", api_visibility="private",
        )  # fmt: skip

    def choose(key: str, chosen: Selection | None, event: gr.EventData) -> tuple[Page, Selection]:
        with _told():
            chosen = replace(chosen or Selection(), real=_classes(event, "real"), said=_classes(event, "said"))
        return turn_to(_tested(models, key), chosen, pictures), chosen

    def query(key: str, chosen: Selection | None, event: gr.EventData) -> tuple[Page, Selection]:
        with _told():
            chosen = replace(chosen or Selection(), **_filters(event))
        return turn_to(_tested(models, key), chosen, pictures), chosen

    def turn(key: str, chosen: Selection | None, event: gr.EventData) -> Page:
        first = whole(event, "first")
        if first is None or first < 0 or first % PAGE:
            raise gr.Error(f"Expected the first picture of a page, a multiple of {PAGE}.", print_exception=False)
        return turn_to(_tested(models, key), chosen or Selection(), pictures, first)

    # Each event carries its own data, so each must be handled; none waits in the queue behind a classification.
    at_once: dict[str, Any] = {
        "show_progress": "hidden", "trigger_mode": "multiple", "queue": False, "api_visibility": "private",
    }  # fmt: skip
    grid.select(choose, [model_key, selection], [gallery, selection], **at_once)
    gallery.query(query, [model_key, selection], [gallery, selection], **at_once)
    gallery.turn(turn, [model_key, selection], gallery, **at_once)
    return ConfusionTab(gallery)


def first_selection(evaluation: Evaluation) -> Selection:
    """The cell with the most mistakes, so that the page never opens empty; everything when there is no mistake."""
    pairs = confused_pairs(evaluation.confusion)
    if not pairs:
        return Selection()
    worst = max(pairs, key=lambda pair: pair.there)
    return Selection((worst.first,), (worst.second,))


def turn_to(evaluation: Evaluation, selection: Selection, pictures: HasPictures, first: int = 0) -> Page:
    """The page of the gallery that begins with the picture in place `first` of those that are here; the last page when
    there are fewer."""
    matching = selection.find(evaluation)
    here = pictures.available(matching.tolist())
    first = min(first, max(0, len(here) - 1) // PAGE * PAGE)
    indices = here[first : first + PAGE]
    return Page(
        evaluation=evaluation,
        selection=selection,
        title=selection.words(evaluation),
        more=_share(evaluation, selection),
        total=len(selection.cell(evaluation)),
        matching=len(matching),
        here=len(here),
        first=first,
        indices=indices,
        pixels=[pixels for pixels in map(pictures.get, indices) if pixels is not None],
    )


def _share(evaluation: Evaluation, selection: Selection) -> str:
    """The share that the title's counts make, with its interval; of a whole row or column, the share that is right."""
    real, said = selection.real == ALL, selection.said == ALL
    counts = evaluation.confusion[np.ix_(selection.real, selection.said)]
    if real or said:
        count = sum(int(evaluation.confusion[k, k]) for k in set(selection.real) & set(selection.said))
        total, word = int(counts.sum()), " right"
    else:
        count, total, word = int(counts.sum()), int(evaluation.confusion[list(selection.real)].sum()), ""
    if total == 0:
        return ""
    low, high = wilson(count, total)
    return f"{percent(count / total)}{word}; 95 % interval {100 * low:.1f} to {100 * high:.1f} %."


def _evaluation(models: HasEvaluations, key: str) -> Evaluation | None:
    with _told():
        return models.evaluation(key)


def _tested(models: HasEvaluations, key: str) -> Evaluation:
    evaluation = _evaluation(models, key)
    if evaluation is None:
        raise gr.Error("There are no test results of this model that can be read.", print_exception=False)
    return evaluation


# Anybody can send these events by hand, with anything in them; `Selection` checks the values, these their kind.


def _brought(event: gr.EventData, name: str) -> Any:
    return event._data.get(name) if isinstance(event._data, dict) else None


def _classes(event: gr.EventData, name: str) -> tuple[int, ...]:
    members = _brought(event, name)
    if not isinstance(members, list):
        raise ConfigError(f"Expected a list of class numbers for {name!r}; got {members!r:.80}.")
    return tuple(members)


def _filters(event: gr.EventData) -> dict[str, Any]:
    ranges = {name: _brought(event, name) for name in ("confidence", "gate")}
    for name, limits in ranges.items():
        if not isinstance(limits, list):
            raise ConfigError(f"Expected a list of two numbers for {name!r}; got {limits!r:.80}.")
    chosen = {name: tuple(limits) for name, limits in ranges.items()}  # pyright: ignore[reportArgumentType]
    return chosen | {"sort": _brought(event, "sort"), "wrong": _brought(event, "wrong")}


@contextmanager
def _told() -> Iterator[None]:
    """A person's mistake becomes a message on the page."""
    try:
        yield
    except DiclamError as error:
        raise gr.Error(str(error), print_exception=False) from error
