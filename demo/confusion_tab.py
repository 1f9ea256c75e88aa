"""The Confusion matrix tab: what is taken for what, and the pictures behind every number."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from demo import compared_models, confused_pairs, over_training
from demo.components.class_table import AccuracyLine, ClassTable
from demo.components.confusion_grid import ConfusionGrid, Matrix
from demo.components.gates_chart import GatesChart
from demo.components.picture_gallery import Page, PictureGallery
from demo.messages import told
from demo.pages import AT_ONCE, WHO, HasModels, HasPictures, answers, place, spoken_for, turn_to
from diclam.errors import ConfigError
from diclam.evaluate import Evaluation
from diclam.gates import GatesByClass, gates_by_class
from diclam.selection import Selection

PAGE = 60
UNTESTED = (
    "There are no test results of this model that can be shown here: it was not tested, or is a full network, which has "
    "more than two experts. Choose another model above, or test this one with <code>python -m diclam evaluate</code> and "
    "its name."
)
TABLE_WORDS = (
    "Precision: of all pictures called cat, the share that are cats. Recall: of all cats, the share that were called cat. "
    "F1: one number for both. Beside each, in percent, the 95 % interval that a test of this size leaves open."
)
GATE_WORDS = (
    "The gate weighs the two experts for each picture. A row shows the pictures of a class by that weight; the line is "
    "their mean."
)


@dataclass(frozen=True)
class ConfusionTab:
    """What the wiring between tabs needs."""

    galleries: list[PictureGallery]
    """Their `select` brings `index`, the number of a test picture; anybody can send one."""


def build(models: HasModels, model_key: gr.Dropdown, pictures: HasPictures) -> ConfusionTab:
    """Builds the tab in the current Blocks. `model_key` holds the key of a model of `models`; changing it draws anew."""
    with gr.Column(elem_id="dc-confusion"):
        untested = gr.HTML(f"<p>{UNTESTED}</p>", visible=False, elem_id="dc-untested")
        who = gr.Radio([(words, key) for key, words in WHO.items()], value="both", label="Answers of", elem_id="dc-who")
        accuracy = AccuracyLine(elem_id="dc-accuracy")
        with gr.Row():
            with gr.Column(scale=6, min_width=320):
                grid = ConfusionGrid(elem_id="dc-grid")
            with gr.Column(scale=5, min_width=320):
                gallery = PictureGallery(page_size=PAGE, elem_id="dc-gallery")
                with gr.Row(elem_id="dc-tables") as tables:
                    these = gr.Button("Download these answers (CSV)", size="sm", scale=0, min_width=220)
                    everything = gr.Button("Download all answers (CSV)", size="sm", scale=0, min_width=220)
                file = gr.Textbox(visible=False)
        with gr.Row(elem_id="dc-classes") as figures:
            with gr.Column(scale=6, min_width=320):
                gr.HTML(f"<h2>Class by class</h2><p>{TABLE_WORDS}</p>")
                classes = ClassTable()
            with gr.Column(scale=5, min_width=320):
                gr.HTML("<h2>Most confused pairs</h2><p>Choose a pair to see both ways and the border between them.</p>")
                pairs = confused_pairs.build_list()
        pair = confused_pairs.build(models, model_key, who, pictures, pairs)
        drawn = gr.State(None)
        with gr.Column() as below:
            with gr.Column(elem_id="dc-gates"):
                gr.HTML(f"<h2>Which expert for which class</h2><p>{GATE_WORDS}</p>")
                gates = GatesChart()
            compared = compared_models.build(models, model_key, drawn, pictures)
            over_training.build(models, model_key, drawn)
    selection = gr.State(None)

    def redraw(
        key: str, speaker: str, chosen: Selection | None, both: tuple[int, int] | None, before: int | None
    ) -> tuple[Any, ...]:
        """Everything, unless the same test results are drawn already."""
        with told():
            evaluation = models.evaluation(key)
        if evaluation is None:
            nothing = [None] * 5
            return *_seen(False), *nothing, chosen, None, *confused_pairs.drawn(None, None, pictures)
        evaluation = answers(models, key, speaker)
        told_by = zlib.crc32(f"{key} {speaker}".encode())  # a copy of a model has a training of its own
        now = zlib.crc32(evaluation.probabilities.tobytes(), told_by)
        if now == before:
            return tuple(gr.skip() for _ in outputs)
        chosen = chosen or first_selection(evaluation)
        page = turn_to(evaluation, chosen, pictures, size=PAGE)
        whole = [evaluation, Matrix(evaluation.confusion, evaluation.gate_sums, chosen), page, evaluation, evaluation]
        return *_seen(True), *whole, chosen, now, *confused_pairs.drawn(evaluation, both, pictures)

    outputs = [untested, tables, figures, below, accuracy, grid, gallery, classes, pairs, selection, drawn, *pair.outputs]
    model = [model_key, who]
    inputs = [*model, selection, pair.pair, drawn]

    def opened(
        key: str,
        speaker: str,
        chosen: Selection | None,
        both: tuple[int, int] | None,
        before: int | None,
        event: gr.EventData,
    ) -> tuple[Any, ...]:
        """With the expert, the cell, the order and the filters of the address, when the event brings them."""
        expert = _brought(event, "expert")
        speaker = speaker if expert is None else spoken_for(expert)
        if _brought(event, "real") is not None:
            with told():
                named = Selection(_classes(event, "real"), _classes(event, "said"), **_filters(event))
            if named != chosen:  # what is drawn shows another cell
                chosen, before = named, None
        return *redraw(key, speaker, chosen, both, before), gr.skip() if expert is None else speaker

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    grid.open(opened, inputs, [*outputs, who], trigger_mode="multiple", **quiet)
    who.change(None, who, None, js=_REMEMBER_WHO, **quiet)
    # Not only when the visitor changes it: a link may have named an expert while another answer was under way.
    gr.on([model_key.change, who.change], redraw, inputs, outputs, trigger_mode="always_last", **quiet)

    def choose(key: str, speaker: str, chosen: Selection | None, event: gr.EventData) -> tuple[Page, Selection]:
        with told():
            chosen = replace(chosen or Selection(), real=_classes(event, "real"), said=_classes(event, "said"))
        return turn_to(answers(models, key, speaker), chosen, pictures, size=PAGE), chosen

    def query(key: str, speaker: str, chosen: Selection | None, event: gr.EventData) -> tuple[Page, Selection]:
        with told():
            chosen = replace(chosen or Selection(), **_filters(event))
        return turn_to(answers(models, key, speaker), chosen, pictures, size=PAGE), chosen

    def turn(key: str, speaker: str, chosen: Selection | None, event: gr.EventData) -> Page:
        first = place(event, gallery)
        return turn_to(answers(models, key, speaker), chosen or Selection(), pictures, first, size=PAGE)

    def weigh(key: str) -> GatesByClass | None:
        with told():
            evaluation = models.evaluation(key)
        return None if evaluation is None else gates_by_class(evaluation)

    drawn.change(weigh, model_key, gates, trigger_mode="always_last", queue=False, **quiet)
    grid.select(choose, [*model, selection], [gallery, selection], **AT_ONCE).then(
        None, None, None, js=_SHOW, api_visibility="private"
    )
    gallery.query(query, [*model, selection], [gallery, selection], **AT_ONCE)
    gallery.turn(turn, [*model, selection], gallery, **AT_ONCE)

    def all_answers(key: str) -> str:
        return _csv(answers(models, key).table)

    def these_answers(key: str, speaker: str, chosen: Selection | None) -> str:
        found = (chosen or Selection()).find(answers(models, key, speaker))
        return _csv(answers(models, key).table.iloc[found])

    made = these.click(these_answers, [*model, selection], file, **quiet)
    made.success(None, file, None, js=_SAVE % "diclam-selection.csv", **quiet)
    made = everything.click(all_answers, model_key, file, **quiet)
    made.success(None, file, None, js=_SAVE % "predictions.csv", **quiet)
    return ConfusionTab([gallery, *pair.galleries, *compared.galleries])


_REMEMBER_WHO = """(who) => {
  const address = new URL(window.location);
  if (who === 'both') address.searchParams.delete('expert');
  else address.searchParams.set('expert', who);
  window.history.replaceState(window.history.state, '', address);
}"""
_SAVE = """(text) => {
  const href = URL.createObjectURL(new Blob([text], {type: 'text/csv'}));
  Object.assign(document.createElement('a'), {href, download: '%s'}).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}"""
# On a phone the pictures are below what fits on the screen.
_SHOW = "() => document.querySelector('#dc-gallery .pg-title')?.scrollIntoView({block: 'nearest'})"


def _seen(tested: bool) -> tuple[gr.HTML, gr.Row, gr.Row, gr.Column]:
    """What is said instead of test results; what makes no sense without them. The grid itself stays, as it tells when the
    tab is looked at again."""
    return gr.HTML(visible=not tested), gr.Row(visible=tested), gr.Row(visible=tested), gr.Column(visible=tested)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.6f")


def first_selection(evaluation: Evaluation) -> Selection:
    """The cell with the most mistakes, so that the page never opens empty; everything when there is no mistake."""
    errors = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    if not errors.any():
        return Selection()
    real, said = np.unravel_index(int(errors.argmax()), errors.shape)
    return Selection((int(real),), (int(said),))


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
    return chosen | {name: _brought(event, name) for name in ("sort", "wrong", "doubtful")}
