"""Starts the runs that wait as soon as there is room, and keeps the folder of runs within bounds, as long as the app is
there, whether or not anybody looks."""

from __future__ import annotations

import logging
import math
import threading
import time

from demo.run_settings import max_runs
from diclam import housekeeping
from diclam.errors import RunError
from diclam.waiting import Queue

SECONDS, BETWEEN_TIDYING = 1.0, 60.0
_log = logging.getLogger(__name__)


def start() -> None:
    """Several apps may share a folder of runs: whoever looks first starts the next one. Raises ConfigError when
    DICLAM_MAX_RUNS is no possible number."""
    threading.Thread(target=_look_after, args=(Queue(at_most=max_runs()),), name="queue", daemon=True).start()


def _look_after(queue: Queue) -> None:
    said, tidied = "", -math.inf
    while True:
        problem = look(queue)
        if problem and problem != said:
            _log.error("The next run that waits could not be started; it keeps its place. %s", problem)
        said = problem
        if time.monotonic() - tidied >= BETWEEN_TIDYING:
            tidy()
            tidied = time.monotonic()
        time.sleep(SECONDS)


def look(queue: Queue) -> str:
    """-> why nothing could be started, '' when all is well. A full disk, and a bug, must not end the queue."""
    try:
        queue.advance()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def tidy() -> None:
    """What cannot be removed now stays until the next time. A bug must not end the queue either."""
    try:
        housekeeping.tidy()
    except RunError as error:  # such as a ledger that cannot be read
        _log.warning("Old runs stay where they are. %s", error)
    except Exception:
        _log.exception("Old runs stay where they are.")
