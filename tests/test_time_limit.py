"""The one place that knows the time limit of a run."""

from __future__ import annotations

from diclam.time_limit import LATEST_STEPS, StepTimes, TimeSupervisor
from tests.conftest import Clock


def test_time_is_counted_from_the_start(clock: Clock) -> None:
    time = TimeSupervisor(10, clock)
    clock.now = 4
    assert time.elapsed == 4
    assert time.fraction == 0.4
    assert not time.expired()
    assert time.expired(next_step=6)
    time.reserve = 2
    assert time.fraction == 0.5
    clock.now = 8
    assert time.expired()
    clock.now = 50
    assert time.fraction == 1


def test_time_used_before_counts_and_a_pause_does_not(clock: Clock) -> None:
    clock.now = 100
    time = TimeSupervisor(10, clock, used=3)
    assert time.elapsed == 3
    clock.now = 150
    time.turn_back(3)
    assert (time.elapsed, time.fraction) == (3, 0.3)


def test_the_next_step_takes_as_long_as_the_longest_of_the_latest() -> None:
    times = StepTimes()
    assert times.longest == 0
    times.note(9)
    assert times.longest == 9, "there is no other yet"
    times.note(1)
    assert times.longest == 1, "the first one builds kernels"
    times.note(4)
    for _ in range(LATEST_STEPS - 1):
        times.note(2)
    assert times.longest == 4
    times.note(2)
    assert times.longest == 2, "a machine may hesitate once"
