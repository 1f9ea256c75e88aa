"""A request that a run waits: a file in its folder, which says for how long at the most.

The file alone says so, so a pause ends by itself even when the page that asked for it is gone.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from diclam.files import replacing

FILE = "pause"


@dataclass(frozen=True)
class Pause:
    """A request that was not withdrawn."""

    longest: float
    """Seconds; infinite for one without an end."""
    left: float
    """How many of them are left; 0 once they have passed."""

    @property
    def over(self) -> bool:
        """Whether the run goes on by itself."""
        return self.left <= 0


def ask(folder: Path, longest: float = math.inf) -> None:
    """The run in this folder waits for so many seconds, unless the request is withdrawn before."""
    with replacing(folder / FILE) as path:
        path.write_text(f"{longest:g}")


def withdraw(folder: Path) -> None:
    (folder / FILE).unlink(missing_ok=True)


def read(folder: Path) -> Pause | None:
    """None without a request. A file without a number, as a person may make one by hand, asks for a pause without an end."""
    try:
        written, content = (folder / FILE).stat().st_mtime, (folder / FILE).read_bytes()
    except OSError:
        return None
    try:
        longest = float(content)
    except ValueError:
        longest = math.inf
    return Pause(longest, max(longest - (time.time() - written), 0.0))
