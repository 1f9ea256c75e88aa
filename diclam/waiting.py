"""The queue for training: who asks while others train waits in the ledger, and is started when there is room.

Starts happen under the lock of the folder of runs, so that any number of processes may look after the queue, and a restart
changes nothing. `diclam train` is never queued; what it trains in the folder of runs counts as going on.
"""

from __future__ import annotations

import heapq
import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diclam import launch, runs
from diclam.errors import ConfigError, RunError
from diclam.expected import ALLOWANCE, seconds_left
from diclam.ledger import Ledger
from diclam.recipe import TrainConfig
from diclam.runs import Run
from diclam.tokens import is_admin, owner_of, same

MAX_WAITING = 40
"""Of all visitors, where the server's owner says nothing else: one for each of a class."""
MAX_OF_ONE = 3
"""Of the same visitor; a single one while half of the places are taken."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ticket:
    """A start that waits."""

    number: int
    owner: str
    """Hash of the token of whoever asked."""
    config: TrainConfig
    resumes: str
    """Name of the run that goes on; '' for a new one."""
    run: str
    """Name of the new folder that is made for it at its start; '' before."""

    def belongs_to(self, token: object) -> bool:
        return same(self.owner, token)

    def may_withdraw(self, token: object) -> bool:
        """Whether this token is of whoever asked, or of the server's owner."""
        return self.belongs_to(token) or is_admin(token)


class Queue:
    """The starts that wait in one folder of runs, of which `at_most` run at a time, and `longest` may wait."""

    def __init__(self, root: Path | None = None, *, at_most: int = 1, longest: int = MAX_WAITING) -> None:
        self.ledger = Ledger(root)
        self.root, self.at_most, self.longest = self.ledger.root, at_most, longest

    def ask(self, config: TrainConfig, token: object) -> Run | Ticket:
        """Starts a run of the visitor with this token, or gives it a place in the queue when there is no room. Raises
        RunError when the queue is full, nothing can be kept in the folder, or this is no visitor's token."""
        return self._enter(config, token, resumes="")

    def ask_to_go_on(self, run: Run, token: object, shown: object = None) -> Run | Ticket:
        """The same for a run that was cut off. `shown` is what else the visitor has to show for it, as the server's owner
        has. Raises RunError also when they may not change the run, or it cannot go on."""
        if not any(self.ledger.may_change(run.name, proof) for proof in (token, shown)):
            raise RunError("Only the visitor who started this run, or the owner of this server, can continue it.")
        if not run.can_go_on:
            raise RunError(launch.CANNOT_GO_ON.format(run.name))
        return self._enter(TrainConfig.from_dict(run.info()["config"]), token, resumes=run.name)

    def withdraw(self, number: int, token: object) -> None:
        """Takes a start out of the queue; the later ones of the same visitor move up by a turn.
        Raises RunError when it is not there, or somebody else's."""
        with launch.starting(self.root):
            [ticket] = [ticket for ticket in self.line() if ticket.number == number] or [None]
            if ticket is None:
                raise RunError("This start no longer waits: it has begun or was withdrawn.")
            if not ticket.may_withdraw(token):
                raise RunError("Only the visitor who asked for this start, or the owner of this server, can withdraw it.")
            with self.ledger.writing() as database:
                database.execute(
                    "UPDATE waiting SET turn = turn - 1 "
                    "WHERE owner = ? AND turn > (SELECT turn FROM waiting WHERE number = ?)",
                    (ticket.owner, number),
                )
            self._leave(ticket)

    def line(self) -> list[Ticket]:
        """Who waits, the next one first. A start beside others of the same visitor that wait already has a later turn: it
        comes after everybody's first, so that who clicks three times keeps no class waiting."""
        with self.ledger.reading() as database:
            rows = database.execute(
                "SELECT number, owner, settings, resumes, run FROM waiting ORDER BY run = '', turn, number"
            ).fetchall()
        line = []
        for number, owner, settings, resumes, run in rows:
            with suppress(ConfigError, ValueError, TypeError):  # settings of another version of this program
                line.append(Ticket(number, owner, TrainConfig.from_dict(json.loads(settings)), resumes, run))
        return line

    def expected(self, line: list[Ticket]) -> list[float]:
        """In how many seconds each of them starts, as far as anybody knows: those before take their budget and a test."""
        if not line:
            return []
        free = [seconds_left(run) for run in runs.going_on(self.root)]
        free += [0.0] * (self.at_most - len(free))
        heapq.heapify(free)
        starts = []
        for ticket in line:
            starts.append(heapq.heappop(free))
            heapq.heappush(free, starts[-1] + (0 if self.is_test(ticket) else ticket.config.budget) + ALLOWANCE)
        return starts

    def awaited(self) -> set[str]:
        """Names of the runs that somebody waits for."""
        return {name for ticket in self.line() for name in (ticket.resumes, ticket.run) if name}

    def is_test(self, ticket: Ticket) -> bool:
        """Whether it waits for nothing but the test of a run that has trained."""
        return bool(ticket.resumes) and Run(self.root / ticket.resumes).lacks_test

    def advance(self) -> list[Run]:
        """Starts who is next, as long as there is room. -> the runs that were started. Raises RunError when nothing can be
        kept in the folder; the queue is then as it was."""
        started = []
        while self.line() and self._room():
            with launch.starting(self.root):
                line = self.line()
                if line and self._room():
                    run = self._start(line[0])
                    if run is not None:
                        started.append(run)
        return started

    def _enter(self, config: TrainConfig, token: object, *, resumes: str) -> Run | Ticket:
        asker = owner_of(token)
        with launch.starting(self.root):
            line = self.line()
            if resumes and any(ticket.resumes == resumes for ticket in line):
                raise RunError(f"The run {resumes} waits already.")
            if resumes and not Run(self.root / resumes).can_go_on:  # It was deleted, or began, a moment ago.
                raise RunError(launch.CANNOT_GO_ON.format(resumes))
            if len(line) >= self.longest:
                raise RunError(f"The queue is full: {self.longest} starts wait already. Try again when one has begun.")
            most, own = MAX_OF_ONE if len(line) < self.longest // 2 else 1, sum(same(one.owner, token) for one in line)
            if own >= most:
                wait = "1 start of yours waits" if own == 1 else f"{own} starts of yours wait"
                crowd = ", and many others do" if most == 1 else ""
                raise RunError(f"{wait} already{crowd}; withdraw one, or wait until it has begun.")
            with self.ledger.writing() as database:
                settings = json.dumps(config.to_dict())
                number = database.execute(
                    "INSERT INTO waiting (owner, settings, resumes, asked, turn) VALUES (?, ?, ?, ?, ?)",
                    (asker, settings, resumes, time.time(), own),
                ).lastrowid
            assert number is not None
            ticket = Ticket(number, asker, config, resumes, "")
            if line or not self._room():
                return ticket
            try:
                run = self._start(ticket)
            except RunError:
                self._leave(ticket)
                raise
            if run is None:
                raise RunError(f"The run {resumes} cannot go on any more.")
            return run

    def _start(self, ticket: Ticket) -> Run | None:
        """What it waited for; None when there is no such run to go on with any more. A process that is killed in the middle
        leaves the ticket, and its folder tells whether it was started."""
        if ticket.resumes:
            run = Run(self.root / ticket.resumes)
            if not run.alive():
                if not run.can_go_on:
                    _log.warning("The run %s waited to go on, and cannot any more.", run.name)
                    self._leave(ticket)
                    return None
                launch.go_on(run)
        else:
            run = Run(self.root / ticket.run) if ticket.run else runs.new(ticket.config.recipe, self.root)
            if not (run.path / runs.LOG).exists():
                run.path.mkdir(exist_ok=True)
                with self.ledger.writing() as database:
                    database.execute("UPDATE waiting SET run = ? WHERE number = ?", (run.name, ticket.number))
                self.ledger.give(run.name, ticket.owner)
                launch.begin(run, ticket.config)
        self._leave(ticket)
        return run

    def _leave(self, ticket: Ticket) -> None:
        with self.ledger.writing() as database:
            database.execute("DELETE FROM waiting WHERE number = ?", (ticket.number,))

    def _room(self) -> bool:
        return len(runs.going_on(self.root)) < self.at_most
