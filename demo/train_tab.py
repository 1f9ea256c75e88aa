"""The Train tab: starts a run, draws what its folder says, stops it, hands out what it left.

The run is a process of its own, and this page only reads its folder. So every visitor sees the same run, and a reloaded
page, a closed one or a restarted server loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context

from demo import plots, run_files, train_form
from demo.components.figure_cards import FigureCards
from demo.components.plotly_figure import PlotlyFigure
from demo.components.run_status import RunStatus
from demo.messages import told
from demo.run_report import EMPTY, figures, report
from demo.run_settings import max_budget, settings
from demo.train_form import Form
from diclam import runs
from diclam.errors import DiclamError, RunError
from diclam.recipe import TrainConfig
from diclam.runs import Run, Status

STOPPING = "Stopping..."
# A run that trains looks for a request to stop before each step; one that has not ended its training after so many seconds
# hangs.
PATIENCE = 30.0


@dataclass(frozen=True)
class TrainTab:
    """What the wiring between tabs needs."""

    use_model: gr.Button
    shown_run: gr.State
    """The name of the run that is shown; '' before the first one."""


@dataclass(frozen=True)
class Seen:
    """What a visitor's page shows already: a tick that finds the same sends nothing."""

    name: str
    size: int
    """Bytes of events."""
    alive: bool
    stopping: bool
    state: str
    points: tuple[int, int]


@dataclass(frozen=True)
class _Parts:
    """What changes as a run goes on."""

    start: gr.Button
    stop: gr.Button
    status: RunStatus
    loss: PlotlyFigure
    accuracy: PlotlyFigure
    results: gr.Column
    cards: FigureCards
    use_model: gr.Button
    predictions: gr.Button
    weights: gr.Button
    timer: gr.Timer
    shown_run: gr.State
    seen: gr.State

    def all(self) -> list[Any]:
        return list(vars(self).values())


def build() -> TrainTab:
    """Builds the tab in the current Blocks. Raises ConfigError when DICLAM_MAX_BUDGET is no possible limit."""
    limit = max_budget()
    with gr.Row(elem_id="dc-train"):
        with gr.Column(scale=0, min_width=340, elem_id="dc-train-form"):
            form = train_form.build(limit)
        with gr.Column(scale=1, min_width=300):
            status = RunStatus(elem_id="dc-run", value=EMPTY)
            with gr.Row(elem_id="dc-curves"):
                loss = PlotlyFigure("Loss", elem_id="dc-loss", value=plots.loss([], [], key=""))
                empty = plots.accuracy([], budget=min(TrainConfig().budget, limit), key="")
                accuracy = PlotlyFigure("Accuracy on held-out pictures", elem_id="dc-accuracy", value=empty)
            with gr.Column(visible=False, elem_id="dc-results") as results:
                cards = FigureCards(elem_id="dc-figures")
                with gr.Row(elem_id="dc-take"):
                    use_model = gr.Button("Use this model in all tabs", variant="primary", size="md", elem_id="dc-use")
                    predictions = gr.Button("Download predictions (CSV)", size="md", elem_id="dc-predictions")
                    weights = gr.Button("Download checkpoint (zip)", size="md", elem_id="dc-checkpoint")
    timer = gr.Timer(1, active=False)
    parts = _Parts(
        form.start, form.stop, status, loss, accuracy, results, cards, use_model, predictions, weights, timer,
        shown_run=gr.State(""), seen=gr.State(None),
    )  # fmt: skip
    _wire(parts, form)
    return TrainTab(use_model, parts.shown_run)


def _wire(parts: _Parts, form: Form) -> None:
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    outputs = parts.all()

    def attach() -> Any:
        return _changes(parts, _newest(), None)

    def tick(name: str, seen: Seen | None) -> Any:
        return _changes(parts, _found(name), seen)

    def begin(recipe: Any, seconds: Any, seed: Any) -> Any:
        try:
            run = runs.start(settings(recipe, seconds, seed, max_budget()))
        except DiclamError as error:
            going_on = runs.active() if isinstance(error, RunError) else None
            if going_on is None:
                raise gr.Error(str(error), print_exception=False) from error
            gr.Warning(f"{error} This page shows it.")
            run = going_on
        return _changes(parts, run, None)

    def halt(name: str) -> Any:
        run = _found(name)
        if run is not None and run.alive():
            training = run.status().state == "training"
            run.request_stop()
            if not training:  # Nothing else listens.
                run.terminate()
        return _changes(parts, run, None)

    page = Context.root_block
    assert page is not None, "the tab is built inside a page"
    page.load(attach, None, outputs, **quiet)
    parts.timer.tick(tick, [parts.shown_run, parts.seen], outputs, queue=False, **quiet)
    parts.start.click(begin, form.settings, outputs, **quiet)
    parts.stop.click(None, None, parts.stop, js=f"() => '{STOPPING}'", api_visibility="private")
    parts.stop.click(halt, parts.shown_run, outputs, queue=False, **quiet).then(_see_to_it, parts.shown_run, None, **quiet)
    for button, make in ((parts.predictions, run_files.predictions), (parts.weights, run_files.weights)):
        file = gr.DownloadButton(visible=False)
        made = button.click(_download(make, Path(file.GRADIO_CACHE)), parts.shown_run, file, **quiet)
        made.success(None, file, None, js=_SAVE, api_visibility="private")


_SAVE = """(file) => {
  Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name}).click();
}"""


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
        time.sleep(0.25)


def _newest() -> Run | None:
    """The run that is going on, else the last one; a folder that is no run does not count."""
    started = (run for run in runs.list_runs() if any((run.path / name).exists() for name in (runs.EVENTS, runs.LOG)))
    return runs.active() or next(started, None)


def _found(name: str) -> Run | None:
    """The run of this name; when it is gone, the one that a fresh page would show."""
    try:
        return runs.find(name)
    except RunError:
        return _newest()


def _changes(parts: _Parts, run: Run | None, seen: Seen | None) -> Any:
    """What has to change on a page that shows `seen`, by component."""
    if run is None:
        return {parts.status: EMPTY, parts.shown_run: "", parts.seen: None, parts.timer: gr.Timer(active=False)}
    size, written = _events_file(run)  # Looked at before the events are read: what comes in between is new next time.
    stopping = run.stop_requested()
    status = run.status()
    now = Seen(run.name, size, status.alive, stopping, status.state, (len(status.steps), len(status.validations)))
    if now == seen:
        return gr.skip()
    age = max(time.time() - written, 0)
    changes: dict[Any, Any] = {
        parts.seen: now,
        parts.status: report(status, name=run.name, age=age, stopping=stopping, usable=run.has_checkpoint),
    }
    if seen is None or (seen.name, seen.points) != (now.name, now.points):
        changes[parts.loss] = plots.loss(status.steps, status.validations, key=run.name)
        changes[parts.accuracy] = plots.accuracy(status.validations, budget=_budget(run, status), key=run.name)
    if seen is None or (seen.name, seen.alive, seen.stopping, seen.state) != (now.name, now.alive, now.stopping, now.state):
        changes |= _controls(parts, run, status, stopping)
    return changes


def _controls(parts: _Parts, run: Run, status: Status, stopping: bool) -> dict[Any, Any]:
    """What changes from phase to phase only."""
    return {
        parts.shown_run: run.name,
        parts.timer: gr.Timer(active=status.alive),
        parts.start: gr.Button(interactive=not status.alive),
        parts.stop: _stop_button(status, stopping),
        parts.results: gr.Column(visible=status.done and run.has_checkpoint),
        parts.cards: figures(status),
        parts.predictions: gr.Button(interactive=status.tested is not None),
    }


def _stop_button(status: Status, stopping: bool) -> gr.Button:
    if not status.alive or status.tested:
        return gr.Button("Stop", interactive=False)
    if status.state == "testing":
        return gr.Button("Skip the test", interactive=True)
    return gr.Button(STOPPING if stopping else "Stop", interactive=not stopping)


def _events_file(run: Run) -> tuple[int, float]:
    """-> its bytes, and when it was written last; an empty one, now, while there is none."""
    try:
        stat = (run.path / runs.EVENTS).stat()
        return stat.st_size, stat.st_mtime
    except OSError:
        return 0, time.time()


def _budget(run: Run, status: Status) -> float:
    if status.started:
        return status.started.budget
    try:
        return float(run.info()["config"]["budget"])
    except RunError:  # not written yet, or damaged
        return TrainConfig().budget
