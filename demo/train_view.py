"""What a run's folder says, as changes to the parts of the page that show it; nothing when nothing is new."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import plotly.graph_objects as go
from plotly.utils import PlotlyJSONEncoder

from demo import more_curves, pinned_section, plots, visitor
from demo.components.figure_cards import FigureCards
from demo.components.growth import Growth
from demo.components.news_feed import News, NewsFeed
from demo.components.pinned_pictures import PinnedPictures
from demo.components.plotly_figure import PlotlyFigure
from demo.components.run_status import RunStatus
from demo.run_report import EMPTY, figures, machine, report
from demo.run_settings import FIRST, max_pause
from demo.seen import Seen
from diclam import runs, snapshots
from diclam.errors import RunError
from diclam.ledger import Ledger
from diclam.pause import SHORTEST
from diclam.runs import Run, Status
from diclam.tokens import ADMIN, is_admin, same

STOPPING, PAUSING, CONTINUING = "Stopping...", "Pausing...", "Continuing..."


@dataclass(frozen=True)
class Parts:
    """What changes as a run goes on."""

    start: gr.Button
    stop: gr.Button
    pause: gr.Button
    status: RunStatus
    loss: PlotlyFigure
    accuracy: PlotlyFigure
    rate: PlotlyFigure
    norm: PlotlyFigure
    gate: PlotlyFigure
    speed: PlotlyFigure
    results: gr.Column
    cards: FigureCards
    use_model: gr.Button
    predictions: gr.Button
    weights: gr.Button
    report: gr.Button
    shown_run: gr.State
    feed: NewsFeed
    """Knows what is shown, as `Seen.known`."""
    phase: gr.HTML
    """Changes, unseen, with the run that is shown, and when it begins or ends."""
    pinned: PinnedPictures

    def all(self) -> list[Any]:
        return list(vars(self).values())

    def measures(self) -> list[PlotlyFigure]:
        """The figures of `demo.more_curves`."""
        return [self.rate, self.norm, self.gate, self.speed]


def changes(parts: Parts, run: Run | None, seen: Seen | None, tokens: Any = None) -> Any:
    """What has to change on a page that shows `seen`, by component, of a visitor with these tokens."""
    if run is None:
        return _nothing(parts)
    size, written = _events_file(run)  # Looked at before the events are read: what comes in between is new next time.
    stopping, pause = run.stop_requested(), run.pause()
    pausing = pause is not None and not pause.over
    status = run.status()
    counts = len(status.steps), len(status.validations), snapshots.size(run.path)
    mine = Ledger().may_change(run.name, visitor.token(tokens))
    now = Seen(run.name, size, status.alive, stopping, status.state, *counts, mine, pausing, status.paused, run.usage())
    if now == seen:
        return gr.skip()
    age = max(time.time() - written, 0)
    pictures = _differs(now, seen, "name", "alive", "snapshots")
    if pictures and seen and seen.steps and seen.snapshots and not _differs(now, seen, "name", "alive", "stage"):
        # They are as much as one answer may bring: the curves go on with the next.
        now = replace(now, steps=seen.steps, validations=seen.validations)
    found: dict[Any, Any] = {
        parts.feed: now.known(),
        parts.status: report(
            status, name=run.name, age=age, stopping=stopping, usable=run.has_checkpoint, killed=run.killed,
            stopper=_stopper(run, tokens), pause=pause,
            machine=machine(now.usage, seen.usage if seen and seen.name == run.name else None),
        ),
    }  # fmt: skip
    found |= _curves(parts, status, now, seen)
    if _differs(now, seen, "name", "stage", "validations"):  # With the stage, as the axis is as long as the budget.
        found[parts.accuracy] = _accuracy(run, status, now, seen)
    if pictures:
        before = seen is not None and seen.name == run.name and seen.snapshots > 0
        found[parts.pinned] = pinned_section.moments(run, status, again=before)
    if _differs(now, seen, "name", "alive", "stopping", "stage", "mine", "pausing", "paused"):
        found |= _controls(parts, run, status, now)
    return found


def news(parts: Parts, found: Any) -> News | None:
    """What `changes` found, if all of it can be fed to its parts; else that there is more."""
    if found == gr.skip():
        return None
    able = (parts.status, parts.loss, parts.accuracy, *parts.measures(), parts.pinned)
    if not set(found) <= {parts.feed, *able}:
        return News(more=True)
    values = {str(part.elem_id): part.postprocess(found[part]) for part in able if part in found}
    return News(found[parts.feed], json.loads(json.dumps(values, cls=PlotlyJSONEncoder)))


def _curves(parts: Parts, status: Status, now: Seen, seen: Seen | None) -> dict[Any, Any]:
    """Whole figures at first, then what is new."""
    if not _differs(now, seen, "name", "steps", "validations"):
        return {}
    steps, validations, key = status.steps, status.validations, now.name
    # A run that was resumed has lost some events; the axes of a figure without steps are others.
    grows = seen is not None and seen.name == key and 0 < seen.steps <= now.steps and seen.validations <= now.validations
    if not grows:
        whole = more_curves.figures(steps, key=key)
        return {parts.loss: plots.loss(steps, validations, key=key), **dict(zip(parts.measures(), whole, strict=True))}
    assert seen is not None
    found: dict[Any, Any] = {
        parts.loss: plots.loss_growth(steps, validations, key=key, after=(seen.steps, seen.validations))
    }
    if now.steps > seen.steps:
        found |= dict(zip(parts.measures(), more_curves.growths(steps, key=key, after=seen.steps), strict=True))
    return found


def _accuracy(run: Run, status: Status, now: Seen, seen: Seen | None) -> go.Figure | Growth:
    """The whole figure at first, then what is new."""
    looks, budget = status.validations, _budget(run, status)
    if seen is None or _differs(now, seen, "name", "stage") or seen.validations > now.validations:
        return plots.accuracy(looks, budget=budget, key=now.name)
    return plots.accuracy_growth(looks, budget=budget, key=now.name, after=seen.validations)


def _stopper(run: Run, tokens: Any) -> str:
    """Who asked this run to stop; '' when nobody on a page did."""
    by = run.stopped_by()
    if by is None:
        return ""
    if by == ADMIN:
        return "you" if is_admin(visitor.token(tokens)) else ADMIN
    return "you" if same(by, visitor.own(tokens)) else "somebody else"


def _differs(now: Seen, seen: Seen | None, *names: str) -> bool:
    return seen is None or any(getattr(now, name) != getattr(seen, name) for name in names)


def _nothing(parts: Parts) -> dict[Any, Any]:
    """A page without any run, whatever it has shown before."""
    return {
        parts.feed: None,
        parts.shown_run: "",
        parts.phase: "",
        parts.status: EMPTY,
        parts.loss: plots.loss([], [], key=""),
        **dict(zip(parts.measures(), more_curves.figures([], key=""), strict=True)),
        parts.accuracy: plots.accuracy([], budget=FIRST.budget, key=""),
        parts.pinned: None,
        parts.stop: gr.Button("Stop", interactive=False),
        parts.pause: gr.Button("Pause", interactive=False),
        parts.results: gr.Column(visible=False),
    }


def _controls(parts: Parts, run: Run, status: Status, now: Seen) -> dict[Any, Any]:
    """What changes from phase to phase only."""
    return {
        parts.shown_run: run.name,
        parts.phase: f"{run.name} {now.listed} {status.alive} {status.paused}",
        parts.stop: _stop_button(status, now.stopping, now.mine),
        parts.pause: _pause_button(run, status, now),
        parts.results: gr.Column(visible=status.done and run.has_checkpoint),
        parts.cards: figures(status),
        parts.predictions: gr.Button(interactive=status.tested is not None),
    }


def _stop_button(status: Status, stopping: bool, mine: bool) -> gr.Button:
    if not status.alive or status.tested or not mine:
        return gr.Button("Stop", interactive=False)
    if status.state == "testing":
        return gr.Button("Skip the test", interactive=True)
    return gr.Button(STOPPING if stopping else "Stop", interactive=not stopping)


def _pause_button(run: Run, status: Status, now: Seen) -> gr.Button:
    # Several processes wait for one another in each step, and do not wait together.
    alone = not status.started or status.started.processes == 1
    can = status.alive and status.state == "training" and not now.stopping and alone and now.mine
    if can and now.pausing != status.paused:  # Asked for; the run has yet to say that it does so.
        return gr.Button(PAUSING if now.pausing else CONTINUING, interactive=False)
    if can and status.paused:
        return gr.Button("Continue", interactive=True)
    return gr.Button("Pause", interactive=can and run.pauses_taken() <= max_pause() - SHORTEST)


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
        return FIRST.budget
