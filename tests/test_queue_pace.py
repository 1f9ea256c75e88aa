"""An idle queue rests, and a busy one does not."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from demo import queue_pace
from demo.interface import build
from demo.queue_pace import BUSY, IDLE


class Fake:
    """What is asked of Gradio's queue."""

    def __init__(self) -> None:
        self.sleep_when_free = self.progress_update_sleep_when_free = BUSY
        self.waiting: list[Any] = []
        self.active_jobs: list[Any] = [None, None]

    def __len__(self) -> int:
        return len(self.waiting)

    async def push(self, event: str, *, request: str) -> str:
        self.waiting.append(event)
        return f"{event} {request}"


def test_it_looks_often_while_it_has_something_to_do_and_a_while_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_pace, "WHILE", 0.05)

    async def live(queue: Any) -> list[float]:
        queue_pace.relax(queue)
        paces = [queue.sleep_when_free]
        assert await queue.push("a", request="b") == "a b"
        paces.append(queue.sleep_when_free)
        await asyncio.sleep(0.2)
        paces.append(queue.sleep_when_free)  # it still waits
        queue.active_jobs[1] = queue.waiting.copy()
        queue.waiting.clear()
        await asyncio.sleep(0.2)
        paces.append(queue.sleep_when_free)  # it is worked on
        queue.active_jobs[1] = None
        await asyncio.sleep(0.2)
        return [*paces, queue.sleep_when_free]

    with ThreadPoolExecutor(1) as pool:  # a browser's test may have left a loop running in this thread
        paces = pool.submit(asyncio.run, live(Fake())).result()
    assert paces == [IDLE, BUSY, BUSY, BUSY, IDLE]


def test_the_queue_of_the_page_rests() -> None:
    assert build()._queue.sleep_when_free == IDLE
