"""The Train tab: starts a run, draws what its folder says, stops it, hands out what it left.

The run is a process of its own, and this page only reads its folder. So every visitor sees the same run, and a reloaded
page, a closed one or a restarted server loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context
from gradio.events import Dependency

from demo import (
    linked,
    more_curves,
    more_settings,
    pinned_section,
    plots,
    queue_panel,
    run_files,
    runs_section,
    train_form,
    visitor,
)
from demo.components.figure_cards import FigureCards
from demo.components.news_feed import Asked, News, NewsFeed
from demo.components.plotly_figure import PlotlyFigure
from demo.components.run_status import RunStatus
from demo.messages import told
from demo.queue_panel import Panel, may_stop
from demo.run_report import EMPTY
from demo.run_settings import max_budget, max_pause, settings
from demo.seen import Seen
from demo.train_form import Form
from demo.train_view import CONTINUING, PAUSING, STOPPING, Parts, changes, news
from demo.visitor import TOKENS, Visitor, own
from diclam import runs
from diclam.curves import SMOOTHING
from diclam.errors import RunError
from diclam.ledger import Ledger
from diclam.recipe import TrainConfig
from diclam.runs import Run
from diclam.tokens import ADMIN, hashed, same

# A run that trains looks for a request to stop before each step; one that has not ended its training after so many seconds
# hangs.
PATIENCE = 30.0
_AT_ONCE = f"(word) => word === 'Pause' ? '{PAUSING}' : '{CONTINUING}'"


@dataclass(frozen=True)
class TrainTab:
    """What the wiring between tabs needs."""

    use_model: gr.Button
    shown_run: gr.State
    """The name of the run that is shown; '' before the first one."""
    form: Form
    begun: Dependency
    """What a click on Start does."""
    visitor: Visitor


def build() -> TrainTab:
    """Builds the tab in the current Blocks. Raises ConfigError when DICLAM_MAX_BUDGET or another limit of this
    server is no possible one."""
    limit = max_budget()
    max_pause()
    with gr.Row(elem_id="dc-train"):
        with gr.Column(scale=0, min_width=340, elem_id="dc-train-form"):
            form = train_form.build(limit)
            who = visitor.build()
        with gr.Column(scale=1, min_width=300):
            status = RunStatus(elem_id="dc-run", value=EMPTY)
            panel = queue_panel.build(lambda *seen: runs_section.news(section, *seen))
            with gr.Row(elem_id="dc-curves"):
                loss = PlotlyFigure("Loss", smoothing=SMOOTHING, elem_id="dc-loss", value=plots.loss([], [], key=""))
                empty = plots.accuracy([], budget=min(TrainConfig().budget, limit), key="")
                accuracy = PlotlyFigure("Accuracy on held-out pictures", elem_id="dc-accuracy", value=empty)
            rate, norm, gate, speed = more_curves.build()
            with gr.Column(visible=False, elem_id="dc-results") as results:
                cards = FigureCards(elem_id="dc-figures")
                with gr.Row(elem_id="dc-take"):
                    use_model = gr.Button("Use this model in all tabs", variant="primary", size="md", elem_id="dc-use")
                    predictions = gr.Button("Download predictions (CSV)", size="md", elem_id="dc-predictions")
                    weights = gr.Button("Download checkpoint (zip)", size="md", elem_id="dc-checkpoint")
                    report = gr.Button("Download report (HTML)", size="md", elem_id="dc-report")
            pinned = pinned_section.build()
    section = runs_section.build()

    def answer(asked: Asked) -> News | None:
        seen = Seen.read(asked.known)
        return news(parts, _shown(parts, asked.tokens, _found(seen.name if seen else ""), seen))

    parts = Parts(
        form.start, form.stop, form.pause, status, loss, accuracy, rate, norm, gate, speed, results, cards, use_model,
        predictions, weights, report, shown_run=gr.State(""), feed=NewsFeed(answer), phase=section.phase, pinned=pinned,
    )  # fmt: skip
    begun = _wire(parts, form, who, panel)
    queue_panel.wire(panel, parts, who, section.table)
    pinned_section.wire(pinned, parts.shown_run)

    def show(tokens: Any, name: str) -> Any:
        return _shown(parts, tokens, _found(name), None)

    runs_section.wire(section, who, parts.shown_run, show, parts.all())
    return TrainTab(use_model, parts.shown_run, form, begun, who)


def _shown(parts: Parts, tokens: Any, run: Run | None, seen: Seen | None) -> Any:
    return changes(parts, run, seen, tokens)


def _wire(parts: Parts, form: Form, who: Visitor, panel: Panel) -> Dependency:
    """-> what a click on Start does"""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    outputs = parts.all()

    def attach(tokens: Any, request: gr.Request | None = None) -> Any:
        named = linked.asked(request).run
        run = _found(named) if named else _newest()
        # Without a run all is as it was built, and an answer that comes after the first Start must not take its run away.
        # Something has to come, though: a part whose first answer is empty is drawn by Gradio without its settings.
        return _shown(parts, tokens, run, None) if run else {parts.pinned: None}

    def update(tokens: Any, name: str, known: Any) -> Any:
        return _shown(parts, tokens, _found(_name(name, known)), Seen.read(known))

    def redraw(tokens: Any, name: str) -> Any:
        return _shown(parts, tokens, _found(name), None)

    def begin(tokens: Any, name: str, recipe: Any, seconds: Any, seed: Any, *more: Any) -> Any:
        def read() -> TrainConfig:
            return settings(recipe, seconds, seed, max_budget(), **more_settings.changes(more))

        return queue_panel.begin(panel, parts, read, tokens, name)

    def halt(tokens: Any, name: str, known: Any) -> Any:
        run = _meant(name, known)
        if run is not None and run.alive():
            if not may_stop(run, tokens):
                raise gr.Error(queue_panel.OTHERS, print_exception=False)
            training = run.status().state == "training"
            run.request_stop(hashed(own(tokens)) if same(Ledger().owner(run.name), own(tokens)) else ADMIN)
            if not training:  # Nothing else listens.
                run.terminate()
        return _shown(parts, tokens, run or _found(name), None)

    def hold(tokens: Any, name: str, known: Any) -> Any:
        run = _meant(name, known)
        if run is not None and run.alive() and run.status().state == "training":
            if not may_stop(run, tokens):
                raise gr.Error(queue_panel.OTHERS, print_exception=False)
            if run.pause_requested():
                run.withdraw_pause()
            else:
                with told():
                    run.request_pause(max_pause())
        return _shown(parts, tokens, run or _found(name), None)

    def refused(tokens: Any, name: str) -> Any:
        run = _found(name)
        if run is not None and not may_stop(run, tokens):
            gr.Warning(queue_panel.OTHERS)
        return _shown(parts, tokens, run, None)

    page = Context.root_block
    assert page is not None, "the tab is built inside a page"
    page.load(attach, who.tokens, outputs, js=TOKENS, queue=False, **quiet)
    more: Any = parts.feed.more  # pyright: ignore[reportAttributeAccessIssue]
    more(update, [who.tokens, parts.shown_run, parts.feed], outputs, queue=False, **quiet)
    for figure in (parts.loss, *parts.measures()):
        lost: Any = figure.lost  # pyright: ignore[reportAttributeAccessIssue]
        lost(redraw, [who.tokens, parts.shown_run], outputs, **quiet)
    asked = [who.tokens, parts.shown_run, *form.settings, *form.more]
    begun = parts.start.click(begin, asked, [*panel.all(), *outputs], **quiet)
    parts.stop.click(None, None, parts.stop, js=f"() => '{STOPPING}'", api_visibility="private")
    halted = parts.stop.click(halt, [who.tokens, parts.shown_run, parts.feed], outputs, queue=False, **quiet)
    halted.then(_see_to_it, parts.shown_run, None, **quiet)
    parts.pause.click(None, parts.pause, parts.pause, js=_AT_ONCE, api_visibility="private")
    held = parts.pause.click(hold, [who.tokens, parts.shown_run, parts.feed], outputs, queue=False, **quiet)
    # What a listener outside the queue raises is not shown, and the button says that it is being done.
    for tried in (halted, held):
        tried.failure(refused, [who.tokens, parts.shown_run], outputs, **quiet)
    downloads = (
        (parts.predictions, run_files.predictions),
        (parts.weights, run_files.weights),
        (parts.report, run_files.report),
    )
    for button, make in downloads:
        file = gr.DownloadButton(visible=False)
        made = button.click(_download(make, Path(file.GRADIO_CACHE)), parts.shown_run, file, **quiet)
        made.success(None, file, None, js=run_files.SAVE, api_visibility="private")
    return begun


def _download(make: Callable[[Run, Path], Path], cache: Path) -> Callable[[str], str]:
    def download(name: str) -> str:
        with told():
            return str(make(runs.find(name), cache))

    return download


def _see_to_it(name: str) -> None:
    """Ends a run that was asked to stop while it trained, and does not."""
    run = _found(name)
    if run is None or not run.stop_requested():
        return
    deadline = time.monotonic() + PATIENCE
    while run.status().state == "training":
        if time.monotonic() > deadline:
            run.terminate()
            return
        time.sleep(0.25)


def _newest() -> Run | None:
    """The run that is going on, else the last one; a folder that is no run does not count."""
    started = (run for run in runs.list_runs() if any((run.path / name).exists() for name in (runs.EVENTS, runs.LOG)))
    return runs.active() or next(started, None)


def _meant(name: str, known: Any) -> Run | None:
    """The run that somebody saw who clicked, and no other in its place."""
    with suppress(RunError):
        return runs.find(_name(name, known))
    return None


def _name(name: str, known: Any) -> str:
    """Of the run that a page shows. A server that has many pages open forgets that of the one that was silent longest; the
    page itself still knows it."""
    seen = Seen.read(known)
    return name or (seen.name if seen else "")


def _found(name: str) -> Run | None:
    """The run of this name; when it is gone, the one that a fresh page would show."""
    try:
        return runs.find(name)
    except RunError:
        return _newest()
