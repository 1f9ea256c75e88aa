"""Keeps the processor from running ahead of a GPU, which it only gives orders."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import torch

AHEAD = 3
"""Steps that a GPU may have before it: enough to be never idle, few enough to end in time."""


class Mark(Protocol):
    """A place in a GPU's list of orders."""

    def synchronize(self) -> None:
        """Waits until the GPU has come there."""
        ...


def marker(device: torch.device) -> Callable[[], Mark] | None:
    """What sets a mark behind the orders given so far; None where the processor does the work itself."""
    if device.type != "cuda":
        return None

    def mark() -> Mark:
        event = torch.cuda.Event()
        event.record()
        return event

    return mark


class Pace:
    """Without it, a thousand steps may be ordered before the first is done: the clock would seem to stand still, and a run
    would end long after its time limit."""

    def __init__(self, mark: Callable[[], Mark] | None) -> None:
        self._mark = mark
        self._ahead: deque[Mark] = deque()

    def keep(self) -> None:
        """To be called after each step: waits for the one that was ordered `AHEAD` steps before it."""
        if self._mark is None:
            return
        self._ahead.append(self._mark())
        if len(self._ahead) > AHEAD:
            self._ahead.popleft().synchronize()
