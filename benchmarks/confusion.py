"""How fast a cell of the confusion matrix opens, and how much its tab weighs: python -m benchmarks.confusion [--clicks 200]

Starts the app, then asks it over HTTP for what a browser asks for: the cells of the matrix in turn, one click after another
(time from the request to the last byte, pictures included), and everything that the tab needs when it is opened. Prints both
with the hardware. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import httpx
import numpy as np

from benchmarks.app import SECONDS, Session, running
from demo.models import BUNDLED
from diclam import provenance

WARM = 10
"""Clicks before the clock starts: the first ones load the model's answers and the pictures."""


class Page:
    """What a browser with one open page asks the app for."""

    def __init__(self, url: str, key: str) -> None:
        http = httpx.Client(base_url=url, timeout=SECONDS)
        self._session = Session(http)
        config = http.get("/config").json()
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
        data = [self._values.get(block) for block in listener["inputs"]]
        trigger = listener["targets"][0][0]
        answer = self._session.ask(listener["id"], data, event, trigger=trigger, queued=listener["queue"] is not False)
        assert answer.success, answer.output
        return answer.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=200, help="how many cells are opened")
    parser.add_argument("--model", default=BUNDLED, help="'bundled' or the name of a run")
    options = parser.parse_args()
    with running() as app:
        page = Page(app.url, options.model)
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
    hardware = provenance.hardware()
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


if __name__ == "__main__":
    main()
