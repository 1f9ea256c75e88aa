"""The section of Train with all runs: which there are, what can be done with one, and several laid over each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from demo import overlay, run_files, visitor
from demo.components.news_feed import Asked
from demo.components.payload import text
from demo.components.plotly_figure import PlotlyFigure
from demo.components.runs_table import MOST, Listed, RunsTable
from demo.components.settings_table import Settings, SettingsTable
from demo.messages import told
from demo.overlay import AXES, Curves
from demo.run_rows import RunRows
from demo.visitor import Visitor
from diclam import archive, housekeeping, ration, runs
from diclam.differences import differences
from diclam.errors import DiclamError, RunError
from diclam.ledger import Ledger, Note
from diclam.runs import Run
from diclam.waiting import Ticket

WORDS = (
    f"A name opens a run above. Tick up to {MOST} to lay their curves over each other. Runs that this page started, or that "
    "were brought, go when there are too many, the oldest first, unless they are on the board of the challenge, or pinned; "
    f"{ration.PINNED} of yours can be."
)
NOT_YOURS = "Only the visitor who started this run, or the owner of this server, can change it."


@dataclass(frozen=True)
class RunsSection:
    """What is wired to the rest of the tab."""

    phase: gr.HTML
    """Unseen; its value changes when a run begins or ends, or another one is shown. A state would not tell: Gradio passes
    the change of one on only from listeners that wait in the queue."""
    table: RunsTable
    rows: RunRows
    bring: gr.UploadButton
    axis: gr.Radio
    over: gr.Column
    accuracy: PlotlyFigure
    loss: PlotlyFigure
    settings: SettingsTable
    names: gr.State
    """Of the runs that are laid over each other."""


def build() -> RunsSection:
    """Builds the section in the current Blocks. Raises ConfigError when DICLAM_KEEP_RUNS or DICLAM_KEEP_GB is impossible."""
    housekeeping.Bounds.of_this_server()
    with gr.Column(elem_id="dc-runs"):
        gr.HTML(f"<h2>All runs</h2><p>{WORDS}</p>", apply_default_css=False, elem_id="dc-runs-words")
        phase = gr.HTML(
            "", html_template="", js_on_load=None, apply_default_css=False, visible="hidden", elem_id="dc-runs-phase"
        )
        table = RunsTable(elem_id="dc-runs-table")
        bring = gr.UploadButton("Bring a run (zip)", file_types=[".zip"], type="binary", size="md", elem_id="dc-bring-run")
        with gr.Column(visible=False, elem_id="dc-over") as over:
            axes = [("training time", "time"), ("epochs", "epochs")]
            axis = gr.Radio(axes, value="time", label="Curves over", elem_id="dc-axis")
            with gr.Row(elem_id="dc-over-curves"):
                accuracy = PlotlyFigure("Accuracy on held-out pictures", elem_id="dc-over-accuracy")
                loss = PlotlyFigure("Training loss, smoothed", elem_id="dc-over-loss")
            settings = SettingsTable(elem_id="dc-over-settings")
    return RunsSection(phase, table, RunRows(), bring, axis, over, accuracy, loss, settings, gr.State([]))


def news(
    section: RunsSection, asked: Asked, going: list[Run], notes: dict[str, Note], waiting: list[Ticket]
) -> dict[str, Any]:
    """What a page that asks has to show of all runs, while the runs `going` go on, as `News.parts`: others start, end,
    rename or delete some."""
    listed = section.rows.news(asked, going, notes, waiting)
    return {} if listed is None else {str(section.table.elem_id): section.table.postprocess(listed)}


def wire(
    section: RunsSection,
    who: Visitor,
    shown_run: gr.State,
    show: Callable[[Any, str], dict[Any, Any]],
    outputs: list[Component],
) -> None:
    """`show` gives what opens a run for the visitor with these tokens, or another one when it is gone, as changes to
    `outputs`."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    each = quiet | {"trigger_mode": "multiple"}
    table = section.table

    def listed(shown: str, sent: Any) -> Listed:
        return section.rows.listed(visitor.token(sent), shown)

    def refresh(shown: str, sent: Any) -> Listed:
        return listed(shown, sent)

    def open_run(sent: Any, event: gr.EventData) -> Any:
        return show(sent, _named(event).name)

    def retitle(shown: str, sent: Any, event: gr.EventData) -> Listed:
        run = _changeable(event, sent)
        with told():
            Ledger().rename(run.name, text(event, "title"))
        return listed(shown, sent)

    def keep(shown: str, sent: Any, event: gr.EventData) -> Listed:
        run = _changeable(event, sent)
        at_most = ration.most(ration.PINNED, visitor.token(sent))
        with told():
            Ledger().pin(run.name, event._data.get("pinned") is True, at_most=at_most)
        return listed(shown, sent)

    def discard(shown: str, sent: Any, event: gr.EventData) -> Any:
        run = _changeable(event, sent)
        with told():
            housekeeping.throw_away(run)
        changed = show(sent, shown)
        return changed | {table: listed(changed.get(shown_run, shown), sent)}

    def restore(sent: Any, event: gr.EventData) -> Any:
        name = text(event, "name") or ""
        with told():
            if not Ledger().may_change(name, visitor.token(sent)):
                raise RunError(NOT_YOURS)
            housekeeping.bring_back(name)
        return show(sent, name) | {table: listed(name, sent)}

    def bring(content: Any, sent: Any) -> Any:
        with told():
            ration.check(visitor.own(sent), shown=visitor.token(sent))
            run = archive.unpack(content if isinstance(content, bytes) else b"")
            Ledger().own(run.name, visitor.own(sent))
            housekeeping.tidy()
        gr.Info(f"The run was imported as {run.name}.")
        return show(sent, run.name) | {table: listed(run.name, sent)}

    def lay(axis: Any, event: gr.EventData) -> tuple[Any, ...]:
        brought = event._data.get("names") if isinstance(event._data, dict) else None
        return draw(brought, axis)

    def draw(names: Any, axis: Any) -> tuple[Any, ...]:
        chosen = _chosen(names)
        if axis not in AXES:
            raise gr.Error(f"Expected one of {', '.join(AXES)}.", print_exception=False)
        if not chosen:
            return [], gr.Column(visible=False), None, None, None
        with told():
            notes = Ledger().notes()
        titles = [notes.get(run.name, Note()).title or run.name for run in chosen]
        curves = []
        for title, run in zip(titles, chosen, strict=True):
            status = run.status()
            curves.append(Curves(title, status.steps, status.validations))
        figures = overlay.accuracy(curves, axis), overlay.loss(curves, axis)
        return [run.name for run in chosen], gr.Column(visible=True), *figures, compared(chosen, titles)

    page = Context.root_block
    assert page is not None, "the section is built inside a page"
    tokens = who.tokens
    known = [shown_run, tokens]
    for happening in (section.phase.change, *(turned.then for turned in who.turned)):  # pyright: ignore[reportAttributeAccessIssue]
        happening(refresh, known, table, queue=False, **quiet)
    table.open(open_run, tokens, outputs, **each)
    table.retitle(retitle, known, table, **each)
    table.keep(keep, known, table, **each)
    table.discard(discard, known, [table, *outputs], **each)
    table.restore(restore, tokens, [table, *outputs], **each)
    # One at a time: what is packed may be large, and each counts before the next.
    section.bring.upload(
        bring, [section.bring, tokens], [table, *outputs], concurrency_id="bring", concurrency_limit=1, **quiet
    )
    drawn = [section.names, section.over, section.accuracy, section.loss, section.settings]
    # One after the other, as a later answer is of more ticks. 'always_last' would send the first ticks once more.
    table.overlay(lay, section.axis, drawn, concurrency_id="overlay", concurrency_limit=1, **each)
    section.axis.input(draw, [section.names, section.axis], drawn, **quiet)
    file = gr.DownloadButton(visible=False)
    cache = Path(file.GRADIO_CACHE)

    def take(event: gr.EventData) -> str:
        with told():
            return str(run_files.folder(_named(event), cache))

    table.take(take, None, file, **each).success(None, file, None, js=run_files.SAVE, api_visibility="private")


def compared(chosen: list[Run], titles: list[str]) -> Settings:
    """What differs in the settings of runs with these titles."""
    if len(chosen) < 2:
        return Settings("Tick another run to see what differs in their settings.", titles, [])
    configs: list[dict[str, Any] | None] = []
    for run in chosen:
        try:
            configs.append(run.info()["config"])
        except RunError:
            configs.append(None)
    differ = [(one.name, list(one.values)) for one in differences(configs)]
    sentence = "What differs in their settings:" if differ else "Their settings are all the same."
    return Settings(sentence, titles, differ)


def _named(event: gr.EventData) -> Run:
    """The run that an event names. Anybody can send one by hand, so it may be refused."""
    with told():
        return runs.find(text(event, "name") or "")


def _changeable(event: gr.EventData, sent: Any) -> Run:
    """The same, where only its owner may go on."""
    run = _named(event)
    with told():
        if not Ledger().may_change(run.name, visitor.token(sent)):
            raise RunError(NOT_YOURS)
    return run


def _chosen(names: Any) -> list[Run]:
    """The runs of an `overlay`, without those that are gone."""
    if not isinstance(names, list) or len(names) > MOST or not all(isinstance(name, str) for name in names):
        raise gr.Error(f"Expected the names of at most {MOST} runs.", print_exception=False)
    found = []
    for name in dict.fromkeys(names):
        with suppress(DiclamError):
            found.append(runs.find(name))
    return found
