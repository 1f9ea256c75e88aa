"""A list says of each run what its folder says, and reads it once."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from diclam import checkpoint, summaries
from diclam.events import Continued, Event, Failed, Finished, Paused, Started, Step, Tested
from diclam.last_words import last_words
from diclam.model import DiCLAM
from diclam.runs import EXIT, STATE, Run
from diclam.summaries import Summaries, summarize
from tests.conftest import small_config

STARTED = Started("fast", 60.0, 7, "cpu", "float32", 40_000, 500, 128, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
FINISHED = Finished("stopped", 20, 2.0, 41.0, 320, 0.3)


def words(error: BaseException) -> str:
    return last_words(error, small_config(), Path())


def write(folder: Path, *events: Event) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)
        file.write('{"event": "Half')
    return Run(folder)


def test_a_run_in_a_row(tmp_path: Path) -> None:
    run = write(tmp_path / "a", STARTED, STEP, FINISHED, Tested(0.4, 0.4, 0.4, 0.4, 3.0))
    found = summarize(run, run.events())
    assert (found.recipe, found.budget, found.seed) == ("fast", 60.0, 7)
    assert (found.accuracy, found.seconds, found.ended) == (0.4, 41.0, "stopped")


@pytest.mark.parametrize(
    ("events", "ended"),
    [
        ((), "cut off"),
        ((STARTED, STEP), "cut off"),
        ((STARTED, Failed("RuntimeError: no")), "failed"),
        ((STARTED, STEP, Failed(words(MemoryError()))), "out of memory"),
        ((STARTED, FINISHED, Failed(words(OSError(errno.ENOSPC, "No space left on device")))), "disk full"),
        ((STARTED, STEP, Failed(words(KeyboardInterrupt()))), "stopped"),
        ((STARTED, replace(FINISHED, reason="time"), Failed(words(KeyboardInterrupt()))), "time limit"),
        ((FINISHED,), "stopped"),
    ],
)
def test_every_end_has_its_word(tmp_path: Path, events: tuple[Event, ...], ended: str) -> None:
    assert summarize(write(tmp_path / "a", *events), events).ended == ended


def test_what_is_left_to_do_of_a_run_is_what_it_can_go_on_with(tmp_path: Path) -> None:
    runs = {
        "": write(tmp_path / "a", STARTED, STEP),
        summaries.TRAINING: write(tmp_path / "b", STARTED, STEP),
        summaries.TEST: write(tmp_path / "c", STARTED, FINISHED),
    }
    (runs[summaries.TRAINING].path / STATE).touch()
    checkpoint.save(runs[summaries.TEST].path, DiCLAM())
    found = Summaries().of(list(runs.values()))
    assert [one.left for one in found] == list(runs)
    assert [bool(one.left) for one in found] == [run.can_go_on for run in runs.values()]
    assert not summarize(runs[summaries.TEST], (FINISHED, Tested(0.4, 0.4, 0.4, 0.4, 3.0))).left
    runs[summaries.TRAINING].claim(os.getpid())
    assert not Summaries().of([runs[summaries.TRAINING]])[0].left


def test_a_killed_run_is_told_from_one_that_was_cut_off_and_one_that_was_stopped(tmp_path: Path) -> None:
    known, run = Summaries(), write(tmp_path / "a", STARTED, STEP)
    tested = write(tmp_path / "b", FINISHED, Tested(0.4, 0.4, 0.4, 0.4, 3.0))
    assert [one.ended for one in known.of([run, tested])] == ["cut off", "stopped"]
    for one in (run, tested):
        (one.path / EXIT).write_text("-9")  # written a moment after its process ended
    assert [one.ended for one in known.of([run, tested])] == ["killed", "stopped"]
    run.request_stop()
    assert summarize(run, run.events()).ended == "cut off"


def test_a_run_that_waits_says_so_as_long_as_its_process_is_there(tmp_path: Path) -> None:
    run, known = write(tmp_path / "a", STARTED, STEP), Summaries()

    def ended() -> str:
        return known.of([run])[0].ended

    run.claim(os.getpid())
    run.request_pause()
    said = [ended()]
    for event in (Paused(1, 0.5), Continued(1, 0.5), Paused(1, 0.5)):
        with (run.path / "events.jsonl").open("a") as file:
            file.write(f"\n{event.to_json()}\n")
        said.append(ended())
    assert said == ["going on", "paused", "going on", "paused"]
    run.withdraw_pause()  # it goes on at its next step
    assert ended() == "going on"
    (run.path / "process").unlink()
    assert ended() == "cut off"


def test_what_is_the_same_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(summaries, "summarize", lambda run, events: read.append(run.name) or summarize(run, events))
    runs = [write(tmp_path / "a", STARTED), write(tmp_path / "b", STARTED)]
    known = Summaries()
    assert [one.name for one in known.of(runs)] == ["a", "b"]
    known.of(runs)
    assert read == ["a", "b"]
    (runs[1].path / "events.jsonl").write_text(FINISHED.to_json())
    assert known.of(runs)[1].ended == "stopped"
    runs[0].claim(os.getpid())
    assert [(one.alive, one.ended) for one in known.of(runs)] == [(True, "going on"), (False, "stopped")]
    assert read == ["a", "b", "b"]
    known.of([])
    known.of(runs)
    assert read == ["a", "b", "b", "a", "b"]  # what is gone is forgotten
