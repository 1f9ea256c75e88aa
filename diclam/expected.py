"""When a run will have ended, as far as anybody knows: by its own clock, which stands still while it is paused."""

from __future__ import annotations

from contextlib import suppress

from diclam.errors import RunError
from diclam.events import Continued, Event, Finished, Paused, Resumed, Step, Tested, Testing, Validated, from_json
from diclam.runs import EVENTS, Run

ALLOWANCE = 30.0
"""Seconds beside its budget that a run is expected to take: loading, the final test."""
# What is supposed of a run that does not say how long it is.
UNKNOWN_BUDGET = 60.0
# Bytes at the end of its events that are looked at, as this is asked often; the longest event has a quarter of them.
TAIL = 4000


def seconds_left(run: Run) -> float:
    """Until the run has ended; infinite while it is paused without an end."""
    for event in reversed(_newest(run)):
        match event:
            case Tested():
                return 0.0
            case Testing():
                return ALLOWANCE * (1 - event.done / max(event.total, 1))
            case Finished():
                return ALLOWANCE
            case Step() | Validated() | Paused() | Continued() | Resumed():
                pause = run.pause()
                return max(budget(run) - event.seconds, 0.0) + ALLOWANCE + (pause.left if pause else 0.0)
    return max(budget(run) + ALLOWANCE - run.age(), 0.0)


def budget(run: Run) -> float:
    """Its time limit in seconds."""
    try:
        return float(run.info()["config"]["budget"])
    except RunError:  # not written yet
        return UNKNOWN_BUDGET


def _newest(run: Run) -> list[Event]:
    events = []
    with suppress(OSError), (run.path / EVENTS).open("rb") as file:
        file.seek(max(file.seek(0, 2) - TAIL, 0))
        for line in file.read().decode("utf-8", "replace").splitlines():
            with suppress(ValueError):  # the first is cut, and the last may be half written
                events.append(from_json(line))
    return events
