"""The app in a process of its own, and what one open page asks it over HTTP, as a browser does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

ROOT = Path(__file__).parents[1]
SECONDS = 120
"""Whatever takes longer has failed."""


class App(NamedTuple):
    """One that answers."""

    url: str
    process: subprocess.Popen[bytes]


class Answer(NamedTuple):
    """What a listener said."""

    success: bool
    output: dict[str, Any]
    """Its `data`, or the `error` in words, None when nobody says why."""
    size: int
    """Bytes."""


class Session:
    """One open page. `http` knows the address of the app."""

    def __init__(self, http: httpx.Client, name: str = "") -> None:
        self._http = http
        self.name = name or uuid4().hex

    def ask(
        self, listener: int, data: list[Any], event: Any = None, *, trigger: int | None = None, queued: bool = True
    ) -> Answer:
        """What the listener of this number answers to `data`, its inputs, and to `event`, what the component says of what
        happened. `trigger`: the component's number. Raises RuntimeError when the answer breaks off, httpx.HTTPError."""
        asked = {"fn_index": listener, "data": data, "session_hash": self.name, "event_data": event, "trigger_id": trigger}
        # Not by httpx itself, which refuses numbers that are none.
        body: dict[str, Any] = {"content": json.dumps(asked), "headers": {"Content-Type": "application/json"}}
        if not queued:
            answer = self._http.post("/gradio_api/run/predict", **body)
            return Answer(answer.is_success, answer.json(), len(answer.content))
        self._http.post("/gradio_api/queue/join", **body).raise_for_status()
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.name}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                    return Answer(message["success"], message["output"], len(line.encode()))
        raise RuntimeError("The app ended its answer before it was complete.")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running(*command: str, port: int = 0, log: Path | None = None, **variables: str) -> Iterator[App]:
    """The app in a process of its own, on this port or a free one, with these environment variables; ended at last unless
    it has ended. `command` are the arguments of Python when it is not simply the app, `log` the file that is told what it
    prints. Exits when it does not answer."""
    port = port or free_port()
    app = App(
        f"http://127.0.0.1:{port}", _started(command or ("app.py",), log, {"GRADIO_SERVER_PORT": str(port)} | variables)
    )
    try:
        deadline = time.monotonic() + SECONDS
        while app.process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(app.url, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        else:
            said = f" It said:\n{log.read_text(encoding='utf-8')}" if log else ""
            sys.exit(f"The app did not start; try `python app.py`.{said}")
        yield app
    finally:
        app.process.terminate()
        app.process.wait(30)


def _started(command: tuple[str, ...], log: Path | None, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    with (log or Path(os.devnull)).open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=os.environ | variables, stdout=file,
            stderr=subprocess.STDOUT if log else None,
        )  # fmt: skip
