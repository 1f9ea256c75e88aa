"""What the table of runs says to one visitor, and whether it is still true."""

from __future__ import annotations

import hashlib
import time

from demo.components.news_feed import Asked
from demo.components.runs_table import Gone, Listed, Row
from demo.messages import told
from demo.visitor import token
from diclam import runs
from diclam.housekeeping import BIN, SECONDS_TO_UNDO
from diclam.ledger import Ledger, Note
from diclam.runs import EVENTS, EXIT, INFO, Run
from diclam.status import waits
from diclam.summaries import TEST, TRAINING, Summaries, Summary
from diclam.tokens import is_admin, same
from diclam.waiting import Queue, Ticket

SHOWN = 200
"""Runs at most in the table."""
RESUME = {TRAINING: "Continue", TEST: "Test it"}
"""What the button of a run that has not come to its end says."""


class RunRows:
    """Remembers what it has read of runs. Safe to use from several threads."""

    def __init__(self) -> None:
        self._summaries = Summaries()

    def listed(self, who: str, shown: str) -> Listed:
        """All runs as the visitor with this token sees them beside the run `shown`, the newest first. Raises gr.Error when
        the ledger cannot be read."""
        found = runs.list_runs()
        with told():
            notes, line = Ledger().notes(), Queue().line()
        # Taken before the runs are read: what comes in between is new next time.
        mark = _mark(found, [run for run in found if run.alive()], notes, line)
        admin, waiting = is_admin(who), {ticket.resumes for ticket in line}
        rows = [
            _row(one, notes.get(one.name, Note()), who, admin, waits=one.name in waiting)
            for one in self._summaries.of(found[:SHOWN])
        ]
        more = f"The newest {SHOWN} of {len(found)} runs." if len(found) > SHOWN else ""
        return Listed(rows, more, shown, _gone(notes, who, admin), mark)

    def news(self, asked: Asked, going: list[Run], notes: dict[str, Note], waiting: list[Ticket]) -> Listed | None:
        """What the table of the page that asks has to say, while the runs `going` go on; None when it says so already, or
        is not drawn yet."""
        if not isinstance(asked.listed, str) or not asked.listed:
            return None
        if asked.listed == _mark(runs.list_runs(), going, notes, waiting):
            return None
        return self.listed(token(asked.tokens), asked.run if isinstance(asked.run, str) else "")


def _mark(found: list[Run], going: list[Run], notes: dict[str, Note], line: list[Ticket]) -> str:
    """Differs with what can be said of these runs."""
    # A run is alive before its process has written what it will do, and gone before it is known how it ended.
    ended = [(run.name, (run.path / EXIT).is_file()) for run in found]
    alive = [
        (run.name, run.pause_requested() and waits(run.events()), (run.path / INFO).is_file(), (run.path / EVENTS).is_file())
        for run in going
    ]
    said = ended, alive, sorted(notes.items()), [ticket.resumes for ticket in line]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _row(one: Summary, note: Note, who: str, admin: bool, *, waits: bool) -> Row:
    words = [one.name] if note.title else []
    words += ["imported"] if one.imported else []
    words += ["pinned"] if note.pinned else []
    mine = admin or same(note.owner, who)
    return Row(
        **vars(one),
        title=note.title or one.name,
        note=", ".join(words),
        pinned=note.pinned,
        mine=mine,
        resume=RESUME.get(one.left, "") if mine and not waits else "",
    )


def _gone(notes: dict[str, Note], who: str, admin: bool) -> list[Gone]:
    """What this visitor threw away and can have back, the newest last."""
    now, bin_ = time.time(), Ledger().root / BIN
    found = [
        (note.deleted, name, note)
        for name, note in notes.items()
        if note.deleted is not None and now - note.deleted < SECONDS_TO_UNDO and (admin or same(note.owner, who))
    ]
    return [
        Gone(name, note.title or name) for _, name, note in sorted(found, key=lambda one: one[0]) if (bin_ / name).is_dir()
    ]
