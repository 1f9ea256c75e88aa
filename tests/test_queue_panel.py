"""What a visitor sees of the queue, and what a forged event gets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demo import queue_panel, supervisor, train_view
from demo.components.queue_list import Lab
from demo.components.runs_table import RunsTable
from demo.queue_panel import CONTINUE, LATER, NOBODYS, OTHERS, START, TEST
from demo.run_settings import max_runs, max_waiting
from demo.visitor import Visitor
from diclam import checkpoint, launch, runs
from diclam.errors import ConfigError, RunError
from diclam.events import Finished, Paused, Started, Tested
from diclam.ledger import Ledger
from diclam.model import DiCLAM
from diclam.recipe import TrainConfig
from diclam.runs import Run
from diclam.waiting import Queue, Ticket
from tests.conftest import small_config

MINE, YOURS, ADMIN = "0" * 32, "1" * 32, "the owner"
CONFIG = small_config(budget=60.0)
STARTED = Started("report", 60.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    return tmp_path / "runs"


def write(folder: Path, token: str = "") -> Run:
    """A run that goes on, as far as this process lives."""
    folder.mkdir(parents=True)
    (folder / runs.EVENTS).write_text(STARTED.to_json() + "\n")
    Run(folder).claim(os.getpid())
    Ledger(folder.parent).own(folder.name, token)
    return Run(folder)


def seen(token: str, name: str = "") -> Lab:
    queue = Queue()
    tokens = {"own": MINE, "admin": ADMIN} if token == ADMIN else {"own": token}
    return queue_panel.lab(queue, runs.going_on(), queue.ledger.notes(), queue.line(), tokens, name)


def test_everybody_sees_the_queue_and_their_own_places_in_it(root: Path) -> None:
    write(root / "2001", MINE)
    Ledger().rename("2001", "<b>first</b>")
    Queue().ask(CONFIG, YOURS)
    Queue().ask(small_config(budget=90.0, seed=7), MINE)
    lab = seen(MINE, "2000")
    assert [(going.run, going.words) for going in lab.going] == [("2001", "<b>first</b>")]
    assert [place.mine for place in lab.waiting] == [False, True]
    assert lab.waiting[1].words.startswith("recipe report, seed 7, 1 min 30 s: starts in about ")
    assert [place.mine for place in seen(YOURS).waiting] == [True, False]
    owner = seen(ADMIN).waiting
    assert [(place.mine, place.may_withdraw) for place in owner] == [(False, True), (True, True)]
    assert seen(MINE, "2001").going == ()
    run = runs.find("2001")
    run.request_pause()
    (run.path / runs.EVENTS).write_text(Paused(1, 0.5).to_json() + "\n")
    assert [going.words for going in seen(MINE, "2000").going] == ["<b>first</b>, paused"]
    assert "after the paused run goes on" in seen(MINE, "2000").waiting[0].words


def test_it_is_said_why_a_run_cannot_be_stopped(root: Path) -> None:
    write(root / "2001", MINE)
    assert [seen(token, "2001").note for token in (MINE, ADMIN, YOURS, "")] == ["", "", OTHERS, OTHERS]
    write(root / "2002")
    assert [seen(token, "2002").note for token in (MINE, ADMIN)] == [NOBODYS, ""]


def test_its_owner_is_offered_to_continue_what_was_cut_off(root: Path) -> None:
    run = write(root / "2001", MINE)
    (run.path / runs.STATE).touch()
    assert not seen(MINE, "2001").resume
    (run.path / "process").unlink()
    assert [seen(token, "2001").resume for token in (MINE, ADMIN, YOURS, "")] == [CONTINUE, CONTINUE, "", ""]
    assert not any(seen(MINE, name).resume for name in ("", "../2001", "2002"))


def test_its_owner_is_offered_the_test_that_a_stop_left_out(root: Path) -> None:
    run = write(root / "2001", MINE)
    (run.path / runs.INFO).write_text(json.dumps({"config": CONFIG.to_dict()}))
    checkpoint.save(run.path, DiCLAM())
    with (run.path / runs.EVENTS).open("a") as file:
        file.write(Finished("stopped", 9, 0.5, 41.0, 9000, 0.5).to_json() + "\n")
    (run.path / "process").unlink()
    assert [seen(token, "2001").resume for token in (MINE, ADMIN, YOURS, "")] == [TEST, TEST, "", ""]
    write(root / "2002", YOURS)  # which goes on
    assert isinstance(Queue().ask_to_go_on(run, MINE), Ticket)
    assert seen(MINE, "2001").resume == ""
    assert seen(MINE).waiting[0].words.startswith("2001, to be tested: starts in ")
    with (run.path / runs.EVENTS).open("a") as file:
        file.write(Tested(0.5, 0.5, 0.5, 0.5, 9.0).to_json() + "\n")
    assert seen(MINE, "2001").resume == ""


class Page:
    """The list beside parts that only stand for something."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            self.panel = queue_panel.build(lambda *_: {})
            names = list(train_view.Parts.__annotations__)
            self.parts = train_view.Parts(**{name: gr.State() for name in names})  # pyright: ignore[reportArgumentType]
            queue_panel.wire(self.panel, self.parts, Visitor(*(gr.State() for _ in range(5))), RunsTable())  # pyright: ignore[reportArgumentType]
        self.known: Any = self.panel.feed.value

    def look(self, tokens: Any = None) -> dict[Any, Any]:
        """What comes of asking for news once, as the visitor MINE, or another, who has the run 2000 before them."""
        tokens = tokens or {"own": MINE}
        asked = {"known": self.known, "run": "2000", "tokens": tokens}
        if getattr(self.panel.feed, "look")(asked) is None:  # noqa: B009
            return {}
        [update] = [fn.fn for fn in self.blocks.fns.values() if (self.panel.feed._id, "more") in fn.targets]
        assert update is not None
        found = update(tokens, "2000", self.known, None)
        self.known = json.loads(json.dumps(found[self.panel.feed]))
        return found


def test_nothing_new_is_not_sent_again(root: Path) -> None:
    page = Page()
    assert page.look()[page.parts.start].value == START
    assert page.look() == {}
    write(root / "2001", YOURS)
    second = page.look()
    assert second[page.parts.start].value == LATER
    assert second[page.panel.list].going
    assert page.look() == {}


def test_a_run_of_this_visitor_that_begins_is_shown_and_another_s_is_not(root: Path) -> None:
    page = Page()
    write(root / "2001", MINE)  # before this page came
    assert page.parts.shown_run not in page.look()
    write(root / "2002", YOURS)
    assert page.parts.shown_run not in page.look()
    write(root / "2003", MINE)
    assert page.look()[page.parts.shown_run] == "2003"
    assert page.look() == {}


def test_the_servers_owner_is_not_torn_away_by_what_others_start(root: Path) -> None:
    page = Page()
    owner = {"own": MINE, "admin": ADMIN}
    page.look(owner)
    write(root / "2001", YOURS)
    assert page.parts.shown_run not in page.look(owner)
    write(root / "2002", MINE)
    assert page.look(owner)[page.parts.shown_run] == "2002"


@pytest.mark.parametrize("known", [None, [], "x", {"mark": 7, "going": 7}, {"mark": None, "going": [None]}])
def test_a_page_that_knows_nothing_true_is_sent_the_queue(root: Path, known: object) -> None:
    page = Page()
    page.known = known
    assert page.panel.list in page.look()


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.5", "many", "", "²"])
@pytest.mark.parametrize(("name", "read", "most"), [("RUNS", max_runs, 16), ("WAITING", max_waiting, 1000)])
def test_an_impossible_number_of_runs_is_said_when_the_page_is_built(
    monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[], int], most: int, text: str
) -> None:
    monkeypatch.setenv(f"DICLAM_MAX_{name}", text)
    with pytest.raises(ConfigError, match=f"MAX_{name} must be a whole number, 1 to {most}; got '{text}'"), gr.Blocks():
        queue_panel.build(lambda *_: {})
    monkeypatch.setenv(f"DICLAM_MAX_{name}", str(most))
    assert read() == most


def test_as_many_wait_as_the_server_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root / "2001", MINE)
    monkeypatch.setenv("DICLAM_MAX_WAITING", "1")
    queue_panel.queue().ask(CONFIG, YOURS)
    with pytest.raises(RunError, match="queue is full: 1 starts"):
        queue_panel.queue().ask(CONFIG, MINE)
    monkeypatch.delenv("DICLAM_MAX_WAITING")
    for k in range(2, 41):
        queue_panel.queue().ask(CONFIG, f"{k:032}")
    with pytest.raises(RunError, match="queue is full: 40 starts"):
        queue_panel.queue().ask(CONFIG, MINE)


def test_a_start_that_fails_does_not_end_the_looking_after(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write(root / "2001", MINE)
    Queue().ask(CONFIG, MINE)
    (run.path / "process").unlink()

    def full(run: Run, config: TrainConfig) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(launch, "begin", full)
    assert "disk full" in supervisor.look(Queue())
    assert len(Queue().line()) == 1
    monkeypatch.setattr(launch, "begin", lambda run, config: run.claim(os.getpid()))
    assert supervisor.look(Queue()) == ""
    assert Queue().line() == []
