"""The processor waits for a GPU that it has given enough to do, for the oldest orders first."""

from __future__ import annotations

import pytest
import torch

from diclam.pace import AHEAD, Pace, marker


class Mark:
    """Notes when it is waited for."""

    def __init__(self, waited: list[int], number: int) -> None:
        self._waited, self._number = waited, number

    def synchronize(self) -> None:
        self._waited.append(self._number)


def test_so_many_steps_are_ahead_and_no_more() -> None:
    waited: list[int] = []
    numbers = iter(range(100))
    pace = Pace(lambda: Mark(waited, next(numbers)))
    for steps in range(1, 20):
        pace.keep()
        assert waited == list(range(max(steps - AHEAD, 0)))


def test_a_processor_that_does_the_work_itself_waits_for_nobody() -> None:
    assert marker(torch.device("cpu")) is None
    Pace(None).keep()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_is_waited_for() -> None:
    mark = marker(torch.device("cuda"))
    assert mark is not None
    torch.rand(1000, 1000, device="cuda").mm(torch.rand(1000, 1000, device="cuda"))
    reached = mark()
    reached.synchronize()
    assert isinstance(reached, torch.cuda.Event)
    assert reached.query()
