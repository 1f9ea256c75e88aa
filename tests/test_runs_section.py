"""The section of all runs does for a visitor what they may do, and refuses the rest, whoever sends it."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demo import run_files, run_rows, train_tab
from demo.components.news_feed import NewsFeed
from demo.components.runs_table import Listed, RunsTable
from demo.components.settings_table import SettingsTable
from diclam import archive, checkpoint, housekeeping, ration, runs
from diclam.events import Event, Finished, Started, Step, Tested, Validated
from diclam.ledger import Ledger
from diclam.model import DiCLAM
from diclam.recipe import config
from diclam.runs import EXIT, INFO, Run
from diclam.waiting import Queue

ME, ANOTHER = {"own": "1" * 32}, {"own": "2" * 32}
STARTED = Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)
EVENTS = (
    STARTED,
    Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01),
    Validated(10, 1.0, 2.0, 0.3, 500, 12.0, True),
    Finished("time", 20, 2.0, 60.0, 320, 0.3),
    Tested(0.4, 0.41, 0.42, 0.43, 3.0),
)


class Page:
    """The tab, with the listeners of its table called as a browser would."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            self.tab = train_tab.build()
        self.table = self.part("dc-runs-table")

    def part(self, elem_id: str) -> Any:
        return next(block for block in self.blocks.blocks.values() if getattr(block, "elem_id", None) == elem_id)

    def send(self, event: str, *inputs: Any, **data: Any) -> Any:
        return self.listener(self.table, event)(*inputs, gr.EventData(self.table, data))

    def listed(self, tokens: dict[str, str]) -> Listed:
        return self.listener(self.part("dc-runs-phase"), "change")("", tokens)

    def heard(self, tokens: dict[str, str], listed: object) -> dict[str, Any] | None:
        """What the feed of the queue brings a page whose table has this mark."""
        [feed] = [block for block in self.blocks.blocks.values() if isinstance(block, NewsFeed) and block.value]
        news = getattr(feed, "look")({"known": None, "run": "", "tokens": tokens, "listed": listed})  # noqa: B009
        return news["parts"].get("dc-runs-table")

    def listener(self, block: Any, event: str) -> Callable[..., Any]:
        (found,) = [fn.fn for fn in self.blocks.fns.values() if (block._id, event) in fn.targets and fn.fn is not None]
        return found  # pyright: ignore[reportReturnType]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "the owner's")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def page() -> Page:
    return Page()


def make(root: Path, name: str, *events: Event, owner: dict[str, str] = ME, **changes: Any) -> Run:
    run = Run(root / name)
    run.path.mkdir(parents=True)
    info = {"config": config("fast", budget=60, **changes).to_dict(), "started": "2026-11-25T08:00:00", "versions": {}}
    (run.path / "run.json").write_text(json.dumps(info | {"hardware": {}}))
    (run.path / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in events or EVENTS))
    Ledger(root).own(name, owner["own"])
    return run


def refused(match: str) -> Any:
    return pytest.raises(gr.Error, match=match)


def test_all_runs_are_listed_with_what_this_visitor_may_do(page: Page, root: Path) -> None:
    make(root, "1")
    make(root, "2", STARTED, owner=ANOTHER)
    Ledger(root).rename("1", "<b>mine</b>")
    listed: Listed = page.listener(page.part("dc-runs-phase"), "change")("2", ME)
    assert [(row.name, row.title, row.mine, row.ended) for row in listed.rows] == [
        ("2", "2", False, "cut off"), ("1", "<b>mine</b>", True, "time limit"),
    ]  # fmt: skip
    assert (listed.shown, listed.rows[1].accuracy, listed.rows[1].note) == ("2", 0.4, "1")
    assert RunsTable().postprocess(listed)
    owner = page.listener(page.part("dc-runs-phase"), "change")("2", ME | {"admin": "the owner's"})
    assert all(row.mine for row in owner.rows)
    stranger = page.listener(page.part("dc-runs-phase"), "change")("2", {"admin": "me", "own": None})
    assert not any(row.mine for row in stranger.rows)


def test_of_very_many_the_newest_are_listed(page: Page, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_rows, "SHOWN", 2)
    for name in ("1", "2", "3"):
        (root / name).mkdir(parents=True)
    listed = page.listener(page.part("dc-runs-phase"), "change")("", None)
    assert ([row.name for row in listed.rows], listed.more) == (["3", "2"], "The newest 2 of 3 runs.")


def test_a_run_is_renamed_and_pinned_by_its_owner(page: Page, root: Path) -> None:
    make(root, "1")
    assert page.send("retitle", "1", ME, name="1", title=" best ").rows[0].title == "best"
    assert page.send("keep", "1", ME, name="1", pinned=True).rows[0].pinned
    assert not page.send("keep", "1", ME, name="1", pinned="yes").rows[0].pinned
    for title in ("x" * 61, "a\nb", None, 3):
        with refused("one line of at most 60"):
            page.send("retitle", "1", ME, name="1", title=title)


def test_a_visitor_pins_three_and_the_servers_owner_any_number(page: Page, root: Path) -> None:
    for name in "12345":
        make(root, name)
    for name in "123":
        page.send("keep", "1", ME, name=name, pinned=True)
    with refused("3 runs of yours are pinned already; unpin one of them first"):
        page.send("keep", "1", ME, name="4", pinned=True)
    assert not Ledger(root).pinned("4")
    page.send("keep", "1", ME, name="3", pinned=False)
    page.send("keep", "1", ME, name="4", pinned=True)
    page.send("keep", "1", ME | {"admin": "the owner's"}, name="5", pinned=True)
    assert [name for name in "12345" if Ledger(root).pinned(name)] == ["1", "2", "4", "5"]


def test_a_deleted_run_comes_back(page: Page, root: Path) -> None:
    for name in ("1", "2"):
        make(root, name)
    changes = page.send("discard", "2", ME, name="2")
    assert [gone.name for gone in changes[page.table].deleted] == ["2"]
    assert changes[page.tab.shown_run] == changes[page.table].shown == "1"
    assert [run.name for run in runs.list_runs(root)] == ["1"]
    changes = page.send("restore", ME, name="2")
    assert changes[page.tab.shown_run] == "2"
    assert [row.name for row in changes[page.table].rows] == ["2", "1"]


def test_what_was_deleted_can_come_back_after_a_reload_for_an_hour(
    page: Page, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(tokens: dict[str, str]) -> list[str]:
        return [one.title for one in page.listed(tokens).deleted]

    for name in ("1", "2", "3"):
        make(root, name)
    make(root, "4", owner=ANOTHER)
    Ledger(root).rename("2", "best")
    for name, tokens in (("2", ME), ("1", ME), ("4", ANOTHER)):
        page.send("discard", "3", tokens, name=name)
    assert (gone(ME), gone(ANOTHER)) == (["best", "1"], ["4"])  # the newest last
    assert gone(ME | {"admin": "the owner's"}) == ["best", "1", "4"]
    assert gone({"own": "3" * 32}) == []
    page.send("restore", ME, name="1")
    assert gone(ME) == ["best"]
    now = time.time()
    monkeypatch.setattr(run_rows.time, "time", lambda: now + 3601)
    assert gone(ME) == []


def test_every_run_that_was_cut_off_is_offered_to_its_owner(page: Page, root: Path) -> None:
    def offered(tokens: dict[str, str]) -> list[str]:
        return [row.resume for row in page.listed(tokens).rows]

    for name in ("1", "2"):
        (make(root, name, *EVENTS[:3]).path / runs.STATE).touch()
    checkpoint.save(make(root, "3", *EVENTS[:4]).path, DiCLAM())
    assert (offered(ME), offered(ANOTHER)) == (["Test it", "Continue", "Continue"], [""] * 3)
    make(root, "4", STARTED).claim(os.getpid())
    resume = page.listener(page.table, "resume")
    changes = resume(ME, "4", gr.EventData(page.table, {"name": "1"}))
    assert [place.mine for place in changes[page.part("dc-queue")].waiting] == [True]
    assert offered(ME) == ["", "Test it", "Continue", ""]  # it waits
    for name, tokens in (("2", ANOTHER), ("4", ME), ("../2", ME), (None, ME)):
        with pytest.raises(gr.Error):
            resume(tokens, "4", gr.EventData(page.table, {"name": name}))


def test_a_page_is_told_what_others_do_with_runs_and_nothing_when_all_is_the_same(page: Page, root: Path) -> None:
    run = make(root, "1")
    mark = page.listed(ME).mark
    assert page.heard(ME, mark) is None
    for change in (
        lambda: make(root, "2", STARTED, owner=ANOTHER),
        lambda: Run(root / "2").claim(os.getpid()),
        lambda: (root / "2" / INFO).rename(root / "kept"),  # its process has not come so far
        lambda: (root / "kept").rename(root / "2" / INFO),
        lambda: (root / "2" / "process").unlink(),
        lambda: (root / "2" / EXIT).write_text("-9"),  # how it ended is known a moment later
        lambda: Ledger(root).rename("2", "best"),
        lambda: Ledger(root).pin("2"),
        lambda: housekeeping.throw_away(Run(root / "2")),
        lambda: housekeeping.bring_back("2"),
    ):
        change()
        told = page.heard(ME, mark)
        assert told == RunsTable().postprocess(page.listed(ME))
        assert told is not None
        mark = told["mark"]
        assert page.heard(ME, mark) is None
    with (run.path / "events.jsonl").open("a") as file:
        file.write(EVENTS[1].to_json() + "\n")  # at each step there would be too much to say
    assert page.heard(ME, mark) is None


@pytest.mark.parametrize("listed", [None, "", 7, ["x"]])
def test_a_page_without_a_table_is_told_nothing_of_it(page: Page, root: Path, listed: object) -> None:
    make(root, "1")
    assert page.heard(ME, listed) is None


def test_the_last_run_can_be_deleted(page: Page, root: Path) -> None:
    make(root, "1")
    changes = page.send("discard", "1", ME, name="1")
    assert (changes[page.table].rows, changes[page.tab.shown_run]) == ([], "")


def test_a_run_that_is_going_on_is_not_deleted(page: Page, root: Path) -> None:
    make(root, "1", STARTED).claim(os.getpid())
    with refused("still going on"):
        page.send("discard", "1", ME, name="1")


def test_a_run_that_waits_to_go_on_is_not_deleted(page: Page, root: Path) -> None:
    make(root, "2", STARTED).claim(os.getpid())
    run = make(root, "1", STARTED)
    (run.path / runs.STATE).touch()
    Queue(root).ask_to_go_on(run, ME["own"])
    with refused("waits to go on; withdraw it from the queue first"):
        page.send("discard", "1", ME, name="1")
    assert runs.find("1").path.is_dir()


def test_whoever_is_not_its_owner_is_refused(page: Page, root: Path) -> None:
    make(root, "1")
    make(root, "2")
    page.send("discard", "2", ME, name="2")
    for sent in (ANOTHER, None, [], {"own": 1}, {"admin": "1" * 32}, Ledger(root).owner("1")):
        for event, data in (("retitle", {"title": "x"}), ("keep", {"pinned": True}), ("discard", {})):
            with refused("Only the visitor who started this run"):
                page.send(event, "1", sent, name="1", **data)
        with refused("Only the visitor who started this run"):
            page.send("restore", sent, name="2")
    assert [run.name for run in runs.list_runs(root)] == ["1"]
    assert Ledger(root).title("1") == "1"


@pytest.mark.parametrize("data", [{}, {"name": None}, {"name": "../x"}, {"name": "bundled"}, {"name": ["1"]}])
def test_what_is_no_run_is_refused(page: Page, data: dict[str, Any]) -> None:
    for event, inputs in (("open", (ME,)), ("take", ()), ("retitle", ("", ME)), ("keep", ("", ME)), ("discard", ("", ME))):
        with refused("There is no run"):
            page.send(event, *inputs, **data)
    with refused("."):
        page.send("restore", {"admin": "the owner's"}, **data)


def test_a_name_opens_its_run(page: Page, root: Path) -> None:
    make(root, "1")
    make(root, "2")
    assert page.send("open", ME, name="1")[page.tab.shown_run] == "1"


def test_runs_are_laid_over_each_other(page: Page, root: Path) -> None:
    make(root, "1")
    make(root, "2", seed=3)
    Ledger(root).rename("1", "first")
    names, over, accuracy, loss, settings = page.send("overlay", "time", names=["1", "2", "1", "gone"])
    assert (names, over.visible) == (["1", "2"], True)
    assert [line.name for line in accuracy.data] == [line.name for line in loss.data] == ["first", "2"]
    assert (settings.titles, settings.rows) == (["first", "2"], [("seed", ["0", "3"])])
    assert SettingsTable().postprocess(settings)
    names, over, *others = page.send("overlay", "time", names=[])
    assert (names, over.visible, others) == ([], False, [None] * 3)


def test_what_cannot_be_laid_over_each_other_is_refused(page: Page) -> None:
    for names in (None, "1", [1], ["1"] * 6):
        with refused("names of at most 5 runs"):
            page.send("overlay", "time", names=names)
    with refused("Expected one of time, epochs"):
        page.send("overlay", "years", names=[])


def test_a_run_is_taken_home_and_brought_back(page: Page, root: Path, tmp_path: Path) -> None:
    run = make(root, "1")
    path = run_files.folder(run, tmp_path / "cache")
    assert path.name == "1.zip"
    bring = page.listener(page.part("dc-bring-run"), "upload")
    changes = bring(path.read_bytes(), ANOTHER)
    name = changes[page.tab.shown_run]
    assert runs.find(name).events() == run.events()
    row = next(row for row in changes[page.table].rows if row.name == name)
    assert "imported" in row.note
    assert Ledger(root).may_change(name, ANOTHER["own"])
    assert not Ledger(root).may_change(name, ME["own"])
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for content in (b"", b"no zip", empty.getvalue(), None, "text", b"x" * (archive.MAX_BYTES + 1)):
        with refused("Expected the zip of a run"):
            bring(content, ME)


def test_who_has_brought_enough_waits(page: Page, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ration, "OF_ONE", 1)
    content = run_files.folder(make(root, "1"), tmp_path / "cache").read_bytes()
    bring = page.listener(page.part("dc-bring-run"), "upload")
    bring(content, ME)
    with refused("1 runs of yours were brought within an hour"):
        bring(content, ME)
    bring(content, ANOTHER)
    assert len(runs.list_runs()) == 3
