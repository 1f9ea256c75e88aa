"""What is known of runs beside their folders belongs to whoever has the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from diclam.errors import RunError
from diclam.ledger import Entry, Ledger, Note
from diclam.tokens import new_token

MINE, YOURS, ADMIN = new_token(), new_token(), "the owner of this server"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    return Ledger(tmp_path / "runs")


def test_only_its_owner_and_the_servers_owner_may_change_a_run(notes: Ledger) -> None:
    notes.own("a", MINE)
    assert notes.may_change("a", MINE)
    assert notes.may_change("a", ADMIN)
    hashed = notes.owner("a")
    for forged in (YOURS, "", None, hashed, MINE[:-1], MINE + " ", MINE.upper(), [MINE], "x" * 100_000, "\ud800"):
        assert not notes.may_change("a", forged)
    assert MINE.encode() not in b"".join(path.read_bytes() for path in notes.root.iterdir())


def test_a_run_that_nobody_owns_is_the_servers_owners(notes: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for nobody in ("", None, 3):
        notes.own("a", nobody)
        assert notes.owner("a") == ""
        assert not notes.may_change("a", nobody)
    assert notes.may_change("a", ADMIN)
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "")  # a server without an owner has none with an empty token
    assert not any(notes.may_change("a", token) for token in ("", None, ADMIN))


def test_asking_makes_no_file(notes: Ledger) -> None:
    assert notes.title("a") == "a"
    assert (notes.note("a"), notes.pinned("a"), notes.deleted(), notes.board()) == (Note(), False, {}, [])
    assert not notes.root.exists()


def test_notes_are_kept(notes: Ledger) -> None:
    notes.rename("a", "  Günther's <b>best</b>  ")
    notes.pin("a")
    notes.mark_deleted("b")
    again = Ledger(notes.root)
    assert again.title("a") == "Günther's <b>best</b>"
    assert again.pinned("a")
    assert not again.pinned("b")
    assert set(again.deleted()) == {"b"}
    again.rename("a", "")
    again.mark_deleted("b", False)
    assert (again.title("a"), again.deleted()) == ("a", {})
    again.forget("a")
    assert again.note("a") == Note()


@pytest.mark.parametrize("title", ["x" * 61, "two\nlines", "a\x00b", "\u202etxt", None, 3])
def test_a_title_is_one_short_line(notes: Ledger, title: object) -> None:
    for change in (notes.rename, notes.enter):
        with pytest.raises(RunError, match="one line of at most 60 characters"):
            change("a", title)


def test_the_board_holds_who_entered_and_was_not_thrown_away(notes: Ledger) -> None:
    for run, name in (("b", "Ada"), ("a", "Alan"), ("c", "Grace"), ("d", "Edsger")):
        notes.enter(run, name)
    notes.enter("c", "")
    notes.mark_deleted("d")
    assert notes.board() == [Entry("b", "Ada"), Entry("a", "Alan")]


@pytest.mark.parametrize("what", ["pinned", "on the board"])
def test_of_one_owner_so_many_stay_and_no_more(notes: Ledger, what: str) -> None:
    def keep(run: str, kept: bool = True, at_most: int | None = 2) -> None:
        if what == "pinned":
            notes.pin(run, kept, at_most=at_most)
        else:
            notes.enter(run, "Ada" if kept else "", at_most=at_most)

    for run in ("a", "b", "c"):
        notes.own(run, MINE)
    notes.own("d", YOURS)
    for run in ("a", "b", "b", "d"):  # once more, or another's
        keep(run)
    before = notes.notes(), notes.board()
    with pytest.raises(RunError, match=f"2 runs of yours are {what} already"):
        keep("c")
    assert (notes.notes(), notes.board()) == before
    notes.mark_deleted("a")  # it can come back
    with pytest.raises(RunError, match="counts as long as it can be brought back"):
        keep("c")
    keep("c", at_most=None)
    for run in ("b", "c"):
        keep(run, False)
    keep("c")
