"""A pause ends when it is withdrawn, or has taken all of its time."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from diclam.pause import FILE
from diclam.runs import Run


@pytest.mark.parametrize(("longest", "waits_on"), [(60.0, False), (math.inf, True)])
def test_a_pause_with_an_end_ends_by_itself(tmp_path: Path, longest: float, waits_on: bool) -> None:
    run = Run(tmp_path)
    assert run.pause() is None
    run.request_pause(longest)
    pause = run.pause()
    assert pause is not None
    assert (pause.longest, pause.left) == (longest, pytest.approx(longest, abs=5))
    assert run.pause_requested()
    long_ago = time.time() - 61
    os.utime(tmp_path / FILE, (long_ago, long_ago))
    assert run.pause_requested() == waits_on
    run.withdraw_pause()
    assert run.pause() is None


@pytest.mark.parametrize("content", [b"", b"soon", b"nan", b"\xff"])
def test_a_file_that_somebody_made_by_hand_asks_for_a_pause_without_an_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert Run(tmp_path).pause_requested()
    assert Run(tmp_path / "gone").pause() is None
