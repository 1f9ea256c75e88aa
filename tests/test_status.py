"""Where a run stands follows from its events and from whether its process is there."""

from __future__ import annotations

import pytest

from diclam.events import (
    Compiled,
    Compiling,
    Event,
    Failed,
    Fetching,
    Finished,
    Probing,
    Resumed,
    Started,
    Step,
    Tested,
    Testing,
    Validated,
)
from diclam.status import status_of

STARTED = Started("report", 60.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
RESUMED = Resumed(1, 0.1, 0.5, 60.0)
VALIDATED = Validated(10, 1.0, 2.0, 0.3, 40, 12.0, True)
FINISHED = Finished("time", 20, 2.0, 60.0, 320, 0.3)
TESTED = Tested(0.4, 0.41, 0.42, 0.43, 3.0)


def no_need() -> str:
    raise AssertionError("the events say how it ended")


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), "starting"),
        ((Fetching("somewhere", 1, 2, "files"),), "fetching"),
        ((Fetching("somewhere", 1, 2, "files"), STARTED), "training"),
        ((Fetching("somewhere", 1, 2, "files"), Probing()), "probing"),
        ((STARTED, Compiling()), "compiling"),
        ((STARTED, Compiling(), Compiled(20.0, "")), "training"),
        ((STARTED, Compiling(), RESUMED), "training"),
        ((STARTED, Compiling(), RESUMED, Compiling()), "compiling"),
        ((STARTED, STEP, VALIDATED), "training"),
        ((STARTED, STEP, FINISHED), "testing"),
        ((STARTED, STEP, FINISHED, Testing(10, 50)), "testing"),
        ((STARTED, STEP, FINISHED, Testing(10, 50), TESTED), "finished"),
        ((STARTED, Failed("no")), "failed"),
    ],
)
def test_the_state_follows_from_the_events(events: tuple[Event, ...], state: str) -> None:
    status = status_of(events, True, no_need)
    assert status.state == state
    assert not status.done


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((), "The run was cut off before it had learned anything. It vanished."),
        ((STARTED, STEP, VALIDATED), "The run was cut off after 12 s. It vanished."),
        ((STARTED, STEP, Failed("no")), "no"),
        ((STARTED, STEP, FINISHED), None),
    ],
)
def test_a_run_whose_process_is_gone_says_how_it_ended(events: tuple[Event, ...], words: str | None) -> None:
    status = status_of(events, False, lambda: "It vanished.")
    assert status.done
    assert (status.failed.message if status.failed else None) == words
    assert status.cut_off == (words is not None and "cut off" in words)
    assert status.state == ("failed" if words else "finished")
