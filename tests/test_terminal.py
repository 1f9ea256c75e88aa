"""Events become lines a person can read, in a terminal and in a file."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from diclam.events import Compiled, Compiling, Failed, Fetching, Finished, Started, Step, Tested, Testing, Validated
from diclam.runs import Run
from diclam.terminal import REASONS, Progress, clock, describe, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


EVENTS = [
    Fetching("the Hub", 3_000_000, 170_000_000, "bytes"),
    Started("report", 120.0, 0, "cpu", "bfloat16", 40_000, 500, 128, 1_837_452),
    Step(10, 0.03, 2.1, 1e-3, 1.0, 300.0, 30.0, 0.25),
    Step(11, 0.03, None, 1e-3, None, 300.0, 31.0, 0.26),
    Validated(10, 1.0, 2.0, 0.3, 40, 45.0, True),
    Finished("time", 20, 2.0, 119.9, 320, 0.3),
    Testing(500, 10_000),
    Tested(0.9136, 0.9137, 0.9136, 0.9136, 3.0),
]


def test_a_terminal_sees_every_step_in_place() -> None:
    out = Terminal()
    progress = Progress(out)
    for event in EVENTS:
        progress.show(event)
    text = out.getvalue()
    assert "3 of 170 MB" in text
    assert "1:30 left" in text
    assert "not a number" in text
    assert "validation 30.00%  best so far" in text
    assert "time limit was reached" in text
    assert "Test accuracy 91.36%" in text
    assert text.count("\n") == 4  # started, validated, finished, tested: all else is drawn over


def test_it_is_told_when_several_processes_share_the_work() -> None:
    out = io.StringIO()
    started = EVENTS[1]
    assert isinstance(started, Started)
    for processes in (1, 2):
        Progress(out).show(replace(started, processes=processes))
    alone, shared = out.getvalue().splitlines()
    assert "pictures, cpu in bfloat16" in alone
    assert "pictures, 2 processes on cpu in bfloat16" in shared


def test_compiling_is_told_with_what_came_of_it() -> None:
    out = io.StringIO()
    for event in (Compiling(), Compiled(31.04, "It cannot be compiled here."), Compiling(), Compiled(8.0, "")):
        Progress(out).show(event)
    assert out.getvalue().splitlines() == [
        "Compiling the network for this device ...",
        "That took 31.0 s. It cannot be compiled here.",
        "Compiling the network for this device ...",
        "That took 8.0 s.",
    ]


def test_a_file_is_not_flooded() -> None:
    out = io.StringIO()
    progress = Progress(out)
    for _ in range(100):
        progress.show(EVENTS[2])
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (75, "1:15"), (59.6, "1:00"), (3725, "1:02:05")])
def test_time_is_written_as_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (41.4, "41 s"), (59.6, "1 min"), (120, "2 min"), (125, "2 min 5 s")]
)
def test_a_duration_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_every_reason_has_words() -> None:
    assert set(REASONS) == {"time", "epochs", "converged", "stopped", "diverged"}


def test_a_run_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(Failed("no data set").to_json() + "\n")
    row = describe(Run(tmp_path))
    assert row["state"] == "failed"
    assert row["problem"] == "no data set"
