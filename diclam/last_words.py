"""What a run says when something of the machine ends it: what happened, what to do, and room on the disk to say it."""

from __future__ import annotations

import errno
from pathlib import Path

import psutil
import torch

from diclam.recipe import TrainConfig

ROOM = ".room"
# Enough for what was being written when the disk was full, and for the sentence.
ROOM_BYTES = 65_536
# Less than the weights and what a run needs to go on.
SMALL = 2**25
INTERRUPTED = "KeyboardInterrupt"
"""The last word of a run that was ended in the middle of something, as by a second Ctrl-C."""
_FULL, _SHORT = "The disk of the runs is full", "is not enough for batches of"


def keep_room(folder: Path) -> None:
    """Takes some of the disk, so that a run can still say that there is no more."""
    (folder / ROOM).write_bytes(b"\0" * ROOM_BYTES)


def make_room(folder: Path) -> None:
    """Gives it back, if it was kept."""
    (folder / ROOM).unlink(missing_ok=True)


def last_words(error: BaseException, config: TrainConfig, folder: Path) -> str:
    """Why a run with these settings ends, as a person can use it; anything unforeseen by its own name."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
        where = "The GPU's memory" if isinstance(error, torch.OutOfMemoryError) else "Memory"
        return f"{where} {_SHORT} {config.batch_size:,} pictures; choose a smaller batch size."
    if _disk_is_full(error, folder):
        return f"{_FULL}; make room on it, or set DICLAM_RUNS to a folder on another one."
    return f"{type(error).__name__}: {error}".rstrip(": ")


def cause(message: str) -> str:
    """What of the machine ran out, in two words, when these are the last words of a run; '' for anything else."""
    return "disk full" if _FULL in message else "out of memory" if _SHORT in message else ""


def _disk_is_full(error: BaseException, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # What writes weights raises errors of its own kinds, some of them without the system's words.
    text = str(error).lower()
    if "file write failed" in text or "unexpected pos" in text:
        return psutil.disk_usage(str(folder)).free < SMALL
    return "no space left" in text
