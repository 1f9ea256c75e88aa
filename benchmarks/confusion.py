"""How fast a cell of the confusion matrix opens, and how much its tab weighs: python -m benchmarks.confusion [--clicks 200]

Starts the app, then asks it over HTTP for what a browser asks for: the cells of the matrix in turn, one click after another
(time from the request to the last byte, pictures included), and everything that the tab needs when it is opened. Prints both
with the hardware. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from demo.models import BUNDLED
from diclam import recorder

ROOT = Path(__file__).parents[1]
SECONDS = 120
WARM = 10
"""Clicks before the clock starts: the first ones load the model's answers and the pictures."""


class Page:
    """What a browser with one open page asks the app for."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=SECONDS)
        self._session = uuid4().hex
        config = self._http.get("/config").json()
        self._kinds = {block["id"]: block["type"] for block in config["components"]}
        self._ids = {block["props"].get("elem_id"): block["id"] for block in config["components"]}
        self._listeners = config["dependencies"]
        self._values = {self._ids["dc-model"]: key, self._ids["dc-who"]: "both"}

    def click(self, real: int, said: int) -> int:
        """-> bytes of the answer"""
        (listener,) = self._on("dc-grid", "select", with_code=True)
        return self._ask(listener, {"real": [real], "said": [said]})

    def open(self) -> int:
        """Everything that opening the tab sends -> bytes of all answers"""
        (listener,) = self._on("dc-grid", "open", with_code=True)
        follow = [
            other
            for other in self._listeners
            if any(name == "change" and self._kinds[block] == "state" for block, name in other["targets"])
        ]
        return self._ask(listener, {}) + sum(self._ask(other, None) for other in follow)

    def _on(self, elem_id: str, name: str, *, with_code: bool) -> list[dict[str, Any]]:
        target = [self._ids[elem_id], name]
        return [d for d in self._listeners if target in d["targets"] and d["backend_fn"] == with_code]

    def _ask(self, listener: dict[str, Any], event: dict[str, Any] | None) -> int:
        question = {
            "fn_index": listener["id"],
            "data": [self._values.get(block) for block in listener["inputs"]],
            "event_data": event,
            "session_hash": self._session,
            "trigger_id": listener["targets"][0][0],
        }
        if listener["queue"] is False:
            answer = self._http.post("/gradio_api/run/predict", json=question)
            answer.raise_for_status()
            return len(answer.content)
        self._http.post("/gradio_api/queue/join", json=question).raise_for_status()
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                    assert message["success"], message
                    return len(line.encode())
        raise RuntimeError("The app ended its answer before it was complete.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=200, help="how many cells are opened")
    parser.add_argument("--model", default=BUNDLED, help="'bundled' or the name of a run")
    options = parser.parse_args()
    with running() as url:
        page = Page(url, options.model)
        weight = page.open()
        seconds, sizes = [], []
        for k in range(WARM + options.clicks):
            cell = divmod(37 * k % 100, 10)  # all hundred, neighbours far apart
            start = time.perf_counter()
            size = page.click(*cell)
            if k >= WARM:
                seconds.append(time.perf_counter() - start)
                sizes.append(size)
    print(table(np.array(seconds), np.array(sizes), weight))


def table(seconds: np.ndarray, sizes: np.ndarray, weight: int) -> str:
    """Times in seconds, sizes in bytes -> a Markdown table with the machine below it."""
    hardware = recorder.hardware()
    half, most = 1000 * np.quantile(seconds, [0.5, 0.95])
    return "\n".join(
        [
            "| what | p50 | p95 |",
            "|---|---|---|",
            f"| a click on a cell, answered ({len(seconds)} clicks) | {half:.0f} ms | {most:.0f} ms |",
            "| what it sends | {:.0f} kB | {:.0f} kB |".format(*np.quantile(sizes, [0.5, 0.95]) / 1000),
            f"| what opening the tab sends | {weight / 1000:.0f} kB | |",
            "",
            f"{hardware['processor']}, {hardware['cores']} cores, {hardware['memory_gib']} GiB",
        ]
    )


@contextmanager
def running(**variables: str) -> Iterator[str]:
    """The app in a process of its own, on a free port, with these environment variables -> its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, stdout=subprocess.DEVNULL,
        env=os.environ | {"GRADIO_SERVER_PORT": str(port)} | variables,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(url, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        else:
            sys.exit("The app did not start; try `python app.py`.")
        yield url
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
