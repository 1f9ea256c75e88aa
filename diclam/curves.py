"""A long row of measurements made fit to be drawn: fewer points, less noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

P = TypeVar("P")
# A curve is a few hundred pixels wide; more points than this would only make it slow.
POINTS = 400
# Share of the past in each smoothed point.
SMOOTHING = 0.9


def thin(points: Sequence[P], most: int = POINTS) -> list[P]:
    """Every 2^k-th of the points, and the newest, at most `most` (3 or more): as a curve grows, the points that stay keep
    their places."""
    step = 1
    while len(points) > step * (most - 1):
        step *= 2
    kept = list(points[::step])
    return kept if not points or (len(points) - 1) % step == 0 else [*kept, points[-1]]


def smooth(values: Sequence[float | None]) -> list[float | None]:
    """Exponential mean of what came so far, without the pull of a first guess; None stays None."""
    smoothed: list[float | None] = []
    mean, weight = 0.0, 0.0
    for value in values:
        if value is not None:
            mean = SMOOTHING * mean + (1 - SMOOTHING) * value
            weight = SMOOTHING * weight + (1 - SMOOTHING)
        smoothed.append(None if value is None else mean / weight)
    return smoothed
