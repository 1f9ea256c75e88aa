"""Keeps the folder of runs within bounds: what was thrown away goes for good after an hour, the oldest runs before the disk
is full.

Only runs that the page started or that were brought to it go by themselves, and none that is going on, waits to go on, is
pinned, or is on the board of the challenge. A run that somebody trained on the command line stays until somebody deletes it.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from diclam.environment import number
from diclam.errors import RunError
from diclam.launch import starting
from diclam.ledger import Ledger
from diclam.runs import BIN, Run, find, list_runs, runs_root
from diclam.waiting import Queue

SECONDS_TO_UNDO = 3600.0
# A run has no process yet in its first moments.
YOUNG = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """How many runs are kept, and how large they may be together."""

    runs: int = 100
    bytes: float = 5e9

    @classmethod
    def of_this_server(cls) -> Bounds:
        """What DICLAM_KEEP_RUNS and DICLAM_KEEP_GB say. Raises ConfigError when either is no possible bound."""
        runs = number("DICLAM_KEEP_RUNS", cls.runs, 1, 1_000_000)
        return cls(int(runs), 1e9 * number("DICLAM_KEEP_GB", cls.bytes / 1e9, 0.01, 1e6))


def throw_away(run: Run, root: Path | None = None) -> None:
    """The run is gone from every list, and comes back with `bring_back` for an hour. Raises RunError when it is going on or
    waits to, or cannot be moved."""
    root = root or runs_root()
    with starting(root):  # or it might begin just now
        if run.alive():
            raise RunError(f"The run {run.name} is still going on; stop it first.")
        if run.name in Queue(root).awaited():
            raise RunError(f"The run {run.name} waits to go on; withdraw it from the queue first.")
        _bin(run, root)
    Ledger(root).mark_deleted(run.name)


def bring_back(name: str, root: Path | None = None) -> Run:
    """A run that was thrown away is back. Raises RunError when it is not there any more."""
    root = root or runs_root()
    with _alone(root), suppress(RunError):
        kept = find(name, root / BIN)
        target = root / name
        if not target.exists():
            kept.path.rename(target)
            os.utime(target)
            Ledger(root).mark_deleted(name, False)
            return Run(target)
    raise RunError(f"The run {name[:80]!r} cannot be brought back any more.")


def tidy(root: Path | None = None, bounds: Bounds | None = None) -> list[str]:
    """Removes what nobody can bring back any more, then the oldest runs beyond the bounds -> the names of those. Raises
    ConfigError for impossible bounds, RunError when the ledger cannot be read."""
    root, bounds = root or runs_root(), bounds or Bounds.of_this_server()
    if not root.is_dir():
        return []
    with _alone(root):
        _empty(root)
        ledger, queue, gone = Ledger(root), Queue(root), []
        mine = [run for run in list_runs(root) if _comes_from_the_page(run)]
        kept = {name for name, note in ledger.notes().items() if note.pinned}
        kept |= {entry.run for entry in ledger.board()} | queue.awaited()
        for run in surplus(((run, size(run.path), run.name in kept) for run in mine), bounds):
            with starting(root):
                if run.alive() or run.name in queue.awaited():
                    continue
                _bin(run, root)
            _remove(root / BIN / run.name, root)
            _log.info("The run %s made room for newer ones.", run.name)
            gone.append(run.name)
    return gone


def surplus(kept: Iterable[tuple[Run, int, bool]], bounds: Bounds) -> list[Run]:
    """Which runs go: of (run, bytes, whether it stays), the newest first, the oldest that may, until the others are within
    bounds."""
    kept = list(kept)
    count, total = len(kept), sum(size for _, size, _ in kept)
    gone = []
    for run, size, stays in reversed(kept):
        if count <= bounds.runs and total <= bounds.bytes:
            break
        if stays or run.alive() or _age(run.path) < YOUNG:
            continue
        gone.append(run)
        count, total = count - 1, total - size
    return gone


def size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # gone a moment ago
            total += path.lstat().st_size if not path.is_dir() else 0
    return total


def _comes_from_the_page(run: Run) -> bool:
    if (run.path / "settings.json").is_file():
        return True
    try:
        return "imported" in run.info()
    except RunError:
        return False


def _bin(run: Run, root: Path) -> None:
    target = root / BIN / run.name
    try:
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        run.path.rename(target)
        os.utime(target)  # since when it lies there
    except OSError as error:
        raise RunError(f"The run {run.name} cannot be deleted ({error.strerror}).") from error


def _empty(root: Path) -> None:
    with suppress(OSError):  # no bin yet
        for folder in (root / BIN).iterdir():
            if _age(folder) > SECONDS_TO_UNDO:
                _remove(folder, root)


def _remove(folder: Path, root: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        Ledger(root).forget(folder.name)


def _age(path: Path) -> float:
    """Seconds since a folder was changed."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _alone(root: Path) -> FileLock:
    return FileLock(root / ".housekeeping.lock")
