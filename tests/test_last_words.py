"""What the machine runs out of is said in words, in the run's own folder, with what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from diclam import data, launch, recorder, runs
from diclam.events import Event, Failed, Started
from diclam.last_words import ROOM, last_words
from tests.conftest import random_cifar10, small_config


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "Memory is not enough for batches of 16 pictures; choose a smaller"),
        (torch.OutOfMemoryError("CUDA out of memory"), "The GPU's memory is not enough for batches of 16"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Memory is not enough"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk of the runs is full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "The disk of the runs is full"),
        (RuntimeError("shapes differ"), "RuntimeError: shapes differ"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_every_shortage_has_its_sentence(error: BaseException, words: str, tmp_path: Path) -> None:
    assert last_words(error, small_config(), tmp_path).startswith(words)


def test_a_full_disk_has_room_for_the_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    run = runs.Run(tmp_path / "run")

    def watch(event: Event) -> None:
        assert (run.path / ROOM).exists() == (not isinstance(event, Failed))
        if isinstance(event, Started):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        recorder.record(run, small_config(), watch, lambda: False)
    failed = run.status().failed
    assert failed is not None
    assert failed.message.startswith("The disk of the runs is full")
    assert not (run.path / ROOM).exists()


def test_a_killed_process_is_told_from_one_that_ended(tmp_path: Path) -> None:
    for script, words in (("os.kill(os.getpid(), 9)", "was killed"), ("os._exit(3)", "ended without a word")):
        run = runs.Run(tmp_path / words)
        run.path.mkdir()
        launch._see_off(subprocess.Popen([sys.executable, "-c", f"import os; {script}"]), run)
        failed = run.status().failed
        assert failed is not None
        assert words in failed.message
