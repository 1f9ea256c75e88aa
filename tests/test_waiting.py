"""Runs start one after another, each once, in the order they were asked for, whoever looks after the queue."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from diclam import launch, runs
from diclam.errors import RunError
from diclam.events import Finished, Started, Step
from diclam.expected import ALLOWANCE
from diclam.ledger import Ledger
from diclam.recipe import TrainConfig
from diclam.runs import Run
from diclam.tokens import new_token
from diclam.waiting import MAX_OF_ONE, Queue, Ticket
from tests.conftest import small_config

MINE, YOURS, ADMIN = new_token(), new_token(), "the owner of this server"
CONFIG = small_config(budget=60.0)
STARTED = Started("report", 60.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 41.2, 0.01)


class Trainers:
    """Processes that train nothing and live until they are ended."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.options: list[tuple[str, ...]] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        patch.setattr(launch, "_launch", self.launch)

    def launch(self, run: Run, *options: str) -> None:
        self.options.append(options)
        (run.path / runs.LOG).touch()
        self._processes[run.name] = subprocess.Popen(["sleep", "600"])
        run.claim(self._processes[run.name].pid)

    def end(self, run: Run) -> None:
        process = self._processes.pop(run.name)
        process.kill()
        process.wait()

    def end_all(self) -> None:
        for name in list(self._processes):
            self.end(Run(Path(name)))


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trainers]:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    trainers = Trainers(monkeypatch)
    yield trainers
    trainers.end_all()


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "runs")


def started(queue: Queue, config: TrainConfig = CONFIG, token: str = MINE) -> Run:
    run = queue.ask(config, token)
    assert isinstance(run, Run)
    return run


def waits(queue: Queue, config: TrainConfig = CONFIG, token: str = MINE) -> Ticket:
    ticket = queue.ask(config, token)
    assert isinstance(ticket, Ticket)
    return ticket


def cut_off(root: Path, name: str, *events: Started | Step | Finished) -> Run:
    run = Run(root / name)
    run.path.mkdir(parents=True)
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    (run.path / runs.INFO).write_text(json.dumps({"config": CONFIG.to_dict()}))
    (run.path / runs.STATE).touch()
    return run


def test_the_first_starts_and_the_others_follow_in_order(queue: Queue, trainers: Trainers) -> None:
    first = started(queue)
    second, third = waits(queue, small_config(seed=2), YOURS), waits(queue, small_config(seed=3))
    assert queue.ledger.may_change(first.name, MINE)
    assert queue.advance() == []
    again = Queue(queue.root)  # the app was started anew
    assert [ticket.number for ticket in again.line()] == [second.number, third.number]
    trainers.end(first)
    [run] = again.advance()
    assert '"seed": 2' in (run.path / "settings.json").read_text()
    assert again.ledger.may_change(run.name, YOURS)
    assert not again.ledger.may_change(run.name, MINE)
    assert [ticket.number for ticket in again.line()] == [third.number]


def test_whoever_asks_later_does_not_pass_those_who_wait(queue: Queue, trainers: Trainers) -> None:
    first = started(queue)
    waits(queue)
    trainers.end(first)
    assert isinstance(queue.ask(CONFIG, YOURS), Ticket)


def test_everybodys_first_start_comes_before_anybodys_second(queue: Queue, trainers: Trainers) -> None:
    first, third = started(queue), new_token()
    asked = [waits(queue, CONFIG, token).number for token in (MINE, MINE, YOURS, MINE, third, YOURS)]
    for left in ([0, 2, 4, 1, 5, 3], [2, 4, 1, 5, 3], [4, 1, 5, 3]):
        assert [ticket.number for ticket in queue.line()] == [asked[k] for k in left]
        trainers.end(first)
        [first] = queue.advance()


def test_who_withdraws_the_first_start_has_its_turn_for_the_second(queue: Queue, trainers: Trainers) -> None:
    started(queue)
    first, second, third = (waits(queue).number for _ in range(3))
    theirs, later = waits(queue, CONFIG, YOURS).number, waits(queue, CONFIG, YOURS).number
    assert [ticket.number for ticket in queue.line()] == [first, theirs, second, later, third]
    queue.withdraw(first, MINE)
    assert [ticket.number for ticket in queue.line()] == [second, theirs, third, later]


def test_who_waits_in_an_older_ledger_still_does(queue: Queue, trainers: Trainers) -> None:
    started(queue)
    ticket = waits(queue)
    with closing(sqlite3.connect(queue.ledger.path)) as database:
        database.execute("ALTER TABLE waiting DROP COLUMN turn")
        database.execute("PRAGMA user_version = 2")
        database.commit()
    assert queue.line() == [ticket]
    assert waits(queue, token=YOURS) == queue.line()[1]


def test_as_many_as_there_is_room_for_start(queue: Queue, trainers: Trainers) -> None:
    wide = Queue(queue.root, at_most=2)
    assert started(wide).alive()
    assert started(wide).alive()
    waits(wide)


def test_nothing_starts_twice_when_many_look_after_the_queue(queue: Queue, trainers: Trainers) -> None:
    first = started(queue)
    waits(queue)
    waits(queue)
    trainers.end(first)
    with ThreadPoolExecutor(6) as pool:
        begun = list(pool.map(lambda _: Queue(queue.root).advance(), range(6)))
    assert sorted(map(len, begun)) == [0, 0, 0, 0, 0, 1]
    assert len(queue.line()) == 1
    assert len(trainers.options) == 2


@pytest.mark.parametrize("launched", [True, False])
def test_a_kill_in_the_middle_of_a_start_neither_loses_nor_doubles_it(
    queue: Queue, trainers: Trainers, monkeypatch: pytest.MonkeyPatch, launched: bool
) -> None:
    first = started(queue)
    waits(queue)
    trainers.end(first)

    def killed(run: Run, config: TrainConfig) -> None:
        if launched:
            trainers.launch(run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(launch, "begin", killed)
        with pytest.raises(KeyboardInterrupt):
            queue.advance()
    if launched:
        trainers.end(runs.going_on(queue.root)[0])
    queue.advance()
    assert queue.line() == []
    assert len(trainers.options) == 2
    assert len(runs.list_runs(queue.root)) == 2


def test_only_who_asked_withdraws(queue: Queue, trainers: Trainers) -> None:
    started(queue)
    for token in (MINE, ADMIN):
        number = waits(queue, token=MINE).number
        for forged in (YOURS, "", None):
            with pytest.raises(RunError, match="Only the visitor who asked"):
                queue.withdraw(number, forged)
        queue.withdraw(number, token)
        assert queue.line() == []
        with pytest.raises(RunError, match="no longer waits"):
            queue.withdraw(number, token)


def test_the_queue_is_bounded(queue: Queue, trainers: Trainers) -> None:
    started(queue)
    queue = Queue(queue.root, longest=2 * MAX_OF_ONE)
    for _ in range(MAX_OF_ONE):
        waits(queue)
    with pytest.raises(RunError, match="3 starts of yours wait already, and many others do"):
        queue.ask(CONFIG, MINE)
    waits(queue, token=YOURS)
    with pytest.raises(RunError, match="1 start of yours waits already, and many others do"):
        queue.ask(CONFIG, YOURS)
    for _ in range(MAX_OF_ONE - 1):
        waits(queue, token=new_token())
    with pytest.raises(RunError, match="queue is full: 6 starts"):
        queue.ask(CONFIG, new_token())
    wide = Queue(queue.root, longest=100)
    with pytest.raises(RunError, match="3 starts of yours wait already; withdraw"):
        wide.ask(CONFIG, MINE)


@pytest.mark.parametrize("nobody", ["", None, 3, ADMIN, "x" * 32, "f" * 31])
def test_who_is_nobody_gets_neither_a_run_nor_a_place(queue: Queue, trainers: Trainers, nobody: object) -> None:
    run = cut_off(queue.root, "2001", STARTED, STEP)
    for refused in (lambda: queue.ask(CONFIG, nobody), lambda: queue.ask_to_go_on(run, nobody, ADMIN)):
        with pytest.raises(RunError, match="reload the page"):
            refused()
    assert (queue.line(), runs.going_on(queue.root)) == ([], [])


def test_a_start_is_expected_when_those_before_have_ended(queue: Queue, trainers: Trainers) -> None:
    started(queue)
    line = [waits(queue, small_config(budget=100.0)), waits(queue)]
    first, second = queue.expected(line)
    assert 0 < first <= 60 + ALLOWANCE
    assert second == pytest.approx(first + 100 + ALLOWANCE, abs=1)
    assert Queue(queue.root, at_most=2).expected(line)[0] == 0


def test_a_run_that_was_cut_off_goes_on(queue: Queue, trainers: Trainers) -> None:
    run = cut_off(queue.root, "2001", STARTED, STEP)
    run.request_stop()
    queue.ledger.own(run.name, MINE)
    failed = run.status().failed
    assert failed is not None
    assert "cut off after 41 s" in failed.message
    with pytest.raises(RunError, match="Only the visitor"):
        queue.ask_to_go_on(run, YOURS)
    assert isinstance(queue.ask_to_go_on(run, MINE), Run)
    assert trainers.options == [("--resume", str(run.path))]
    assert run.alive()
    assert not run.stop_requested()
    with pytest.raises(RunError, match="cannot go on"):
        queue.ask_to_go_on(run, MINE)


def test_a_run_waits_to_go_on_once_and_gives_way_when_it_cannot(queue: Queue, trainers: Trainers) -> None:
    first = started(queue)
    run = cut_off(queue.root, "2001", STARTED, STEP)
    assert isinstance(queue.ask_to_go_on(run, YOURS, ADMIN), Ticket)
    [ticket] = queue.line()
    assert (ticket.belongs_to(YOURS), ticket.belongs_to(ADMIN), ticket.may_withdraw(ADMIN)) == (True, False, True)
    with pytest.raises(RunError, match="waits already"):
        queue.ask_to_go_on(run, YOURS, ADMIN)
    (run.path / runs.STATE).unlink()
    trainers.end(first)
    assert queue.advance() == []
    assert queue.line() == []


def test_a_run_that_ended_does_not_go_on(queue: Queue, trainers: Trainers) -> None:
    ended = cut_off(queue.root, "2001", STARTED, STEP, Finished("time", 20, 2.0, 60.0, 320, 0.3))
    with pytest.raises(RunError, match="cannot go on"):
        queue.ask_to_go_on(ended, YOURS, ADMIN)


def test_a_deleted_ledger_empties_the_queue_and_ends_no_run(queue: Queue, trainers: Trainers) -> None:
    run = started(queue)
    waits(queue)
    Ledger(queue.root).path.unlink()
    assert queue.line() == []
    assert run.alive()
    assert isinstance(queue.ask(CONFIG, MINE), Ticket)


def test_a_start_that_fails_leaves_nothing_behind(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(run: Run, config: TrainConfig) -> None:
        raise RunError("no disk")

    monkeypatch.setattr(launch, "begin", full)
    with pytest.raises(RunError, match="no disk"):
        queue.ask(CONFIG, MINE)
    assert queue.line() == []


def test_a_process_that_writes_its_own_folder_is_no_stranger(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert (run.mine(), run.age()) == (False, 0)
    run.claim(os.getpid())
    assert run.mine()
    assert run.age() > 0
