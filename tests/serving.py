"""The app as a process of its own, as who runs it starts it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.app import running

# The arguments of Python for the app whose runs are real, but for a final test of few pictures; and that they stand back for
# nothing, or they would not get on beside other tests.
FEW_TESTED = (
    "-c",
    """
import runpy
from diclam import launch
launch.COMMAND, launch.NICE = "tests.few_tested", 0
runpy.run_path("app.py", run_name="__main__")
""",
)


@contextmanager
def serving(folder: Path, port: int, *command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Answers at this port of 127.0.0.1, keeps its runs in `folder` / "root", and is ended at last unless it has ended.
    `command` are the arguments of Python when it is not simply the app, `variables` of its environment."""
    with running(*command, port=port, log=folder / "server.txt", DICLAM_RUNS=str(folder / "root"), **variables) as app:
        yield app.process
