"""Pages that come and go leave nothing behind in the app: no process, no open file, no memory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread

import httpx
import psutil

from benchmarks.app import Session, free_port
from diclam import runs
from diclam.events import Started, Step
from diclam.recipe import config
from tests.serving import serving

LOADS = 200
# The app, but with room for fewer pages, so that it is full before its memory is looked at.
COMMAND = """
from demo import interface, supervisor
interface.MAX_SESSIONS = 40
supervisor.start()
interface.build().launch(**interface.launch_options())
"""
# What the second hundred loads may leave behind in all: a connection of the last one that is closing, an allocator's noise.
# Seen on a busy machine are none, and 2 to 4 MB; a tenth of a megabyte a load would be too much.
FILES, MEGABYTES = 1, 10.0


def write_run(root: Path) -> Path:
    """One that has learned for a while, so that there are curves to show."""
    folder = root / "2001-01-01_a"
    folder.mkdir(parents=True)
    (folder / runs.INFO).write_text(json.dumps({"config": config("fast", budget=60.0).to_dict()}))
    events = [Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)]
    events += [Step(k, k / 10, 2.0 - k / 100, 1e-3, 1.0, 300.0, float(k), k / 600) for k in range(1, 20)]
    (folder / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    return folder


@contextmanager
def learning(folder: Path) -> Iterator[None]:
    """The run goes on, as far as anybody can see, and tells of a step ten times a second."""
    runs.Run(folder).claim(os.getpid())
    over = Event()

    def tell() -> None:
        for k in count(20):
            if over.wait(0.1):
                return
            with (folder / runs.EVENTS).open("a") as file:
                file.write(Step(k, k / 10, 1.8, 1e-3, 1.0, 300.0, k / 10, k / 60_000).to_json() + "\n")

    trainer = Thread(target=tell)
    trainer.start()
    try:
        yield
    finally:
        over.set()
        trainer.join()


class Visitor:
    """Opens the page as a browser does: its heartbeat, what it asks for when it loads, and then again and again."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        config = client.get("/config").json()
        listeners = config["dependencies"]
        asked = [one for one in listeners if one["backend_fn"] and "load" in {event for _, event in one["targets"]}]
        # The first shows the run; with it the server begins a session.
        self.asked = sorted(asked, key=lambda one: one["api_name"] != "attach")
        self.feeds = [one["id"] for one in config["components"] if "look" in one["props"].get("server_fns", [])]

    def open_and_leave(self, *, early: bool) -> None:
        """`early`: as soon as the run is shown, without all else that the page asks for."""
        self.client.get("/").raise_for_status()
        session = Session(self.client)
        with self.client.stream("GET", f"/gradio_api/heartbeat/{session.name}") as alive:
            next(alive.iter_raw())
            for one in self.asked[:1] if early else self.asked:
                answer = session.ask(one["id"], [None] * len(one["inputs"]), queued=one["queue"])
                assert answer.success, answer.output
            for feed in [] if early else self.feeds:
                body = {"component_id": feed, "fn_name": "look", "session_hash": session.name}
                news = self.client.post("/gradio_api/component_server", json=body | {"data": {"known": None}})
                assert news.json()["more"]


def test_two_hundred_loads_beside_a_run_leave_nothing_behind(tmp_path: Path) -> None:
    run = write_run(tmp_path / "root")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        learning(run),
        serving(tmp_path, port, "-c", COMMAND) as app,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        visitor, process = Visitor(client), psutil.Process(app.pid)
        assert visitor.asked[0]["api_name"] == "attach"
        assert len(visitor.asked) >= 2
        assert len(visitor.feeds) == 2
        looks = []
        for _ in range(2):
            for k in range(LOADS // 2):
                visitor.open_and_leave(early=k % 4 != 0)
            looks.append((process.num_fds(), process.memory_info().rss / 1e6))
        deadline = time.monotonic() + 20
        while process.num_fds() > looks[0][0] and time.monotonic() < deadline:
            time.sleep(0.1)  # The last connection may take a moment to close.
        looks[1] = (process.num_fds(), looks[1][1])
        assert not process.children()
    (files, megabytes), (files_later, megabytes_later) = looks
    assert files_later - files <= FILES, looks
    assert megabytes_later - megabytes <= MEGABYTES, looks
