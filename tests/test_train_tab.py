"""The Train tab shows what a run's folder says, whoever asks and whenever, and refuses what it cannot start."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demo import train_tab
from demo.components.figure_cards import FigureCards
from demo.components.news_feed import NewsFeed
from demo.components.plotly_figure import PLOTLY_JS, PlotlyFigure
from demo.components.raw_number import RawNumber
from demo.components.run_status import RunStatus
from demo.more_curves import MEASURES
from demo.queue_panel import LATER
from demo.run_report import EMPTY, Progress, Report
from demo.run_settings import FIRST
from demo.seen import Seen
from demo.train_view import CONTINUING, PAUSING, STOPPING
from diclam import checkpoint, launch, runs
from diclam.errors import ConfigError
from diclam.events import (
    Continued,
    Event,
    Failed,
    Fetching,
    Finished,
    Paused,
    Probing,
    Started,
    Step,
    Tested,
    Testing,
    Validated,
)
from diclam.ledger import Ledger
from diclam.model import DiCLAM, ModelConfig
from diclam.recipe import RECIPES, TrainConfig
from diclam.runs import Run
from diclam.tokens import hashed
from tests.test_pinned_section import album, snapshot
from tests.test_pinned_section import write as write_album

STARTED = Started("report", 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
VALIDATED = Validated(10, 1.0, 2.0, 0.3, 500, 12.0, True)
FINISHED = Finished("time", 20, 2.0, 60.0, 320, 0.3)
TESTED = Tested(0.4, 0.41, 0.42, 0.43, 3.0)


class Page:
    """The tab, with its listeners called as a browser would."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            self.tab = train_tab.build()
        self.state = {"name": "", "seen": None}
        self.tokens = {"own": "0" * 32}

    def part(self, elem_id: str) -> Any:
        return next(block for block in self.blocks.blocks.values() if getattr(block, "elem_id", None) == elem_id)

    @property
    def feed(self) -> NewsFeed:
        """The one of the run; the queue has its own."""
        return next(block for block in self.blocks.blocks.values() if isinstance(block, NewsFeed) and block.value is None)

    @property
    def asks_again(self) -> bool:
        return bool(self.state["seen"] and self.state["seen"]["again"])

    def look(self, known: Any) -> dict[str, Any] | None:
        """What the feed gives who asks for news."""
        return getattr(self.feed, "look")({"known": known, "run": "", "tokens": self.tokens})  # noqa: B009

    def listener(self, block: Any, event: str) -> Callable[..., Any]:
        """The Python side of an event; some have a second listener in the browser alone."""
        found = [fn.fn for fn in self.blocks.fns.values() if (block._id, event) in fn.targets and fn.fn is not None]
        assert len(found) == 1
        return found[0]  # pyright: ignore[reportReturnType]

    def load(self) -> dict[str, Any]:
        return self._shown(self.listener(self.blocks, "load")(self.tokens))

    def tick(self) -> dict[str, Any]:
        """What one tick leads to. All that it brings by itself is held to be what the whole way would bring."""
        news = self.look(self.state["seen"])
        whole = self.listener(self.feed, "more")(self.tokens, self.state["name"], self.state["seen"])
        if news is None:
            assert whole == gr.skip()
        elif news["more"]:
            assert not news["parts"]
        else:
            assert set(news["parts"]) == {block.elem_id for block in whole if block is not self.feed}
            assert Seen.read(news["known"]) == Seen.read(whole[self.feed])
        return self._shown(whole)

    def start(self, recipe: object = "report", seconds: object = 30, seed: object = 0) -> dict[str, Any]:
        return self._shown(
            self.listener(self.part("dc-start"), "click")(self.tokens, self.state["name"], recipe, seconds, seed)
        )

    def stop(self) -> dict[str, Any]:
        return self._shown(self.listener(self.part("dc-stop"), "click")(self.tokens, self.state["name"], self.state["seen"]))

    def _shown(self, changes: Any) -> dict[str, Any]:
        """What was sent, by elem_id; the visitor's own state is kept aside."""
        if changes == gr.skip():
            return {}
        named = {block.elem_id: value for block, value in changes.items()}
        self.state["name"] = changes.get(self.tab.shown_run, self.state["name"])
        if self.feed in changes:
            self.state["seen"] = changes[self.feed]
        for block, value in changes.items():
            if isinstance(block, RunStatus | PlotlyFigure | FigureCards):
                block.postprocess(value)  # raises when it is not the component's kind of value
        return {name: value for name, value in named.items() if name is not None}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("DICLAM_MAX_BUDGET", raising=False)
    return tmp_path / "runs"


@pytest.fixture
def page() -> Page:
    return Page()


def write(folder: Path, *events: Event, alive: bool = False) -> Run:
    """A run folder as a trainer leaves it; a living one belongs to this very process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)
    run = Run(folder)
    if alive:
        run.claim(os.getpid())
    Ledger(folder.parent).own(run.name, "0" * 32)
    return run


def end(run: Run) -> None:
    (run.path / "process").unlink()


def test_before_the_first_run_the_page_says_what_start_does(page: Page) -> None:
    assert page.part("dc-run").value["sentence"] == EMPTY.sentence
    assert page.load() == {"dc-pinned": None}  # or it would take away what was started meanwhile
    assert page.state == {"name": "", "seen": None}
    for figure in ("dc-loss", "dc-accuracy"):
        assert page.part(figure).value["layout"]["xaxis"]["range"]  # axes, and no blank


def test_a_fresh_page_attaches_to_the_run_that_is_going_on(page: Page, root: Path) -> None:
    write(root / "2001", STARTED, STEP, alive=True)
    write(root / "2002", STARTED, STEP, FINISHED, TESTED)
    shown = page.load()
    assert page.state["name"] == "2001"
    assert page.asks_again
    assert (shown["dc-stop"].value, shown["dc-stop"].interactive) == ("Stop", True)
    assert shown["dc-run"].sentence == "Training on 40,000 pictures."


def test_a_fresh_page_shows_the_last_run_and_its_results(page: Page, root: Path) -> None:
    write(root / "2001", STARTED, STEP, FINISHED, TESTED)
    checkpoint.save(write(root / "2002", STARTED, STEP, VALIDATED, FINISHED, TESTED).path, DiCLAM(ModelConfig()))
    (root / "zzz-no-run").mkdir()
    shown = page.load()
    assert page.state["name"] == "2002"
    assert not page.asks_again
    assert not shown["dc-stop"].interactive
    assert shown["dc-results"].visible
    assert shown["dc-predictions"].interactive
    assert dict(shown["dc-figures"])["Accuracy"] == "40.0 %"
    assert "the time limit was reached" in shown["dc-run"].sentence


def test_a_tick_with_nothing_new_sends_nothing(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, alive=True)
    assert page.load()
    assert page.tick() == {}
    write(run.path, STEP)
    assert page.tick()
    assert page.tick() == {}


def test_a_tick_sends_only_what_changed(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, alive=True)
    page.load()
    write(run.path, STEP)
    assert set(page.tick()) == {"dc-run", "dc-loss", *MEASURES}
    write(run.path, VALIDATED)
    assert set(page.tick()) == {"dc-run", "dc-loss", "dc-accuracy"}
    write(run.path, FINISHED)
    assert "dc-stop" in page.tick()
    write(run.path, Testing(500, 10_000))
    assert set(page.tick()) == {"dc-run"}


def test_the_curves_grow_with_the_run_and_keep_their_zoom(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, alive=True)
    first = page.load()["dc-loss"]
    write(run.path, STEP, VALIDATED)
    second = page.tick()["dc-loss"]
    assert (second.key, second.start, second.count) == (first.layout.uirevision, first.layout.datarevision, 3)
    assert [len(points["x"]) for points in second.points] == [1, 0, 1]


def test_a_tick_of_a_long_run_is_small(page: Page, root: Path) -> None:
    steps = [
        Step(
            3 * k, k / 250, 2.123456789, 1.23456789e-3, 1.23456789, 301.23456789, 0.6 * k, k / 1000, [0.51234, 0.48766], 0.2
        )
        for k in range(1, 1000)
    ]
    run = write(root / "2001", STARTED, *steps[:-4], VALIDATED, alive=True)
    page.load()
    write(run.path, *steps[-4:], VALIDATED)
    sent = page.look(page.state["seen"])
    assert sent is not None
    assert set(sent["parts"]) == {"dc-run", "dc-loss", "dc-accuracy", *MEASURES}
    assert len(json.dumps(sent, default=list)) < 5000


def test_a_tick_with_a_snapshot_after_many_validations_is_small(page: Page, root: Path) -> None:
    looks = [replace(VALIDATED, step=3 * k, epoch=k / 100, seconds=0.1234 * k, accuracy=k / 500) for k in range(1, 400)]
    run = write(root / "2001", STARTED, STEP, *looks[:-1], alive=True)
    write_album(run.path, album(snapshot(0)))
    page.load()
    write(run.path, STEP, looks[-1])
    write_album(run.path, album(snapshot(0), snapshot(4)))
    for parts in ({"dc-run", "dc-pinned"}, {"dc-run", "dc-loss", "dc-accuracy", *MEASURES}):
        sent = page.look(page.state["seen"])
        assert sent is not None
        assert set(sent["parts"]) == parts
        assert len(json.dumps(sent, default=list)) < 5000
        shown = page.tick()
    assert [growth.count for growth in (shown["dc-loss"], shown["dc-accuracy"])] == [401, 399]
    assert page.tick() == {}


def test_each_phase_is_followed_to_the_end(page: Page, root: Path) -> None:
    run = write(root / "2001", alive=True)
    sentences = [page.load()["dc-run"].sentence]
    for event in (Fetching("somewhere", 1, 2, "files"), STARTED, FINISHED, TESTED):
        write(run.path, event)
        sentences.append(page.tick()["dc-run"].sentence)
    assert len(set(sentences)) == len(sentences)
    checkpoint.save(run.path, DiCLAM(ModelConfig()))
    end(run)
    last = page.tick()
    assert last["dc-results"].visible
    assert not page.asks_again


def test_what_comes_before_the_training_and_pinned_pictures_need_no_event(page: Page, root: Path) -> None:
    run = write(root / "2001", alive=True)
    page.load()

    def fed() -> set[str]:
        news = page.look(page.state["seen"])
        assert news is not None
        shown = page.tick()
        assert set(news["parts"]) == (set() if news["more"] else set(shown))
        return set(news["parts"])

    write(run.path, Fetching("somewhere", 1, 2, "files"))
    assert "dc-run" in fed()
    write(run.path, Probing())
    assert "dc-run" in fed()
    write(run.path, STARTED)
    assert not fed()  # The buttons change with it.
    for kept in (album(snapshot(0)), album(snapshot(0), snapshot(1))):
        write_album(run.path, kept)
        assert "dc-pinned" in fed()


def test_a_run_that_is_gone_gives_way_to_what_a_fresh_page_shows(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, alive=True)
    page.load()
    shutil.rmtree(run.path)
    shown = page.tick()
    assert shown["dc-run"] == EMPTY
    assert list(shown["dc-loss"].data[0].x) == []
    assert (shown["dc-stop"].interactive, shown["dc-results"].visible) == (False, False)
    write(root / "2002", STARTED, STEP, alive=True)
    page.tick()
    assert page.state["name"] == "2002"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"event": "Step"}\n', b"null\n"])
def test_a_corrupt_run_folder_breaks_nothing(page: Page, root: Path, content: bytes) -> None:
    (root / "2001").mkdir(parents=True)
    for name in ("events.jsonl", "run.json", "process", "evaluation.json", "predictions.csv"):
        (root / "2001" / name).write_bytes(content)
    shown = page.load()
    assert "without a word" in shown["dc-run"].sentence
    assert not shown["dc-results"].visible


@pytest.mark.parametrize("seconds", [-1, 1e9, None, "soon", float("nan")])
def test_an_impossible_budget_is_a_message_and_no_run(page: Page, root: Path, seconds: object) -> None:
    with pytest.raises(gr.Error, match="15 to 600 seconds"):
        page.start(seconds=seconds)
    assert not root.exists()


def test_the_servers_own_limit_holds_for_forged_starts(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_MAX_BUDGET", "20")
    with pytest.raises(gr.Error, match="15 to 20 seconds; got 30"):
        page.start(seconds=30)


def test_start_begins_the_run_that_was_set(page: Page, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TrainConfig] = []

    def begin(run: Run, config: TrainConfig) -> None:
        asked.append(config)
        write(run.path, alive=True)

    monkeypatch.setattr(launch, "begin", begin)
    shown = page.start("report", 45, 7)
    assert [(config.recipe, config.budget, config.seed) for config in asked] == [("report", 45.0, 7)]
    assert asked[0].holdout == RECIPES["report"].holdout
    assert [page.state["name"]] == [run.name for run in runs.list_runs()]
    assert page.asks_again
    assert shown["dc-stop"].interactive


def test_a_second_start_waits_and_shows_the_run_that_is_going_on(page: Page, root: Path) -> None:
    write(root / "2001", STARTED, STEP, alive=True)
    shown = page.start()
    assert page.state["name"] == "2001"
    assert page.asks_again
    assert [place.mine for place in shown["dc-queue"].waiting] == [True]
    assert shown["dc-start"].value == LATER
    assert [run.name for run in runs.list_runs()] == ["2001"]


def test_stop_is_the_owners(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, alive=True)
    for tokens in ({"own": "1" * 32}, {"own": ""}, {}, None, [], {"own": Ledger().owner("2001")}):
        page.tokens = tokens  # pyright: ignore[reportAttributeAccessIssue]
        assert not page.load()["dc-stop"].interactive
        with pytest.raises(gr.Error, match="only they, or the owner of this server, can stop it"):
            page.stop()
    assert not run.stop_requested()


def test_stop_ends_the_run_that_was_seen_and_no_other(page: Page, root: Path) -> None:
    seen = write(root / "2001", STARTED, STEP, alive=True)
    page.load()
    newer = write(root / "2002", STARTED, STEP, alive=True)
    page.state["name"] = ""  # the server has forgotten this page
    page.stop()
    assert (seen.stop_requested(), newer.stop_requested()) == (True, False)
    page.state["name"], page.state["seen"] = "2003", None  # deleted
    assert page.stop()["dc-run"].note.startswith("Run 2002")
    assert not newer.stop_requested()


def test_a_run_that_cannot_be_kept_is_a_message(page: Page, root: Path) -> None:
    root.write_text("in the way")
    with pytest.raises(gr.Error, match="DICLAM_RUNS"):
        page.start()


def test_stop_asks_a_training_run_and_lets_it_end(page: Page, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "terminate", lambda run: pytest.fail("it would have stopped by itself"))
    run = write(root / "2001", STARTED, STEP, alive=True)
    page.load()
    shown = page.stop()
    assert run.stop_requested()
    assert (shown["dc-stop"].value, shown["dc-stop"].interactive) == (STOPPING, False)
    assert shown["dc-run"].sentence.startswith("Stopping")
    write(run.path, replace(FINISHED, reason="stopped"))
    assert page.load()["dc-run"].sentence.startswith("Stopped by you after")
    page.tokens = {"own": "1" * 32}
    assert page.load()["dc-run"].sentence.startswith("Stopped by somebody else after")
    run.withdraw_stop()  # as by a signal, which nobody sent from a page
    assert page.load()["dc-run"].sentence.startswith("Stopped after")


def test_a_stop_by_the_servers_owner_is_told_as_such_and_keeps_nothing_of_their_secret(
    page: Page, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "a secret of mine")
    visitor, admin = page.tokens, {"own": "1" * 32, "admin": "a secret of mine"}
    sentences = []
    for name, owner in (("2001", visitor["own"]), ("2002", admin["own"])):
        run = write(root / name, STARTED, STEP, alive=True)
        Ledger().own(name, owner)
        page.tokens, page.state = admin, {"name": "", "seen": None}
        page.load()
        page.stop()
        write(run.path, replace(FINISHED, reason="stopped"))
        for tokens in (admin, visitor, {"own": admin["own"]}):
            page.tokens = tokens
            sentences.append(page.load()["dc-run"].sentence.split(" after")[0])
        (run.path / "process").unlink()
    by_owner = "Stopped by the owner of this server"
    assert sentences == [
        "Stopped by you", by_owner, by_owner, "Stopped by you", "Stopped by somebody else", "Stopped by you",
    ]  # fmt: skip
    written = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    assert hashed(admin["own"]).encode() in written
    assert hashed("a secret of mine").encode() not in written


def test_what_the_servers_owner_starts_is_their_browsers(page: Page, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "a secret of mine")
    monkeypatch.setattr(launch, "begin", lambda run, config: run.claim(os.getpid()))
    page.tokens = {"own": "1" * 32, "admin": "a secret of mine"}
    page.start()
    page.tokens = {"own": "1" * 32}  # the page was asked to forget it
    assert page.load()["dc-stop"].interactive
    assert page.start()["dc-queue"].waiting[0].mine


def test_pause_asks_a_training_run_to_wait_and_continue_takes_it_back(
    page: Page, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def word(shown: dict[str, Any]) -> tuple[str, bool]:
        return shown["dc-pause"].value, shown["dc-pause"].interactive

    monkeypatch.setenv("DICLAM_MAX_PAUSE", "7")
    run = write(root / "2001", STARTED, STEP, alive=True)
    with pytest.raises(gr.Error, match="another visitor"):
        page.listener(page.part("dc-pause"), "click")({"own": "1" * 32}, "2001", None)
    pause = page.listener(page.part("dc-pause"), "click")
    assert (page.load()["dc-pause"].value, page.part("dc-pause").interactive) == ("Pause", False)
    assert word(page._shown(pause(page.tokens, "2001", None))) == (PAUSING, False)
    assert run.pause_requested()
    write(run.path, Paused(1, 0.5))
    shown = page.tick()
    assert "It goes on by itself after 7 s." in shown["dc-run"].sentence
    assert word(shown) == ("Continue", True)
    assert word(page._shown(pause(page.tokens, "2001", None))) == (CONTINUING, False)
    assert not run.pause_requested()
    write(run.path, Continued(1, 0.5))
    assert word(page.tick()) == ("Pause", True)
    write(run.path, FINISHED)
    assert not page.tick()["dc-pause"].interactive
    pause(page.tokens, "2001", None)
    assert not run.pause_requested()  # a test does not wait


def test_a_run_that_has_used_up_its_pauses_is_not_paused_again(
    page: Page, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICLAM_MAX_PAUSE", "60")
    run = write(root / "2001", STARTED, STEP, alive=True)
    page.load()
    pause = page.listener(page.part("dc-pause"), "click")
    page._shown(pause(page.tokens, "2001", None))
    write(run.path, Paused(1, 0.5))
    page.tick()
    then = time.time() - 61
    os.utime(run.path / "pause", (then, then))
    write(run.path, Continued(1, 0.5))
    shown = page.tick()
    assert (shown["dc-pause"].value, shown["dc-pause"].interactive) == ("Pause", False)
    assert "cannot be paused again: all pauses of a run take 1 min at the most" in shown["dc-run"].note
    with pytest.raises(gr.Error, match="used them up"):
        pause(page.tokens, "2001", None)
    assert not run.pause_requested()
    page.state = {"name": "", "seen": None}  # a page that is opened later, of an app that was started anew
    assert not page.load()["dc-pause"].interactive


@pytest.mark.parametrize("events", [(), (Fetching("somewhere", 1, 2, "files"),), (STARTED, STEP, FINISHED, Testing(10, 50))])
def test_stop_ends_a_run_that_cannot_listen(
    page: Page, root: Path, monkeypatch: pytest.MonkeyPatch, events: tuple[Event, ...]
) -> None:
    monkeypatch.setattr(Run, "terminate", end)
    run = write(root / "2001", *events, alive=True)
    page.load()
    shown = page.stop()
    assert not run.alive()
    assert not page.asks_again
    expected = "the time limit was reached" if FINISHED in events else "Stopped before it had learned anything."
    assert expected in shown["dc-run"].sentence


def test_a_run_that_does_not_react_is_ended(page: Page, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "terminate", end)
    monkeypatch.setattr(train_tab, "PATIENCE", 0.0)
    run = write(root / "2001", STARTED, STEP, alive=True)
    [after_stop] = [fn.fn for fn in page.blocks.fns.values() if fn.trigger_after is not None and fn.fn and not fn.outputs]
    assert after_stop is not None
    after_stop("2001")
    assert run.alive()  # nobody asked it to stop
    run.request_stop()
    after_stop("2001")
    assert not run.alive()


def test_a_test_that_was_killed_is_told(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, FINISHED, Testing(50, 10_000))
    (run.path / runs.EXIT).write_text("-9")
    checkpoint.save(run.path, DiCLAM(ModelConfig()))
    assert "Then its test was killed" in page.load()["dc-run"].sentence


def test_the_test_can_be_skipped(page: Page, root: Path) -> None:
    run = write(root / "2001", STARTED, STEP, FINISHED, alive=True)
    run.request_stop()  # which has ended the training; the test is another thing
    button = page.load()["dc-stop"]
    assert (button.value, button.interactive) == ("Skip the test", True)


@pytest.mark.parametrize("name", ["", "../2001", "/etc", "no-such-run", "2001"])
def test_downloads_are_of_runs_alone(page: Page, root: Path, name: str) -> None:
    write(root / "2001", STARTED, Failed("no"))
    for button in ("dc-predictions", "dc-checkpoint"):
        with pytest.raises(gr.Error, match=r"no run|no predictions|no weights"):
            page.listener(page.part(button), "click")(name)


@pytest.mark.parametrize("name", ["", "../2001", "/etc", "no-such-run", "empty"])
def test_reports_are_of_runs_alone(page: Page, root: Path, name: str) -> None:
    (root / "empty").mkdir(parents=True)
    with pytest.raises(gr.Error, match=r"no run|nothing to report"):
        page.listener(page.part("dc-report"), "click")(name)


def test_what_is_offered_comes_from_the_core(page: Page) -> None:
    assert [value for _, value in page.part("dc-recipe").choices] == list(RECIPES)
    assert page.part("dc-recipe").value == FIRST.recipe
    assert page.part("dc-budget").value == FIRST.budget
    assert page.part("dc-seed").value == FIRST.seed
    assert [value for _, value in page.part("dc-presets").choices] == [15, 60, 120, 300, 600]


def test_a_small_limit_offers_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_MAX_BUDGET", "45")
    page = Page()
    assert [value for _, value in page.part("dc-presets").choices] == [15]
    assert (page.part("dc-budget").value, page.part("dc-presets").value) == (45, None)


@pytest.mark.parametrize("name", ["DICLAM_MAX_BUDGET", "DICLAM_MAX_PAUSE"])
def test_an_impossible_limit_is_said_when_the_page_is_built(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "soon")
    with pytest.raises(ConfigError, match=name):
        Page()


def test_no_listener_is_advertised(page: Page) -> None:
    assert all(fn.api_visibility == "private" for fn in page.blocks.fns.values())


def test_news_do_not_wait_in_the_queue(page: Page) -> None:
    [update] = [fn for fn in page.blocks.fns.values() if (page.feed._id, "more") in fn.targets]
    assert update.queue is False


@pytest.mark.parametrize("known", [None, [], "2001", {"name": "2001"}, {"name": ["x"] * 9}])
def test_whoever_asks_for_news_without_knowing_anything_gets_more(page: Page, root: Path, known: object) -> None:
    write(root / "2001", STARTED, STEP, alive=True)
    news = page.look(known)
    assert news is not None
    assert (news["more"], news["parts"]) == (True, {})


def test_a_number_field_passes_on_whatever_was_sent() -> None:
    field = RawNumber(value=3)
    for value in ("text", None, float("inf"), [1], 2.5):
        assert field.preprocess(value) is value


def test_a_status_is_sent_as_plain_data() -> None:
    sent = RunStatus().postprocess(Report("one", Progress(0.5, "half"), (("Steps", "3"),), "two"))
    assert sent is not None
    assert sent["progress"] == {"fraction": 0.5, "text": "half", "elapsed": None, "budget": None, "phase": ""}
    assert (sent["sentence"], sent["numbers"], sent["note"]) == ("one", (("Steps", "3"),), "two")


def test_plotly_comes_from_the_installed_package() -> None:
    assert PLOTLY_JS.is_file()
    assert "//" not in PlotlyFigure("Loss").head.replace(PLOTLY_JS.as_posix(), "")  # pyright: ignore[reportOptionalMemberAccess]
