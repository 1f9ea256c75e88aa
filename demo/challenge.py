"""The challenge: the most out of the same time and data. Runs of this server under names that people typed, best first."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo import linked, visitor
from demo.components.challenge_board import Board, ChallengeBoard, Row
from demo.messages import told
from diclam import ration, recipe, runs
from diclam.errors import DiclamError, RunError
from diclam.evaluate import FIGURES
from diclam.ledger import Ledger
from diclam.runs import INFO, Run
from diclam.tokens import is_admin, same

ROWS = 100
MAX_NAME = 30
# What differs between any two runs, or is told in a column of its own.
_APART = {"recipe", "budget", "seed"}


@dataclass(frozen=True)
class Result:
    """What a run reached in its own final test."""

    accuracy: float
    """Fraction of 1."""
    seconds: float
    """Training time."""
    settings: str


def result(run: Run, budget: float) -> Result:
    """Raises RunError, which says why, when this run is none for a challenge of `budget` seconds."""
    if not (run.path / INFO).exists():
        begins = "This run is about to begin; it can be entered once it is tested."
        raise RunError(begins if run.alive() else "This run ended before it had begun; there is nothing to enter.")
    info = run.info()
    config = recipe.TrainConfig.from_dict(info["config"])
    if config.budget != budget:
        raise RunError(f"Every run of this challenge has {budget:g} s; this one has {config.budget:g} s.")
    if config.start_from or config.teacher:
        raise RunError("Every run of this challenge begins with random weights and without a teacher; this one does not.")
    if config.train_share != 1:
        raise RunError("Every run of this challenge may learn from all training pictures; this one was kept to a share.")
    if "imported" in info:
        raise RunError("This run was brought from elsewhere; the challenge is for runs of this server.")
    if run.alive():
        raise RunError("This run is still going on; it can be entered once it is tested.")
    try:
        figures = json.loads((run.path / FIGURES).read_text(encoding="utf-8"))
        accuracy, seconds = float(figures["accuracy"]), float(figures["training_seconds"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError("This run was not tested, so there is no accuracy to enter.") from error
    if not (0 <= accuracy <= 1 and seconds >= 0):
        raise RunError("The test of this run cannot be read.")
    return Result(accuracy, seconds, _settings(config))


def rows(ledger: Ledger, budget: float, token: str) -> list[Row]:
    """The entries of a challenge of `budget` seconds: the most accurate first, of equals the fastest. Entries whose run is
    gone, or was for another challenge, are left out."""
    found, notes, owner = [], ledger.notes(), is_admin(token)
    for entry in ledger.board():
        try:
            reached = result(runs.find(entry.run, ledger.root), budget)
        except DiclamError:
            continue
        mine = owner or same(notes[entry.run].owner if entry.run in notes else "", token)
        found.append(Row(entry.run, entry.name, reached.accuracy, reached.seconds, reached.settings, mine))
    return sorted(found, key=lambda row: (-row.accuracy, row.seconds))[:ROWS]


def name_of(typed: Any) -> str:
    """What somebody typed as a name, without what a line of text cannot show: control characters, and those that turn the
    direction of writing. Raises RunError when nothing is left, or too much."""
    kept = "".join(" " if letter.isspace() else letter for letter in typed) if isinstance(typed, str) else ""
    kept = "".join(letter for letter in kept if unicodedata.category(letter)[0] not in "C")
    kept = " ".join(unicodedata.normalize("NFC", kept).split())
    if not 0 < len(kept) <= MAX_NAME:
        raise RunError(f"The name must be 1 to {MAX_NAME} characters; got {len(kept)}.")
    return kept


def enter(ledger: Ledger, run: str, typed: Any, token: str, budget: float) -> None:
    """Only its owner enters a run, and so many of theirs. Raises RunError, which says why not."""
    name = name_of(typed)
    result(runs.find(run, ledger.root), budget)
    _insist(ledger, run, token)
    ledger.enter(run, name, at_most=ration.most(ration.ENTERED, token))


def remove(ledger: Ledger, run: str, token: str) -> None:
    """Whoever may change the run, and nobody else, takes it off the board. Raises RunError."""
    _insist(ledger, run, token)
    ledger.enter(run, "")


def board(run: str, token: str, budget: float) -> Board:
    """What the page shows to this visitor, who looks at `run`."""
    ledger = Ledger()
    why = ""
    try:
        result(runs.find(run, ledger.root), budget)
        _insist(ledger, run, token)
    except DiclamError as error:
        why = str(error) if run else "Train a network first."
    return Board(budget, rows(ledger, budget, token), why)


def build(shown_run: gr.State, who: visitor.Visitor) -> None:
    """Builds the board in the current Blocks. Raises ConfigError when DICLAM_CHALLENGE is no possible budget."""
    budget = linked.challenge_budget()
    with gr.Column(elem_id="dc-challenge"):
        shown = ChallengeBoard(longest=MAX_NAME, elem_id="dc-board")
    seen = gr.State(None)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    inputs = [shown_run, who.tokens]

    def limit_of(request: gr.Request) -> float:
        return linked.asked(request).challenge or budget

    def look(run: str, tokens: Any, before: Board | None, request: gr.Request) -> tuple[Any, Any]:
        now = board(run, visitor.token(tokens), limit_of(request))
        return (gr.skip(), gr.skip()) if now == before else (now, now)

    def enters(run: str, tokens: Any, request: gr.Request, event: gr.EventData) -> tuple[Board, Board]:
        token, limit = visitor.token(tokens), limit_of(request)
        with told():
            enter(Ledger(), run, _brought(event, "name"), token, limit)
        now = board(run, token, limit)
        return now, now

    def removes(run: str, tokens: Any, request: gr.Request, event: gr.EventData) -> tuple[Board, Board]:
        token, limit = visitor.token(tokens), limit_of(request)
        with told():
            remove(Ledger(), str(_brought(event, "run")), token)
        now = board(run, token, limit)
        return now, now

    shown.look(look, [*inputs, seen], [shown, seen], queue=False, **quiet)
    shown.enter(enters, inputs, [shown, seen], **quiet)
    shown.remove(removes, inputs, [shown, seen], trigger_mode="multiple", **quiet)


def _insist(ledger: Ledger, run: str, token: str) -> None:
    if not ledger.may_change(run, token):
        raise RunError(
            "This run was started by another visitor: only they, or the owner of this server, can enter it or take it off."
        )


def _settings(config: recipe.TrainConfig) -> str:
    """The recipe, the seed, and what was changed in it."""
    usual = _flat(recipe.usual(config)) if config.recipe in recipe.RECIPES else {}
    changed = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in _flat(config).items()
        if name not in _APART and name in usual and value != usual[name]
    ]
    return ", ".join([config.recipe, f"seed {config.seed}", *changed])


def _flat(config: recipe.TrainConfig) -> dict[str, Any]:
    """Settings of the training and of the network by their names."""
    values = config.to_dict()
    return values.pop("model") | values


def _brought(event: gr.EventData, name: str) -> Any:
    return event._data.get(name) if isinstance(event._data, dict) else None
