"""Two models beside each other: the difference of their matrices, what of it is noise, and the pictures that changed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from demo.components.cell_grid import Cell, CellGrid, Cells
from demo.components.payload import whole
from demo.components.picture_gallery import Page, PictureGallery
from demo.messages import told
from demo.pages import AT_ONCE, HasModels, HasPictures, answers, lay_out, place
from diclam.compare import Comparison, Spread, alike_but_for_the_seed, spread_of
from diclam.confusion import PLURALS, called, number
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.errors import DiclamError
from diclam.runs import Run
from diclam.selection import Selection

PAGE = 15
SEEDS = 8
"""Models at most that the spread between seeds is measured on."""
LABELS = ("Left this cell", "Came into this cell")
WORDS = "Where a second model differs from the one above. Only what is more than noise is coloured."
HINT = "Choose a model that was tested."


@dataclass(frozen=True)
class ComparedModels:
    """What the tab around it needs."""

    galleries: list[PictureGallery]
    other: gr.Dropdown
    """Key of the second model, or None."""


def build(models: HasModels, model_key: gr.Dropdown, drawn: gr.State, pictures: HasPictures) -> ComparedModels:
    """Builds the section in the current Blocks; it follows the model of `model_key` whenever `drawn` changes."""
    with gr.Column(elem_id="dc-compare"):
        gr.HTML(f"<h2>Compare two models</h2><p>{WORDS}</p>")
        other = gr.Dropdown([], value=None, label="Compare with", info=HINT, filterable=False, elem_id="dc-other")
        with gr.Row(visible=False) as row:
            with gr.Column(scale=6, min_width=320):
                grid = CellGrid(elem_id="dc-difference")
            with gr.Column(scale=5, min_width=320):
                galleries = [PictureGallery(label, page_size=PAGE, controls=False) for label in LABELS]
    cell = gr.State(None)
    outputs = [other, row, grid, *galleries]

    def known(chosen: str | None) -> gr.Dropdown:
        choices = models.choices()
        return gr.Dropdown(choices, value=chosen if chosen in [known for _, known in choices] else None)

    def compare(key: str, chosen: str | None, at: tuple[int, int] | None) -> tuple[Any, ...]:
        nothing = [gr.Row(visible=False), None, None, None]
        if chosen is None:
            return gr.Dropdown(info=HINT), *nothing
        try:
            comparison = compared(models, key, chosen)
        except gr.Error as error:  # what was compared before must not stay under another name
            return gr.Dropdown(info=error.message), *nothing
        drawing = cells(comparison, key, chosen)
        return gr.Dropdown(info=HINT), gr.Row(visible=True), drawing, *_pages(comparison, at, pictures)

    def choose(key: str, chosen: str | None, event: gr.EventData) -> tuple[Any, ...]:
        at = _cell(event)
        return at, *_pages(compared(models, key, chosen), at, pictures)

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    gr.on([drawn.change, other.focus], known, other, other, **quiet)
    gr.on([drawn.change, other.input], compare, [model_key, other, cell], outputs, trigger_mode="always_last", **quiet)
    grid.select(choose, [model_key, other], [cell, *galleries], **AT_ONCE).then(
        None, None, None, js=_SHOW, api_visibility="private"
    )

    def turn(which: int, gallery: PictureGallery) -> None:
        def page(key: str, chosen: str | None, at: tuple[int, int] | None, event: gr.EventData) -> Page:
            if at is None:
                raise gr.Error("Choose a cell of the difference first.", print_exception=False)
            first = place(event, gallery)
            return _page(which, compared(models, key, chosen), at, pictures, first)

        gallery.turn(page, [model_key, other, cell], gallery, **AT_ONCE)

    for which, gallery in enumerate(galleries):
        turn(which, gallery)
    return ComparedModels(galleries, other)


_SHOW = "() => document.querySelector('#dc-compare .pg-title')?.scrollIntoView({block: 'nearest'})"


def compared(models: HasModels, key: str, other: str | None) -> Comparison:
    """Raises gr.Error when there is no second model, or either was not tested on the same pictures."""
    if other is None:
        raise gr.Error("Choose a model to compare with first.", print_exception=False)
    one, second = answers(models, key), answers(models, other)
    with told():
        return Comparison(one, second, measured(models, (key, other)))


def measured(models: HasModels, keys: tuple[str, str]) -> Spread | None:
    """The spread between runs that were trained like one of these models but with other seeds; None without any."""
    configs = {}
    for _, key in models.choices():
        with suppress(DiclamError):  # a run without readable settings is like no other
            configs[key] = Run(models.folder(key)).info()["config"]
    groups = []
    for group in alike_but_for_the_seed(configs):
        if set(group) & set(keys):
            found = [models.evaluation(key) for key in group[:SEEDS]]
            groups.append([evaluation for evaluation in found if evaluation is not None])
    return spread_of(group for group in groups if group)


def cells(comparison: Comparison, one: str, other: str) -> Cells:
    """The difference as a grid, the models called A and B; blue is what makes B better, orange what makes it worse."""
    most = max(1, int(np.abs(comparison.difference[comparison.beyond]).max(initial=1)))
    rows = [[_difference(comparison, i, j, most) for j in range(10)] for i in range(10)]
    beyond = int(comparison.beyond.sum())
    models = (("A", one, comparison.one), ("B", other, comparison.other))
    differ = {0: "No cell differs", 1: "One of 100 cells differs"}.get(beyond, f"{beyond} of 100 cells differ")
    return Cells(
        words=[
            comparison.words("A", "B"),
            "; ".join(f"{letter} is {name}, {percent(e.accuracy)} right" for letter, name, e in models) + ".",
            f"{differ} by more than noise; up to 5 or so would by chance. {comparison.band_words()}",
        ],
        label="How B differs from A. Rows: what the pictures really are. Columns: what was said.",
        rows=rows,
        legend=[
            ("blue", "B is better: more right or fewer mistakes"),
            ("orange", "B is worse: fewer right or more mistakes"),
            ("grey", "within the noise"),
            ("none", "never said by either"),
        ],
    )


def _difference(comparison: Comparison, i: int, j: int, most: int) -> Cell:
    more = int(comparison.difference[i, j])
    before, after = (int(e.confusion[i, j]) for e in (comparison.one, comparison.other))
    band = f"which reaches up to {comparison.band[i, j]:.0f}"
    if comparison.beyond[i, j]:
        tone = "blue" if (more > 0) == (i == j) else "orange"
        verdict = f"more than noise, {band}"
    else:
        tone = "grey" if before + after else "none"
        verdict = f"within the noise, {band}"
    change = f"{number(abs(more))} {'more' if more > 0 else 'fewer'}, {verdict}" if more else "no difference"
    return Cell(
        text=signed(more),
        words=f"{PLURALS[i].capitalize()} called {CLASSES[j]}: {number(before)} by A, {number(after)} by B; {change}.",
        tone=tone,
        level=round(float(np.sqrt(min(1, abs(more) / most))), 3),
    )


def signed(count: int) -> str:
    """'+12' and '0', and a real minus sign."""
    return f"{count:+}".replace("-", "\N{MINUS SIGN}") if count else "0"


def _pages(comparison: Comparison, at: tuple[int, int] | None, pictures: HasPictures) -> tuple[Page | None, ...]:
    if at is None:
        return (None,) * len(LABELS)
    return tuple(_page(which, comparison, at, pictures) for which in range(len(LABELS)))


def _page(which: int, comparison: Comparison, at: tuple[int, int], pictures: HasPictures, first: int = 0) -> Page:
    """Pictures that only one of the two models put into a cell; below each, what the other one said, the surest first."""
    real, said = at
    found = comparison.changed(real, said)[which]
    evaluation = (comparison.other, comparison.one)[which]
    found = found[np.argsort(-evaluation.probabilities[found].max(1), kind="stable")]
    sentence = called(len(found), real, said)
    title = f"{sentence[0].upper()}{sentence[1:]} by {'AB'[which]} only"
    more = f"Below each picture, what {'BA'[which]} says." if len(found) else ""
    chosen = Selection((real,))
    return lay_out(evaluation, chosen, found, pictures, first, size=PAGE, total=len(found), title=title, more=more)


def _cell(event: gr.EventData) -> tuple[int, int]:
    real, said = whole(event, "real"), whole(event, "said")
    if real is None or said is None or not all(0 <= k < len(CLASSES) for k in (real, said)):
        raise gr.Error(f"Expected a cell, two class numbers in 0 .. {len(CLASSES) - 1}.", print_exception=False)
    return real, said
