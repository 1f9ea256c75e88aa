"""When a run will have ended, as far as anybody knows: by its own clock, which stands still while it is paused."""

from __future__ import annotations

from diclam.errors import RunError
from diclam.events import Continued, Finished, Paused, Resumed, Step, Tested, Testing, Validated
from diclam.runs import Run

ALLOWANCE = 30.0
"""Seconds beside its budget that a run is expected to take: loading, the final test."""
# What is supposed of a run that does not say how long it is.
UNKNOWN_BUDGET = 60.0


def seconds_left(run: Run) -> float:
    """Until the run has ended; infinite while it is paused without an end."""
    for event in reversed(run.events()):
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
