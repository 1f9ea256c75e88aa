"""What somebody sends by hand to the page's private listeners: each gets a refusal in words, and changes nothing.

Through a real server, with everything that Gradio does to a request before a listener sees it.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from benchmarks.app import Session, free_port
from demo import visitor
from demo.components.news_feed import NewsFeed
from demo.interface import build, launch_options
from diclam import housekeeping, runs
from diclam.evaluate import FIGURES
from diclam.events import Started, Step
from diclam.ledger import Ledger
from diclam.recipe import config
from diclam.runs import Run
from diclam.waiting import MAX_OF_ONE, Queue

OWNER, STRANGER = {"own": "1" * 32}, {"own": "2" * 32}
GOING_ON, CUT_OFF, TESTED, DELETED = "2004-going-on", "2003-cut-off", "2002-tested", "2001-deleted"
STARTED = Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
NONSENSE: tuple[Any, ...] = (
    None,
    -1,
    10**30,
    0.5,
    float("nan"),
    True,
    "",
    "../x",
    "x" * 10_000,
    "\ud800",
    "a\0b",
    [1],
    {"a": 1},
)


@dataclass(frozen=True)
class Server:
    """A page with its runs: one of each kind, all of OWNER, of whom also a start waits."""

    page: gr.Blocks
    client: httpx.Client
    root: Path
    ticket: int

    def listener(self, elem_id: str, event: str) -> int:
        (found,) = [
            number
            for number, fn in self.page.fns.items()
            if fn.fn is not None and (self._block(elem_id)._id, event) in fn.targets
        ]
        return found

    def inputs(self, elem_id: str, event: str, tokens: Any) -> list[Any]:
        """What an honest page sends. A state is the server's own, whatever is sent."""
        blocks = self.page.fns[self.listener(elem_id, event)].inputs
        return [tokens if isinstance(block, gr.JSON) else getattr(block, "value", None) for block in blocks]

    def send(self, elem_id: str, event: str, data: list[Any], brought: Any = None, session: str = "") -> str | None:
        """-> why it was refused; '' when nobody says why, None when it was not refused."""
        number = self.listener(elem_id, event)
        answer = Session(self.client, session).ask(number, data, brought, queued=self.page.fns[number].queue)
        return None if answer.success else answer.output.get("error") or ""

    def opened(self, name: str) -> str:
        """-> the session of a page that shows this run."""
        session = uuid.uuid4().hex
        assert (
            self.send("dc-runs-table", "open", self.inputs("dc-runs-table", "open", STRANGER), {"name": name}, session)
            is None
        )
        return session

    def everything(self) -> list[Any]:
        """All that could have been changed."""
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "ledger" not in path.name and not path.name.endswith(".lock")
        }
        ledger = Ledger(self.root)
        return [files, ledger.notes(), ledger.board(), Queue(self.root).line()]

    def _block(self, elem_id: str) -> Any:
        (found,) = [block for block in self.page.blocks.values() if getattr(block, "elem_id", None) == elem_id]
        return found


def uploaded(path: str) -> dict[str, Any]:
    """What a page sends once a file was uploaded, of a file that was not."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def write(root: Path, name: str) -> Run:
    run = Run(root / name)
    run.path.mkdir(parents=True)
    (run.path / runs.INFO).write_text(json.dumps({"config": config("fast", budget=60.0).to_dict()}))
    (run.path / runs.EVENTS).write_text(STARTED.to_json() + "\n" + STEP.to_json() + "\n")
    Ledger(root).own(name, OWNER["own"])
    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, subprocess.Popen(["sleep", "600"]) as trainer:
        patch.setenv("DICLAM_RUNS", str(root))
        patch.delenv("DICLAM_ADMIN_TOKEN", raising=False)
        write(root, GOING_ON).claim(trainer.pid)
        (write(root, CUT_OFF).path / runs.STATE).touch()
        (write(root, TESTED).path / FIGURES).write_text(json.dumps({"accuracy": 0.5, "training_seconds": 60.0}))
        Ledger(root).enter(TESTED, "the owner")
        housekeeping.throw_away(write(root, DELETED))
        ticket = Queue(root).ask(config("fast", budget=60.0), OWNER["own"])
        assert not isinstance(ticket, Run)
        page = build()
        _, url, _ = page.launch(**launch_options(), server_port=free_port(), prevent_thread_lock=True, quiet=True)
        with httpx.Client(base_url=url, timeout=60) as client:
            yield Server(page, client, root, ticket.number)
        page.close(verbose=False)
        trainer.kill()


def test_another_visitor_changes_nothing(server: Server) -> None:
    before = server.everything()
    board, queue, table = "dc-board", "dc-queue", "dc-runs-table"
    for elem_id, event, shown, brought, words in (
        (board, "enter", TESTED, {"name": "mine now"}, "only they, or the owner of this server, can enter it"),
        (board, "remove", TESTED, {"run": TESTED}, "or take it off"),
        (queue, "withdraw", GOING_ON, {"number": server.ticket}, "Only the visitor who asked for this start"),
        (
            queue,
            "resume",
            CUT_OFF,
            {},
            "or the owner of this server, can continue it",
        ),
        (table, "retitle", TESTED, {"name": TESTED, "title": "x"}, "can change it"),
        (table, "keep", TESTED, {"name": TESTED, "pinned": True}, "can change it"),
        (table, "discard", TESTED, {"name": TESTED}, "can change it"),
        (table, "restore", TESTED, {"name": DELETED}, "can change it"),
        ("dc-stop", "click", GOING_ON, None, "only they, or the owner of this server, can stop it"),
        ("dc-pause", "click", GOING_ON, None, "only they, or the owner of this server, can stop it"),
    ):
        for tokens in (STRANGER, None, {"own": OWNER}, {"own": "", "admin": OWNER["own"]}):
            refused = server.send(elem_id, event, server.inputs(elem_id, event, tokens), brought, server.opened(shown))
            assert refused is not None, (elem_id, event, tokens)
            assert words in refused, (elem_id, event, tokens)
    assert server.everything() == before


@pytest.mark.parametrize(
    ("elem_id", "event", "field", "others"),
    [
        ("dc-board", "enter", "name", {}),
        ("dc-board", "remove", "run", {}),
        ("dc-queue", "watch", "run", {}),
        ("dc-queue", "withdraw", "number", {}),
        ("dc-runs-table", "open", "name", {}),
        ("dc-runs-table", "retitle", "name", {"title": "x"}),
        ("dc-runs-table", "retitle", "title", {"name": TESTED}),
        ("dc-runs-table", "keep", "name", {"pinned": True}),
        ("dc-runs-table", "discard", "name", {}),
        ("dc-runs-table", "restore", "name", {}),
        ("dc-runs-table", "take", "name", {}),
        ("dc-runs-table", "overlay", "names", {}),
    ],
)
def test_nonsense_is_refused_even_from_the_owner(
    server: Server, elem_id: str, event: str, field: str, others: dict[str, Any]
) -> None:
    before = server.everything()
    session = server.opened(GOING_ON)
    # Neither of these is the name of a run, but a title is any line of text, and an empty one takes it away.
    values = [value for value in NONSENSE if field != "title" or value not in ("", "../x")]
    for brought in (*({**others, field: value} for value in values), None, [], "text", 3):
        refused = server.send(elem_id, event, server.inputs(elem_id, event, OWNER), brought, session)
        assert refused, (brought, refused)
    assert server.everything() == before


@pytest.mark.parametrize(
    ("elem_id", "event", "brought"),
    [
        ("dc-axis", "input", NONSENSE),
        ("dc-bring-run", "upload", [*NONSENSE, *map(uploaded, ("/etc/passwd", "lab.sqlite"))]),
    ],
)
def test_what_no_field_of_the_page_can_hold_is_refused(server: Server, elem_id: str, event: str, brought: Any) -> None:
    before = server.everything()
    honest = server.inputs(elem_id, event, OWNER)
    place = 1 if elem_id == "dc-axis" else 0
    for value in brought:
        # Gradio itself refuses some of it, without a word.
        assert server.send(elem_id, event, [*honest[:place], value, *honest[place + 1 :]]) is not None, value
    assert server.everything() == before


def test_whoever_looks_at_the_challenge_is_answered_and_changes_nothing(server: Server) -> None:
    before = server.everything()
    for tokens in (STRANGER, {"own": OWNER}, *NONSENSE):
        honest = server.inputs("dc-board", "look", tokens)
        assert server.send("dc-board", "look", honest, {"run": TESTED}) is None, tokens
    assert server.everything() == before


def test_a_start_with_a_forged_setting_is_refused(server: Server) -> None:
    before = server.everything()
    honest = server.inputs("dc-start", "click", OWNER)
    for place in range(2, len(honest)):  # the tokens, and the run that is shown, come first
        for value in ("../x", float("nan"), 1e300, [1], {"a": 1}):
            data = [*honest[:place], value, *honest[place + 1 :]]
            assert server.send("dc-start", "click", data), (place, value)
    assert server.everything() == before


@pytest.mark.parametrize("tokens", [*NONSENSE, {}, {"own": None}, {"own": ""}, {"own": "1" * 31}, {"own": "G" * 32},
                                    {"own": "1" * 32 + "\n"}, {"own": ["1" * 32]}, {"admin": "1" * 32}])  # fmt: skip
def test_nobody_gets_a_run_or_a_place_that_is_nobodys(server: Server, tokens: Any) -> None:
    before = server.everything()
    for elem_id, event in (("dc-start", "click"), ("dc-bring-run", "upload")):
        refused = server.send(elem_id, event, server.inputs(elem_id, event, tokens)) or ""
        assert "Your browser did not say whose this is to be; reload the page" in refused, (elem_id, refused)
    refused = server.send("dc-queue", "resume", server.inputs("dc-queue", "resume", tokens), {}, server.opened(CUT_OFF))
    assert "Only the visitor who started this run" in (refused or "")
    assert server.everything() == before


def test_who_guesses_the_owners_token_is_told_so_and_keeps_no_page_waiting(server: Server) -> None:
    def guess(k: int) -> str:
        return server.send("dc-admin-enter", "click", [f"guess {k}"]) or ""

    with ThreadPoolExecutor(6) as pool:
        guesses = [pool.submit(guess, k) for k in range(6)]
        begun = time.monotonic()
        assert server.send("dc-queue", "watch", server.inputs("dc-queue", "watch", OWNER), {"run": GOING_ON}) is None
        assert all("not the token that DICLAM_ADMIN_TOKEN holds" in one.result() for one in guesses)
        assert time.monotonic() - begun < 6 * visitor.SECONDS_A_GUESS


def test_a_stranger_who_names_themselves_has_so_many_places(server: Server) -> None:
    before, another = server.everything()[1:], {"own": "3" * 32}
    honest = server.inputs("dc-start", "click", another)
    taken = [server.send("dc-start", "click", honest) for _ in range(MAX_OF_ONE + 1)]
    assert taken[:-1] == [None] * MAX_OF_ONE
    assert "starts of yours wait already" in (taken[-1] or "")
    for ticket in Queue(server.root).line()[1:]:
        assert ticket.belongs_to(another["own"])
        withdraw = server.inputs("dc-queue", "withdraw", another)
        assert server.send("dc-queue", "withdraw", withdraw, {"number": ticket.number}) is None
    assert server.everything()[1:] == before


@pytest.mark.parametrize("elem_id", ["dc-predictions", "dc-checkpoint", "dc-report"])
def test_a_download_is_of_the_run_that_the_page_shows_whatever_is_sent(server: Server, elem_id: str) -> None:
    before = server.everything()
    for value in (*NONSENSE, TESTED, f"../{TESTED}"):
        assert "There is no run ''" in (server.send(elem_id, "click", [value]) or ""), value
    if elem_id != "dc-report":  # any run with a curve has one
        session = server.opened(CUT_OFF)
        assert f"The run {CUT_OFF}" in (server.send(elem_id, "click", [TESTED], session=session) or "")
    assert server.everything() == before


@pytest.mark.parametrize("value", [None, "../x", {"a": 1}])
def test_nonsense_in_all_places_of_any_listener_changes_nothing(server: Server, value: Any) -> None:
    before = server.everything()
    asked = 0
    for number, fn in server.page.fns.items():
        if fn.fn is not None:
            Session(server.client).ask(number, [value] * len(fn.inputs), value, queued=fn.queue)
            asked += 1
    assert asked > 50
    assert server.everything() == before


@pytest.mark.parametrize("asked", [None, 7, [], "x", {}, {"known": [{}], "run": {"a": 1}, "tokens": [OWNER]},
                                   {"known": {"name": "../.."}, "run": "../..", "tokens": {"own": 7}},
                                   {"known": {"name": "x" * 10_000}, "run": "x" * 10_000, "tokens": "x"}])  # fmt: skip
def test_whatever_asks_for_news_gets_an_answer_that_changes_nothing(server: Server, asked: object) -> None:
    before = server.everything()
    feeds = [block._id for block in server.page.blocks.values() if isinstance(block, NewsFeed)]
    assert len(feeds) == 2
    for feed in feeds:
        body = {"component_id": feed, "fn_name": "look", "session_hash": uuid.uuid4().hex, "data": asked}
        answer = server.client.post("/gradio_api/component_server", json=body)
        assert answer.is_success, answer.text
        assert answer.json()["more"]
    assert server.everything() == before
