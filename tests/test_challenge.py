"""The board holds runs of the same time and data, best first; only their owners enter them, under harmless names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from demo import challenge
from demo.components.challenge_board import Board, ChallengeBoard
from diclam import recipe
from diclam.errors import RunError
from diclam.ledger import Ledger
from diclam.runs import Run
from diclam.tokens import new_token

MINE, OTHER = new_token(), new_token()


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path))
    monkeypatch.delenv("DICLAM_ADMIN_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def ledger(root: Path) -> Ledger:
    return Ledger(root)


def ran(root: Path, name: str, accuracy: object = 0.5, seconds: float = 60.0, owner: str = MINE, **changes: object) -> Run:
    """A run that has ended, as its files tell."""
    settings: dict[str, object] = {"budget": 60.0} | changes
    info = {"config": recipe.config("fast", **settings).to_dict()}
    (root / name).mkdir()
    (root / name / "run.json").write_text(json.dumps(info))
    (root / name / "evaluation.json").write_text(json.dumps({"accuracy": accuracy, "training_seconds": seconds}))
    Ledger(root).own(name, owner)
    return Run(root / name)


def test_the_best_come_first_and_of_equals_the_fastest(root: Path, ledger: Ledger) -> None:
    for name, accuracy, seconds in (("a", 0.5, 60.0), ("b", 0.7, 60.0), ("c", 0.5, 50.0)):
        ran(root, name, accuracy, seconds)
        challenge.enter(ledger, name, f"team {name}", MINE, 60)
    found = challenge.rows(ledger, 60, OTHER)
    assert [(row.run, row.name, row.mine) for row in found] == [
        ("b", "team b", False), ("c", "team c", False), ("a", "team a", False),
    ]  # fmt: skip
    assert all(row.mine for row in challenge.rows(ledger, 60, MINE))
    assert challenge.rows(ledger, 120, MINE) == [], "another challenge"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": 61.0}, "has 60 s; this one has 61 s"),
        ({"start_from": "bundled"}, "random weights"),
        ({"teacher": "bundled"}, "without a teacher"),
        ({"train_share": 0.5}, "all training pictures"),
        ({"accuracy": float("nan")}, "cannot be read"),
        ({"accuracy": "best"}, "not tested"),
        ({"owner": OTHER}, "another visitor"),
    ],
)
def test_no_other_run_is_entered(root: Path, ledger: Ledger, changes: dict[str, object], words: str) -> None:
    ran(root, "a", **changes)  # pyright: ignore[reportArgumentType]
    with pytest.raises(RunError, match=words):
        challenge.enter(ledger, "a", "me", MINE, 60)
    assert ledger.board() == []
    assert words in challenge.board("a", MINE, 60).why.replace("\n", " ")


def test_a_run_is_entered_once_it_has_ended_and_was_made_here(root: Path, ledger: Ledger) -> None:
    run = ran(root, "a")
    run.claim(os.getpid())
    with pytest.raises(RunError, match="still going on"):
        challenge.enter(ledger, "a", "me", MINE, 60)
    (run.path / "process").unlink()
    info = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps(info | {"imported": {"name": "x"}}))
    with pytest.raises(RunError, match="from elsewhere"):
        challenge.enter(ledger, "a", "me", MINE, 60)
    for forged in ("../a", "", "nobody", "/etc"):
        with pytest.raises(RunError, match="no run"):
            challenge.enter(ledger, forged, "me", MINE, 60)


def test_only_its_owner_takes_a_run_off(root: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(root, "a")
    challenge.enter(ledger, "a", "me", MINE, 60)
    for token in (OTHER, ""):
        with pytest.raises(RunError, match="another visitor"):
            challenge.remove(ledger, "a", token)
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", OTHER)
    challenge.remove(ledger, "a", OTHER)
    assert ledger.board() == []


def test_a_visitor_enters_three_and_the_servers_owner_any_number(
    root: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        ran(root, name)
    for name in "abca":  # the last under another name
        challenge.enter(ledger, name, f"team {name}", MINE, 60)
    with pytest.raises(RunError, match="3 runs of yours are on the board already; take one of them off first"):
        challenge.enter(ledger, "d", "me", MINE, 60)
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", OTHER)
    challenge.enter(ledger, "d", "me", OTHER, 60)
    assert len(ledger.board()) == 4


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada\n Lovelace ", "Ada Lovelace"),
        ("ev\u202eil\u2066\u200f\u200b", "evil"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("<b>${1}</b>{{x}}", "<b>${1}</b>{{x}}"),
        ("Zoë 🔍", "Zoë 🔍"),
    ],
)
def test_a_name_is_a_line_of_text(typed: str, kept: str) -> None:
    assert challenge.name_of(typed) == kept


@pytest.mark.parametrize("typed", ["", "\u202e\n", "x" * 31, None, 3, ["a"]])
def test_no_other_name_is_taken(typed: object) -> None:
    with pytest.raises(RunError, match="1 to 30 characters"):
        challenge.name_of(typed)


def test_the_board_is_bounded_and_tells_what_was_set(root: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge, "ROWS", 1)
    for name in ("a", "b"):
        ran(root, name, batch_size=100, seed=3)
        challenge.enter(ledger, name, name, MINE, 60)
    board = challenge.board("a", MINE, 60)
    assert [row.settings for row in board.rows] == ["fast, seed 3, batch size 100"]
    shown = ChallengeBoard(longest=30).postprocess(board)
    assert shown is not None
    assert (shown["budget"], shown["rows"][0]["accuracy"], shown["why"]) == ("1 min", "50.00 %", "")
    assert challenge.board("", MINE, 60) == Board(60, board.rows, "Train a network first.")
