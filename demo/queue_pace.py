"""When Gradio's queue looks for what came.

Its own choice, a thousand times a second for ever, takes 4 to 8 % of a processor core from a run that trains while nobody
asks for anything. Here it looks so often as long as it has something to do. When it has had nothing to do for a while it
sleeps, and what comes wakes it.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from typing import Any

from gradio.queueing import Queue

BUSY, IDLE = 0.001, 1.0
"""Seconds between two looks."""
PROGRESS = 1.0
"""Seconds between two looks for how far listeners are, which none here tells by `gr.Progress`; a hundredth by itself."""
WHILE = 2.0
"""Seconds without anything to do, before it sleeps."""


def relax(queue: Queue) -> None:
    """Sees to it for this queue, which has not begun yet."""
    push, look, calm = queue.push, queue.start_processing, _Calm(queue)

    async def pushed(*arguments: Any, **options: Any) -> Any:
        calm.disturb()
        return await push(*arguments, **options)

    async def looked() -> None:
        await calm.watch(look())

    queue.push, queue.start_processing = pushed, looked
    queue.sleep_when_free = IDLE
    queue.progress_update_sleep_when_free = PROGRESS


class _Calm:
    """Comes back `WHILE` after the queue was empty."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._timer: asyncio.TimerHandle | None = None
        self._looks: types.CoroutineType[Any, Any, None] | None = None
        self._awaits: asyncio.Future[None] | None = None

    @types.coroutine
    def watch(self, looks: types.CoroutineType[Any, Any, None]) -> Generator[Any, Any, None]:
        """The queue's own loop as it is; from now on it is known what it waits for."""
        self._looks = looks
        try:
            self._awaits = looks.send(None)
            while True:
                try:
                    sent = yield self._awaits
                except BaseException as error:  # the end of the app
                    self._awaits = looks.throw(error)
                else:
                    self._awaits = looks.send(sent)
        except StopIteration:
            return

    def disturb(self) -> None:
        self._queue.sleep_when_free = BUSY
        if self._timer:
            self._timer.cancel()
        else:
            self._wake()
        self._timer = asyncio.get_running_loop().call_later(WHILE, self._return)

    def _return(self) -> None:
        self._timer = None
        if len(self._queue) or any(self._queue.active_jobs):
            self.disturb()
        else:
            self._queue.sleep_when_free = IDLE

    def _wake(self) -> None:
        """Ends the sleep, and nothing else that the loop may wait for."""
        asleep = self._looks is not None and getattr(self._looks.cr_await, "__name__", "") == "sleep"
        if asleep and self._awaits is not None and not self._awaits.done():
            self._awaits.set_result(None)
