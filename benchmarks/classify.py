"""How long a visitor of Classify waits for an answer: python -m benchmarks.classify [--pictures 60] [--visitors 20]

Starts the app and asks it over HTTP for what a browser asks for. An upload is timed from sending the file to the last byte
of its answer with all attention maps, which is everything but the maps of hiding, that are made when they are looked at;
another square of the same picture from the request on. One visitor, then many who upload at the same moment; both alone, and
while a run trains as one does that was started on the page. Prints a table and keeps the figures in
benchmarks/results/classify.json. The machine should have nothing else to do: the visitors share its processor with the app
as it is.
"""

from __future__ import annotations

import argparse
import io
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks import machine
from benchmarks.app import SECONDS, Session, running
from benchmarks.rows import RESULTS
from demo.examples import PHOTOGRAPHS
from demo.models import BUNDLED
from diclam import launch
from diclam.data import is_cached
from diclam.events import Step
from diclam.files import replacing
from diclam.recipe import config

FILE = RESULTS / "classify.json"
WARM = 5
"""Pictures before the clock starts: the first one loads the model and its test."""
SIZE = (1600, 1200)
"""Width and height of what is uploaded, in pixels."""
SQUARES = ([0.1, 0.1, 0.5], [0.2, 0.1, 0.5], [0.3, 0.1, 0.5])
"""Other squares of a picture: left, top, size."""


class Visitor:
    """What a browser with one open page asks the app for."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._session = Session(http)
        page = http.get("/config").raise_for_status().json()
        self._listener = answering(page)
        self._path = ""

    def upload(self, picture: bytes) -> float:
        """-> seconds until the answer was there. Raises RuntimeError when there was none, httpx.HTTPError."""
        start = time.perf_counter()
        sent = self._http.post("/gradio_api/upload", files={"files": ("picture.jpg", picture, "image/jpeg")})
        (self._path,) = sent.raise_for_status().json()
        self._ask(None)
        return time.perf_counter() - start

    def move(self, square: Sequence[float]) -> float:
        """Another square of the picture that was uploaded last -> seconds. Raises as `upload` does."""
        start = time.perf_counter()
        self._ask(square)
        return time.perf_counter() - start

    def _ask(self, square: Sequence[float] | None) -> None:
        file = {"path": self._path, "meta": {"_type": "gradio.FileData"}}
        question = json.dumps({"name": self._path, "square": square})
        answer = self._session.ask(self._listener, [BUNDLED, file, question])
        if not answer.success:
            raise RuntimeError(f"There was no answer: {answer.output}")


def answering(page: dict[str, Any]) -> int:
    """The number of the listener that answers a picture, in what the app says of its page."""
    ids = {block["props"].get("elem_id"): block["id"] for block in page["components"]}
    (listener,) = (
        listener["id"]
        for listener in page["dependencies"]
        if listener["backend_fn"]
        and listener["inputs"][:2] == [ids["dc-model"], ids["dc-picture"]]
        and ids["dc-sentence"] in listener["outputs"]
    )
    return listener


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60, help="uploads in each row of the table; at least one a visitor")
    parser.add_argument("--visitors", type=int, default=20, help="how many come at once")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine, too; the table says so")
    options = parser.parse_args()
    if not is_cached():
        parser.error("the data set is not here; fetch it with `python -m diclam data`")
    machine.insist_on_quiet(options.anyway)
    brought = pictures()
    others = machine.Others()
    rows = []
    with running() as app:
        connect = partial(httpx.Client, base_url=app.url, timeout=SECONDS)
        visitor = Visitor(connect())
        for picture in islice(brought, WARM):
            visitor.upload(picture)

        def measure(when: str) -> None:
            rows.append(alone(f"one visitor{when}", visitor, list(islice(brought, options.pictures))))
            each = max(1, options.pictures // options.visitors)
            piles = [list(islice(brought, each)) for _ in range(options.visitors)]
            rows.append(together(f"{options.visitors} visitors at once{when}", connect, piles))

        measure("")
        with training():
            measure(", while a run trains")
    result = {"rows": rows, "others": others.cores(), **machine.describe()}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with replacing(FILE) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def pictures() -> Iterator[bytes]:
    """JPEGs without end, none of which the app has seen: the photographs of the project, enlarged, with the noise of a
    camera; each ends with bytes of its own, which no decoder reads."""
    made = []
    dice = np.random.default_rng(0)
    for photograph in PHOTOGRAPHS:
        with Image.open(photograph.path) as image:
            large = np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
        file = io.BytesIO()
        noisy = (large + dice.integers(-4, 5, large.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(file, "JPEG", quality=80)
        made.append(file.getvalue())
    while True:
        yield from (picture + secrets.token_bytes(16) for picture in made)


def alone(name: str, visitor: Visitor, brought: Sequence[bytes]) -> dict[str, Any]:
    """One picture after another, and one other square of each. An error ends the benchmark."""
    uploads, moves = [], []
    for k, picture in enumerate(brought):
        uploads.append(visitor.upload(picture))
        moves.append(visitor.move(SQUARES[k % len(SQUARES)]))
    return row(name, uploads, moves)


def together(name: str, connect: Callable[[], httpx.Client], piles: Sequence[Sequence[bytes]]) -> dict[str, Any]:
    """All visitors start at the same moment; each waits for an answer before the next upload."""
    start = Barrier(len(piles))

    def visit(pile: Sequence[bytes]) -> list[float | None]:
        with connect() as http:
            try:
                visitor = Visitor(http)
            finally:
                start.wait(SECONDS)
            return [_tried(visitor, picture) for picture in pile]

    with ThreadPoolExecutor(len(piles)) as pool:
        waits = [seconds for own in pool.map(visit, piles) for seconds in own]
    answered = [seconds for seconds in waits if seconds is not None]
    return row(name, answered, [], errors=len(waits) - len(answered))


def _tried(visitor: Visitor, picture: bytes) -> float | None:
    """Seconds, or None when there was no answer."""
    try:
        return visitor.upload(picture)
    except (RuntimeError, httpx.HTTPError):
        return None


@contextmanager
def training() -> Iterator[None]:
    """Inside the block a run trains as it does when a visitor starts it."""
    with tempfile.TemporaryDirectory() as folder:
        run = launch.start(config("fast", budget=600), Path(folder))
        try:
            deadline = time.monotonic() + SECONDS
            while not any(isinstance(event, Step) for event in run.events()):
                if not run.alive() or time.monotonic() > deadline:
                    raise RuntimeError(f"The run did not begin: {run.status()}")
                time.sleep(0.2)
            yield
        finally:
            run.terminate()


def row(name: str, uploads: Sequence[float], moves: Sequence[float], errors: int = 0) -> dict[str, Any]:
    """Seconds of each answer -> p50 and p95 in milliseconds; None without any."""

    def quantiles(seconds: Sequence[float]) -> list[float] | None:
        return [1000 * float(np.quantile(seconds, q)) for q in (0.5, 0.95)] if seconds else None

    figures = {"upload_ms": quantiles(uploads), "square_ms": quantiles(moves)}
    return {"who": name, "uploads": len(uploads) + errors, "errors": errors, **figures}


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table with the machine below it."""
    lines = [
        "| who asks | uploads | errors | upload to answer, p50 | p95 | another square, p50 | p95 |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        times = [*(row["upload_ms"] or [None, None]), *(row["square_ms"] or [None, None])]
        cells = " | ".join("" if ms is None else f"{ms:.0f} ms" for ms in times)
        lines.append(f"| {row['who']} | {row['uploads']} | {row['errors']} | {cells} |")
    return "\n".join([*lines, "", f"Pictures of {SIZE[0]} x {SIZE[1]} pixels.", *machine.footnotes([result])])


if __name__ == "__main__":
    main()
