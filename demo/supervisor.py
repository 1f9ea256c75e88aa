"""Starts the runs that wait as soon as there is room, as long as the app is there, whether or not anybody looks."""

from __future__ import annotations

import logging
import threading
import time

from demo.run_settings import max_runs
from diclam.waiting import Queue

SECONDS = 1.0
_log = logging.getLogger(__name__)


def start() -> None:
    """Several apps may share a folder of runs: whoever looks first starts the next one. Raises ConfigError when
    DICLAM_MAX_RUNS is no possible number."""
    threading.Thread(target=_look_after, args=(Queue(at_most=max_runs()),), name="queue", daemon=True).start()


def _look_after(queue: Queue) -> None:
    said = ""
    while True:
        problem = look(queue)
        if problem and problem != said:
            _log.error("The next run that waits could not be started; it keeps its place. %s", problem)
        said = problem
        time.sleep(SECONDS)


def look(queue: Queue) -> str:
    """-> why nothing could be started, '' when all is well. A full disk, and a bug, must not end the queue."""
    try:
        queue.advance()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
