"""The queue on the Train tab: who trains, who waits, for how long, and what this visitor may do about it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.components.news_feed import Asked, News, NewsFeed
from demo.components.payload import text, whole
from demo.components.queue_list import Going, Lab, Place, QueueList
from demo.components.runs_table import RunsTable
from demo.messages import told
from demo.run_settings import max_runs, max_waiting
from demo.seen import Seen
from demo.train_view import Parts, changes
from demo.visitor import Visitor, own, token
from diclam import runs
from diclam.errors import RunError
from diclam.ledger import Note
from diclam.recipe import TrainConfig
from diclam.runs import Run
from diclam.terminal import duration
from diclam.tokens import is_admin, same
from diclam.waiting import Queue, Ticket

EACH = 4.0
"""Seconds between two looks of a page at the queue."""
START, LATER = "Start", "Queue up"
CONTINUE, TEST = "Continue this run", "Test it on 10,000 pictures"
OTHERS = "Started by another visitor: only they, or the owner of this server, can stop it."
NOBODYS = "Not started on this page: only the owner of this server can stop it here."


@dataclass(frozen=True)
class Panel:
    """What shows the queue."""

    list: QueueList
    feed: NewsFeed
    """Asks as long as the page is looked at, as others may start something at any time. Knows `Now.known`."""

    def all(self) -> list[Any]:
        return list(vars(self).values())


@dataclass(frozen=True)
class Now:
    """What a visitor's page has to show of the queue."""

    lab: Lab
    going: tuple[str, ...]
    """Names of the runs that go on."""
    room: bool
    """Whether a start would begin at once."""

    @property
    def mark(self) -> str:
        """Differs with what it says."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def known(self) -> dict[str, Any]:
        """As the value of the panel's feed."""
        return {"again": EACH, "mark": self.mark, "going": list(self.going)}


def build(beside: Callable[[Asked, list[Run], dict[str, Note], list[Ticket]], dict[str, Any]]) -> Panel:
    """Builds the list in the current Blocks. `beside` gives what else a page that asks has to show while these runs go on,
    with these notes and these starts that wait, as `News.parts`. Raises ConfigError when DICLAM_MAX_RUNS or
    DICLAM_MAX_WAITING is no possible number."""
    queue()

    def answer(asked: Asked) -> News | None:
        known = asked.known if isinstance(asked.known, dict) else {}
        going = runs.going_on()
        line = queue()
        notes, waiting = line.ledger.notes(), line.line()  # once for all: each page asks every few seconds
        now = _now(asked.tokens, asked.run if isinstance(asked.run, str) else "", line, going, notes, waiting)
        parts, more = beside(asked, going, notes, waiting), known.get("mark") != now.mark
        return News(parts=parts, more=more) if parts or more else None

    return Panel(QueueList(elem_id="dc-queue", value=Lab()), NewsFeed(answer, value={"again": EACH}))


def wire(panel: Panel, parts: Parts, visitor: Visitor, table: RunsTable) -> None:
    """Who waits, and a run of this visitor that began, come by themselves. A row of the `table` may go on with its run."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    outputs = [*panel.all(), *parts.all()]
    inputs = [visitor.tokens, parts.shown_run, panel.feed, parts.feed]

    def update(tokens: Any, name: str, known: Any, shown: Any) -> Any:
        seen, found = Seen.read(shown), state(panel, parts, tokens, name)
        before = known.get("going") if isinstance(known, dict) else None
        # What went on before this page came is no news.
        begun = [run for run in runs.going_on() if isinstance(before, list) and run.name not in before]
        notes = queue().ledger.notes() if begun else {}
        for run in begun:
            # A page that shows no run yet has nothing to lose.
            wanted = name in ("", run.name) or same(notes.get(run.name, Note()).owner, own(tokens))
            if wanted and not (seen and seen.name == run.name and seen.alive):
                found |= changes(parts, run, None, tokens)
        return found

    def watch(tokens: Any, event: gr.EventData) -> Any:
        brought = event._data if isinstance(event._data, dict) else {}
        with told():
            run = runs.find(str(brought.get("run")))
        return changes(parts, run, None, tokens)

    def withdraw(tokens: Any, name: str, event: gr.EventData) -> Any:
        with told():
            queue().withdraw(whole(event, "number") or 0, token(tokens))
        return state(panel, parts, tokens, name)

    def go_on(wanted: str, tokens: Any, name: str) -> Any:
        with told():
            asked = queue().ask_to_go_on(runs.find(wanted), own(tokens), token(tokens))
        return asked_for(panel, parts, asked, tokens, name)

    def resume(tokens: Any, name: str) -> Any:
        return go_on(name, tokens, name)

    def resume_listed(tokens: Any, name: str, event: gr.EventData) -> Any:
        return go_on(text(event, "name") or "", tokens, name)

    panel.feed.more(update, inputs, outputs, queue=False, **quiet)  # pyright: ignore[reportAttributeAccessIssue]
    panel.list.watch(watch, visitor.tokens, parts.all(), **quiet)
    panel.list.withdraw(withdraw, inputs[:2], outputs, trigger_mode="multiple", **quiet)
    panel.list.resume(resume, inputs[:2], outputs, **quiet)
    table.resume(resume_listed, inputs[:2], outputs, trigger_mode="multiple", **quiet)


def queue() -> Queue:
    return Queue(at_most=max_runs(), longest=max_waiting())


def may_stop(run: Run, tokens: Any) -> bool:
    return queue().ledger.may_change(run.name, token(tokens))


def begin(panel: Panel, parts: Parts, read: Callable[[], TrainConfig], tokens: Any, name: str) -> dict[Any, Any]:
    """Starts what `read` says, or lets it wait. Refusals are messages."""
    with told():
        asked = queue().ask(read(), own(tokens))
    return asked_for(panel, parts, asked, tokens, name)


def asked_for(panel: Panel, parts: Parts, asked: Run | Ticket, tokens: Any, name: str) -> dict[Any, Any]:
    """What changes for who asked: the run that began, or their place."""
    if isinstance(asked, Run):
        return changes(parts, asked, None, tokens)
    line = queue().line()
    place = sum(ticket.number <= asked.number for ticket in line)
    if place:
        gr.Info(f"You wait at place {place}. The run starts by itself, {_when(queue().expected(line)[place - 1])}.")
    found = state(panel, parts, tokens, name)
    going = runs.active()
    return found | (changes(parts, going, None, tokens) if going and not name else {})


def _now(tokens: Any, name: str, line: Queue, going: list[Run], notes: dict[str, Note], waiting: list[Ticket]) -> Now:
    room = len(going) < line.at_most and not waiting
    return Now(lab(line, going, notes, waiting, tokens, name), tuple(run.name for run in going), room)


def state(panel: Panel, parts: Parts, tokens: Any, name: str) -> dict[Any, Any]:
    """The queue, as the visitor with these tokens sees it beside the run `name`."""
    line = queue()
    now = _now(tokens, name, line, runs.going_on(), line.ledger.notes(), line.line())
    start = gr.Button(START if now.room else LATER, interactive=True)
    return {panel.feed: now.known(), panel.list: now.lab, parts.start: start}


def lab(line: Queue, going: list[Run], notes: dict[str, Note], waiting: list[Ticket], tokens: Any, name: str) -> Lab:
    """What the visitor with these tokens sees beside the run `name`."""
    shown = next((run for run in going if run.name == name), None)
    owner, proof = notes.get(name, Note()).owner, token(tokens)
    may_change = is_admin(proof) or same(owner, proof)
    return Lab(
        going=tuple(Going(run.name, _title(run.name, notes) + _paused(run)) for run in going if name and run.name != name),
        waiting=tuple(
            Place(
                ticket.number,
                _words(line, ticket, seconds, notes),
                ticket.belongs_to(own(tokens)),
                ticket.may_withdraw(proof),
            )
            for ticket, seconds in zip(waiting, line.expected(waiting), strict=True)
        ),
        note="" if shown is None or may_change else OTHERS if owner else NOBODYS,
        resume=_resume(name) if may_change and shown is None and all(ticket.resumes != name for ticket in waiting) else "",
    )


def _resume(name: str) -> str:
    """What can be done with a run that has not come to its end; '' for any other."""
    try:
        run = runs.find(name)
    except RunError:
        return ""
    if not run.can_go_on:
        return ""
    return TEST if run.lacks_test else CONTINUE


def _paused(run: Run) -> str:
    return ", paused" if run.pause_requested() else ""


def _title(name: str, notes: dict[str, Note]) -> str:
    return notes.get(name, Note()).title or name


def _words(line: Queue, ticket: Ticket, seconds: float, notes: dict[str, Note]) -> str:
    config = ticket.config
    if line.is_test(ticket):
        what = f"{_title(ticket.resumes, notes)}, to be tested"
    elif ticket.resumes:
        what = f"{_title(ticket.resumes, notes)}, to be continued, {duration(config.budget)}"
    else:
        what = f"recipe {config.recipe}, seed {config.seed}, {duration(config.budget)}"
    return f"{what}: starts {_when(seconds)}"


def _when(seconds: float) -> str:
    """Coarse, as nobody knows better: 'in about 40 s', 'in about 3 min', 'in a moment'."""
    if math.isinf(seconds):
        return "some time after the paused run goes on"
    if seconds < 5:
        return "in a moment"
    step = 10 if seconds < 120 else 60
    return f"in about {duration(math.ceil(seconds / step) * step)}"
