"""A pause ends when it is withdrawn, or has taken all of its time."""

from __future__ import annotations

import errno
import math
import os
import time
from pathlib import Path

import pytest

from diclam import pause
from diclam.errors import RunError
from diclam.pause import FILE, TAKEN
from diclam.runs import Run


@pytest.mark.parametrize(("longest", "waits_on"), [(60.0, False), (math.inf, True)])
def test_a_pause_with_an_end_ends_by_itself(tmp_path: Path, longest: float, waits_on: bool) -> None:
    run = Run(tmp_path)
    assert run.pause() is None
    run.request_pause(longest)
    asked = run.pause()
    assert asked is not None
    assert (asked.longest, asked.left) == (longest, pytest.approx(longest, abs=5))
    assert run.pause_requested()
    long_ago = time.time() - 61
    os.utime(tmp_path / FILE, (long_ago, long_ago))
    assert run.pause_requested() == waits_on
    run.withdraw_pause()
    assert run.pause() is None


def passed(run: Run, seconds: float) -> None:
    """The request is so old."""
    then = time.time() - seconds
    os.utime(run.path / FILE, (then, then))


def test_all_pauses_of_a_run_have_one_bound_together(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.pauses_taken() == 0
    for so_far in (0.0, 20.0, 40.0):
        run.request_pause(60.0)
        asked = Run(tmp_path).pause()  # another process reads the same
        assert asked is not None
        assert (asked.before, asked.longest) == (pytest.approx(so_far, abs=2), pytest.approx(60 - so_far, abs=2))
        passed(run, 20)
        assert run.pauses_taken() == pytest.approx(so_far + 20, abs=2)
        run.withdraw_pause()
        assert run.pauses_taken() == pytest.approx(so_far + 20, abs=2)
    with pytest.raises(RunError, match="may take 60 s together, and this one has used them up"):
        run.request_pause(60.0)
    assert run.pause() is None
    run.request_pause(90.0)  # where the server allows more
    assert run.pause_requested()


def test_the_time_in_which_a_run_was_gone_is_no_pause(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.request_pause(60.0)
    passed(run, 50)
    run.withdraw_pause(until=time.time() - 40)
    assert run.pauses_taken() == pytest.approx(10, abs=2)


def test_a_full_disk_keeps_no_run_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = Run(tmp_path)
    run.request_pause(60.0)
    monkeypatch.setattr(pause, "replacing", full)
    run.withdraw_pause()
    assert not run.pause_requested()


def test_a_pause_that_is_withdrawn_twice_counts_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.request_pause(60.0)
    passed(run, 20)
    taken = pause.taken

    def overtaken(folder: Path, until: float | None = None) -> float:
        seconds = taken(folder, until)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pause, "taken", taken)
            pause.withdraw(folder)  # by another window, at this very moment
        return seconds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pause, "taken", overtaken)
        pause.withdraw(tmp_path)
    assert run.pauses_taken() == pytest.approx(20, abs=2)


def test_a_pause_that_ended_by_itself_leaves_none(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.request_pause(60.0)
    passed(run, 10_000)
    assert run.pauses_taken() == 60
    for _ in range(2):
        with pytest.raises(RunError, match="used them up"):
            run.request_pause(60.0)
    assert run.pauses_taken() == 60


@pytest.mark.parametrize("content", [b"", b"much", b"nan", b"-5", b"\xff"])
def test_what_says_nothing_of_earlier_pauses_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / TAKEN).write_bytes(content)
    assert Run(tmp_path).pauses_taken() == 0


@pytest.mark.parametrize("content", [b"", b"soon", b"nan", b"\xff"])
def test_a_file_that_somebody_made_by_hand_asks_for_a_pause_without_an_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert Run(tmp_path).pause_requested()
    assert Run(tmp_path / "gone").pause() is None
