"""The app as a process of its own, as who runs it starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(folder: Path, port: int, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Answers at this port of 127.0.0.1, keeps its runs in `folder` / "root", and is ended at last unless it has ended.
    `command` are the arguments of Python when it is not simply the app."""
    log = folder / "server.txt"
    with log.open("a") as file:
        process = subprocess.Popen(
            [sys.executable, *(command or ("app.py",))], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT,
            env=os.environ | {"DICLAM_RUNS": str(folder / "root"), "GRADIO_SERVER_PORT": str(port)},
        )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}", process, log)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"The app did not answer: {log.read_text()}")
