"""The time limit of a training run."""

from __future__ import annotations

import time
from collections import deque

from diclam.device import Clock

LATEST_STEPS = 10
"""That say how long the next one takes."""


class TimeSupervisor:
    """The one place that knows the time limit. `limit` in seconds, from the moment of construction; `used` are seconds that
    an earlier process spent."""

    def __init__(self, limit: float, clock: Clock = time.monotonic, used: float = 0.0) -> None:
        self.limit = limit
        self.reserve = 0.0
        """Seconds that must be left at the end, for the final validation."""
        self._clock = clock
        self._start = clock() - used

    @property
    def elapsed(self) -> float:
        return self._clock() - self._start

    @property
    def fraction(self) -> float:
        """Of the time that is there for training steps, 0 to 1."""
        return min(self.elapsed / max(self.limit - self.reserve, 1e-9), 1.0)

    def turn_back(self, to: float) -> None:
        """What has passed since `elapsed` was `to` does not count."""
        self._start += self.elapsed - to

    def expired(self, next_step: float = 0.0) -> bool:
        """Whether a step that takes `next_step` seconds would not end in time."""
        return self.elapsed + next_step + self.reserve >= self.limit


class StepTimes:
    """How long the steps of a run take. A machine may hesitate once, which does not say how long the next one takes; nor
    does the first, which builds kernels, once there are others."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._latest = deque[float](maxlen=LATEST_STEPS)

    def note(self, seconds: float) -> None:
        """Of each step, in their order."""
        if self._first is None:
            self._first = seconds
        else:
            self._latest.append(seconds)

    @property
    def longest(self) -> float:
        """Seconds that the next step may take, by the latest ones; 0 before the first."""
        return max(self._latest, default=self._first or 0.0)
