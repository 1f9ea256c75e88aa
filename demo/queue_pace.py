"""How often Gradio's queue looks for what came.

Its own choice, a thousand times a second for ever, takes 4 to 8 % of a processor core from a run that trains while nobody
asks for anything. Here it looks so often as long as it has something to do, and fifty times a second when it has had
nothing to do for a while: then the first thing that comes waits for a hundredth of a second.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gradio.queueing import Queue

BUSY, IDLE = 0.001, 0.02
"""Seconds between two looks."""
PROGRESS = 0.1
"""Seconds between two looks for how far listeners are, which none here tells by `gr.Progress`; a hundredth by itself."""
WHILE = 2.0
"""Seconds without anything to do, before it looks less often."""


def relax(queue: Queue) -> None:
    """Sees to it for this queue, from its first event on."""
    push, calm = queue.push, _Calm(queue)

    async def pushed(*arguments: Any, **options: Any) -> Any:
        calm.disturb()
        return await push(*arguments, **options)

    queue.push = pushed
    queue.sleep_when_free = IDLE
    queue.progress_update_sleep_when_free = PROGRESS


class _Calm:
    """Comes back `WHILE` after the queue was empty."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._timer: asyncio.TimerHandle | None = None

    def disturb(self) -> None:
        self._queue.sleep_when_free = BUSY
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(WHILE, self._return)

    def _return(self) -> None:
        if len(self._queue) or any(self._queue.active_jobs):
            self.disturb()
        else:
            self._queue.sleep_when_free = IDLE
