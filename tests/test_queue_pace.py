"""An idle queue sleeps until something comes, and a busy one does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client

from demo import queue_pace
from demo.interface import build
from demo.queue_pace import BUSY, IDLE

AGES = 600.0
"""Seconds that no test takes."""


class Fake:
    """What is asked of Gradio's queue."""

    def __init__(self) -> None:
        self.sleep_when_free = self.progress_update_sleep_when_free = BUSY
        self.waiting: list[Any] = []
        self.active_jobs: list[Any] = [None, None]
        self.lock = asyncio.Lock()
        self.looks = 0
        self.ended = False

    def __len__(self) -> int:
        return len(self.waiting)

    async def push(self, event: str, *, request: str) -> str:
        self.waiting.append(event)
        return f"{event} {request}"

    async def start_processing(self) -> None:
        try:
            while True:
                async with self.lock:
                    self.looks += 1
                await asyncio.sleep(self.sleep_when_free)
        finally:
            self.ended = True


def in_a_loop_of_its_own(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """A browser's test may have left one running in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


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

    assert in_a_loop_of_its_own(live(Fake())) == [IDLE, BUSY, BUSY, BUSY, IDLE]


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_pace, "IDLE", AGES)
    monkeypatch.setattr(queue_pace, "WHILE", 0.05)


@pytest.mark.usefixtures("sleeper")
def test_what_comes_wakes_it_each_time() -> None:
    async def live(queue: Any) -> list[int]:
        queue_pace.relax(queue)
        task = asyncio.create_task(queue.start_processing())
        looks = []
        for _ in range(2):
            await asyncio.sleep(0.2)
            looks.append(queue.looks)
            await asyncio.sleep(0.2)
            looks.append(queue.looks)  # it sleeps
            await queue.push("a", request="b")
            await asyncio.sleep(0.02)
            looks.append(queue.looks)
            queue.waiting.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert queue.ended
        return looks

    first, asleep, awake, later, asleep_again, awake_again = in_a_loop_of_its_own(live(Fake()))
    assert first == asleep == 1
    assert awake > asleep + 1
    assert later == asleep_again > awake
    assert awake_again > asleep_again + 1


@pytest.mark.usefixtures("sleeper")
def test_what_comes_ends_no_other_wait() -> None:
    async def live(queue: Any) -> tuple[int, int]:
        queue_pace.relax(queue)
        async with queue.lock:
            task = asyncio.create_task(queue.start_processing())
            await asyncio.sleep(0.02)
            await queue.push("a", request="b")
            await asyncio.sleep(0.02)
            held = queue.looks
        await asyncio.sleep(0.02)
        task.cancel()
        return held, queue.looks

    held, free = in_a_loop_of_its_own(live(Fake()))
    assert held == 0
    assert free > 0


@pytest.mark.usefixtures("sleeper")
def test_a_queue_of_gradio_s_answers_out_of_its_sleep() -> None:
    with gr.Blocks() as page:
        number, twice = gr.Number(), gr.Number()
        gr.Button().click(lambda x: 2 * x, number, twice, api_name="twice")
    queue_pace.relax(page._queue)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True)
    try:
        client = Client(url, verbose=False)
        for asked in (1, 2):
            time.sleep(0.5)
            assert page._queue.sleep_when_free == AGES
            assert client.submit(asked, api_name="/twice").result(timeout=60) == 2 * asked
        client.close()
    finally:
        page.close(verbose=False)


def test_the_queue_of_the_page_rests() -> None:
    assert build()._queue.sleep_when_free == IDLE
