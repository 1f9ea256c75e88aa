"""A request that a run waits: a file in its folder, which says for how long at the most. Another file adds up how long the
pauses before it took.

The files alone say so: a pause ends by itself even when the page that asked for it is gone, and whoever asks again after it,
or after the app was started anew, gets what is left.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diclam.errors import RunError
from diclam.files import replacing

FILE, TAKEN = "pause", "paused"
SHORTEST = 1.0
"""Seconds; with less than that left, a run is not paused again."""


@dataclass(frozen=True)
class Pause:
    """A request that was not withdrawn."""

    longest: float
    """Seconds; infinite for one without an end."""
    left: float
    """How many of them are left; 0 once they have passed."""
    before: float = 0.0
    """How many the pauses before it took."""

    @property
    def over(self) -> bool:
        """Whether the run goes on by itself."""
        return self.left <= 0


def ask(folder: Path, together: float = math.inf) -> None:
    """The run in this folder waits until the request is withdrawn, or all its pauses took so many seconds together. Raises
    RunError when they have already."""
    withdraw(folder)
    longest = together - taken(folder)
    if longest < SHORTEST:
        raise RunError(f"The pauses of a run may take {together:g} s together, and this one has used them up.")
    with replacing(folder / FILE) as path:
        path.write_text(f"{longest:g}")


def withdraw(folder: Path, until: float | None = None) -> None:
    """What the pause took, to `until` (seconds since the epoch) or now, is added to those before."""
    seconds, over = taken(folder, until), folder / f"{FILE}.over"
    try:
        (folder / FILE).replace(over)
    except FileNotFoundError:  # There is none, or somebody else withdraws it at this very moment.
        return
    # Where the disk is full, a pause too few is counted, but the run goes on.
    with suppress(OSError), replacing(folder / TAKEN) as path:
        path.write_text(f"{seconds:g}")
    over.unlink(missing_ok=True)


def taken(folder: Path, until: float | None = None) -> float:
    """Seconds that the pauses of this run took so far, with the one that it is in, to `until` or now."""
    request = _request(folder, until)
    return _before(folder) + (min(request) if request else 0.0)


def read(folder: Path) -> Pause | None:
    """None without a request. A file without a number, as a person may make one by hand, asks for a pause without an end."""
    request = _request(folder)
    if request is None:
        return None
    longest, passed = request
    return Pause(longest, max(longest - passed, 0.0), _before(folder))


def _before(folder: Path) -> float:
    try:
        seconds = float((folder / TAKEN).read_bytes())
    except (OSError, ValueError):
        return 0.0
    return seconds if seconds > 0 else 0.0


def _request(folder: Path, until: float | None = None) -> tuple[float, float] | None:
    """-> the longest that it may take, and the seconds from when it was made to `until` or now"""
    try:
        written, content = (folder / FILE).stat().st_mtime, (folder / FILE).read_bytes()
    except OSError:
        return None
    try:
        longest = float(content)
    except ValueError:
        longest = math.inf
    return math.inf if math.isnan(longest) else longest, max((until or time.time()) - written, 0.0)
