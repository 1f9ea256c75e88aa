"""What a list says of each run, read once: hundreds of runs are listed again and again, and most have long ended."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diclam.errors import RunError
from diclam.events import Event, Failed, Finished, Started, Tested, from_json
from diclam.last_words import INTERRUPTED, cause
from diclam.runs import EVENTS, EXIT, INFO, STATE, Run
from diclam.status import waits

ENDS = {
    "time": "time limit",
    "epochs": "all epochs",
    "converged": "no longer better",
    "stopped": "stopped",
    "diverged": "diverged",
}
# What there are hundreds of, and a list does not need.
_SKIPPED = tuple(f'{{"event": "{kind}"' for kind in ("Step", "Validated", "Fetching", "Testing"))
_OF_NO_PROCESS = "cut off"
TRAINING, TEST = "training", "test"


@dataclass(frozen=True)
class Summary:
    """One run in a row; None for what is not known."""

    name: str
    recipe: str | None
    budget: float | None
    """Seconds."""
    seed: int | None
    accuracy: float | None
    """In the final test, fraction of 1."""
    seconds: float | None
    """Of training."""
    ended: str
    """Why, in a word or two; 'going on' or 'paused' before."""
    left: str
    """What of it can still be done, TRAINING or TEST; '' for nothing, as with `Run.can_go_on`."""
    alive: bool
    imported: bool
    """Whether it came as a zip."""


class Summaries:
    """Remembers what it has read of runs whose files are the same. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[int, ...], Summary, bool]] = {}

    def of(self, runs: list[Run]) -> list[Summary]:
        """In the order of the runs; those that are not among them are forgotten."""
        with self._lock:
            self._read = {run.name: self._one(run) for run in runs}
            found = [self._read[run.name][1:] for run in runs]
        return [
            _going(run, summary, waiting) if run.alive() else summary
            for run, (summary, waiting) in zip(runs, found, strict=True)
        ]

    def _one(self, run: Run) -> tuple[tuple[int, ...], Summary, bool]:
        """-> its files then, what they say, and whether it waits while its process is there"""
        stamp = tuple(part for name in (EVENTS, INFO, EXIT, STATE) for part in _stamp(run.path / name))
        if (known := self._read.get(run.name)) and known[0] == stamp:
            return known
        events = _events(run.path / EVENTS)
        return stamp, summarize(run, events), waits(events)


def _going(run: Run, summary: Summary, waiting: bool) -> Summary:
    # Who was told to go on does so at its next step.
    return replace(summary, alive=True, left="", ended="paused" if waiting and run.pause_requested() else "going on")


def summarize(run: Run, events: Sequence[Event]) -> Summary:
    """What the folder of a run that has ended says, with these events in it."""
    newest: dict[type[Event], Any] = {type(event): event for event in events}
    try:
        info = run.info()
    except RunError:  # a run that never began
        info = {}
    config: dict[str, Any] = info.get("config", {})
    started: Started | None = newest.get(Started)
    finished: Finished | None = newest.get(Finished)
    tested: Tested | None = newest.get(Tested)
    return Summary(
        name=run.name,
        recipe=started.recipe if started else config.get("recipe"),
        budget=started.budget if started else config.get("budget"),
        seed=started.seed if started else config.get("seed"),
        accuracy=tested.accuracy if tested else None,
        seconds=finished.seconds if finished else None,
        ended=_end(run, finished, tested, newest.get(Failed)),
        left=_left(run, finished, tested),
        alive=False,
        imported="imported" in info,
    )


def _end(run: Run, finished: Finished | None, tested: Tested | None, failed: Failed | None) -> str:
    if failed and failed.message != INTERRUPTED:
        return cause(failed.message) or "failed"
    if tested is None and failed is None and run.killed and not run.stop_requested():
        return "killed"
    if finished:
        return ENDS.get(finished.reason, finished.reason)
    return ENDS["stopped"] if failed else _OF_NO_PROCESS


def _left(run: Run, finished: Finished | None, tested: Tested | None) -> str:
    if finished:
        return TEST if tested is None and run.has_checkpoint else ""
    return TRAINING if (run.path / STATE).is_file() else ""


def _events(path: Path) -> list[Event]:
    events = []
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.startswith(_SKIPPED):
                    try:
                        events.append(from_json(line))
                    except ValueError:  # half a line, or one of a newer version
                        continue
    except OSError:
        return []
    return events


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
        return stat.st_mtime_ns, stat.st_size
    except OSError:
        return 0, 0
