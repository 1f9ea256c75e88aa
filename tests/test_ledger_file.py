"""Losing the ledger loses no run, and nothing that was said of one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diclam import housekeeping, ledger_file, note_file
from diclam.errors import RunError
from diclam.ledger import Entry, Ledger, Note
from diclam.runs import Run
from diclam.tokens import hashed, new_token

MINE, YOURS, ADMIN = new_token(), new_token(), "the owner of this server"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    return Ledger(tmp_path / "runs")


def test_a_deleted_ledger_begins_anew(notes: Ledger) -> None:
    notes.own("a", MINE)
    notes.path.unlink()  # its companions may stay
    assert not notes.may_change("a", MINE)
    assert notes.may_change("a", ADMIN)
    notes.own("b", MINE)
    assert notes.may_change("b", MINE)


def lose(notes: Ledger) -> None:
    for path in notes.root.glob(f"{ledger_file.FILE}*"):
        path.unlink()


def ruin(notes: Ledger) -> None:
    notes.path.write_bytes(b"no database" * 1000)


def told(notes: Ledger) -> None:
    for run in ("a", "b", "c"):
        (notes.root / run).mkdir(parents=True)
    notes.own("a", MINE)
    notes.rename("a", "Günther's <b>best</b>")
    notes.enter("b", "Ada")
    notes.own("b", YOURS)
    notes.enter("a", "Alan")
    notes.pin("a")
    notes.pin("b")
    notes.pin("b", False)


@pytest.mark.parametrize("happens", [lose, ruin])
def test_a_lost_ledger_is_filled_from_the_folders(notes: Ledger, happens: Callable[[Ledger], None]) -> None:
    told(notes)
    before = notes.notes(), notes.board()
    happens(notes)
    again = Ledger(notes.root)
    assert (again.notes(), again.board()) == before == (
        {"a": Note(hashed(MINE), "Günther's <b>best</b>", True), "b": Note(hashed(YOURS))},
        [Entry("b", "Ada"), Entry("a", "Alan")],
    )  # fmt: skip
    assert again.may_change("a", MINE)
    assert not again.may_change("a", YOURS)
    again.rename("c", "written anew")
    assert (Ledger(notes.root).title("a"), Ledger(notes.root).title("c")) == ("Günther's <b>best</b>", "written anew")


def test_what_was_thrown_away_before_the_ledger_was_lost_can_come_back(notes: Ledger) -> None:
    told(notes)
    housekeeping.throw_away(Run(notes.root / "a"), notes.root)
    lose(notes)
    assert list(notes.deleted()) == ["a"]
    assert notes.deleted()["a"] == pytest.approx(time.time(), abs=60)
    assert notes.board() == [Entry("b", "Ada")]
    housekeeping.bring_back("a", notes.root)
    lose(notes)
    assert notes.deleted() == {}
    assert notes.may_change("a", MINE)
    assert len(notes.board()) == 2


def test_an_older_ledger_tells_the_folders(notes: Ledger) -> None:
    told(notes)
    before = notes.notes(), notes.board()
    for path in notes.root.glob(f"*/{note_file.FILE}"):
        path.unlink()
    with sqlite3.connect(notes.path) as database:
        database.execute("PRAGMA user_version = 1")
    assert (notes.notes(), notes.board()) == before
    lose(notes)
    assert (notes.notes(), notes.board()) == before


def test_a_new_ledger_is_filled_once(notes: Ledger) -> None:
    told(notes)
    lose(notes)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: Ledger(notes.root).rename("c", f"title {k}"), range(16)))
    notes.forget("a")
    assert sorted(Ledger(notes.root).notes()) == ["b", "c"]


def test_the_file_of_a_run_is_where_its_folder_is_and_nowhere_else(notes: Ledger, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    notes.rename("../elsewhere", "x")
    notes.rename("gone", "x")
    notes.mark_deleted("c", False)
    assert not list(tmp_path.rglob(note_file.FILE))
    told(notes)
    assert sorted(path.parent.name for path in tmp_path.rglob(note_file.FILE)) == ["a", "b"]
    assert MINE not in (notes.root / "a" / note_file.FILE).read_text()


def foreign(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE runs (other TEXT)")
    database.close()


def torn(path: Path) -> None:
    Ledger(path.parent).own("a", MINE)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 20_000)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"no database" * 1000), foreign, torn])
def test_a_damaged_ledger_is_moved_aside_with_a_word(
    notes: Ledger, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    notes.root.mkdir()
    damage(notes.path)  # pyright: ignore[reportCallIssue]
    assert not notes.may_change("a", MINE)
    assert "is damaged" in caplog.text
    assert [path for path in notes.root.iterdir() if "damaged" in path.name]
    notes.own("a", MINE)
    assert notes.may_change("a", MINE)


def test_a_folder_that_cannot_be_written_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="DICLAM_RUNS"):
        Ledger(tmp_path / "file").own("a", MINE)
    (tmp_path / ledger_file.FILE).mkdir()
    with pytest.raises(RunError, match="DICLAM_RUNS"):
        Ledger(tmp_path).notes()


def test_many_may_write_at_once(notes: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: Ledger(notes.root).rename(f"run-{k}", f"title {k}"), range(40)))
    assert {run: note.title for run, note in notes.notes().items()} == {f"run-{k}": f"title {k}" for k in range(40)}
