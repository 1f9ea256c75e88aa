"""Where a run stands, as its events tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from diclam.events import (
    Compiled,
    Compiling,
    Continued,
    Event,
    Failed,
    Fetching,
    Finished,
    Paused,
    Probing,
    Resumed,
    Started,
    Step,
    Tested,
    Testing,
    Validated,
)

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Status:
    """All that a run has told so far, sorted."""

    state: str
    """'starting', 'fetching', 'probing', 'compiling', 'training', 'testing', 'finished' or 'failed'."""
    alive: bool
    """Whether its process is still there."""
    started: Started | None
    fetching: Fetching | None
    """The newest one."""
    steps: list[Step]
    validations: list[Validated]
    finished: Finished | None
    testing: Testing | None
    """The newest one."""
    tested: Tested | None
    failed: Failed | None
    paused: bool = False
    """Whether it waits between two steps."""
    cut_off: bool = False
    """Whether its process ended in training without a word; `failed` says then what is known."""

    @property
    def done(self) -> bool:
        """Nothing more will come."""
        return not self.alive


def status_of(events: Sequence[Event], alive: bool, silent_end: Callable[[], str]) -> Status:
    """Of a run with these events, in the order they happened; `alive`: whether its process is there. `silent_end` is asked
    for a sentence on how the process ended when the events do not say it."""
    started, finished, failed = _last(events, Started), _last(events, Finished), _last(events, Failed)
    fetching, testing, tested = _last(events, Fetching), _last(events, Testing), _last(events, Tested)
    cut_off = not alive and finished is None and failed is None
    if cut_off:
        failed = Failed(f"{_cut_off(events)}. {silent_end()}")
    if failed:
        state = "failed"
    elif finished:
        state = "testing" if alive and tested is None else "finished"
    elif started:
        newest = next((e for e in reversed(events) if isinstance(e, Compiling | Compiled | Resumed | Step)), None)
        state = "compiling" if isinstance(newest, Compiling) else "training"
    else:
        state = "probing" if _last(events, Probing) else "fetching" if fetching else "starting"
    steps = [event for event in events if isinstance(event, Step)]
    validations = [event for event in events if isinstance(event, Validated)]
    paused = state == "training" and waits(events)
    return Status(state, alive, started, fetching, steps, validations, finished, testing, tested, failed, paused, cut_off)


def waits(events: Sequence[Event]) -> bool:
    """Whether a run with these events, in which nothing has come to an end, waits between two steps."""
    turn = next((event for event in reversed(events) if isinstance(event, Paused | Continued | Resumed | Finished)), None)
    return isinstance(turn, Paused)


def _cut_off(events: Sequence[Event]) -> str:
    """'The run was cut off after 41 s', by its own clock."""
    used = max((event.seconds for event in events if isinstance(event, Step | Validated)), default=None)
    return (
        "The run was cut off before it had learned anything" if used is None else f"The run was cut off after {used:.0f} s"
    )


def _last(events: Sequence[Event], kind: type[E]) -> E | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)
