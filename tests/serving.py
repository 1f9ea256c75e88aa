"""The app as a process of its own, as who runs it starts it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.app import running

# The arguments of Python for the app whose runs are real, but for a final test of few pictures.
FEW_TESTED = (
    "-c",
    """
import runpy
from diclam import launch
launch.COMMAND = "tests.few_tested"
runpy.run_path("app.py", run_name="__main__")
""",
)


@contextmanager
def serving(folder: Path, port: int, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Answers at this port of 127.0.0.1, keeps its runs in `folder` / "root", and is ended at last unless it has ended.
    `command` are the arguments of Python when it is not simply the app."""
    with running(*command, port=port, log=folder / "server.txt", DICLAM_RUNS=str(folder / "root")) as app:
        yield app.process
