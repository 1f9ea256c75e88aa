"""Nobody fills the folder of runs alone: how many may be brought within an hour, of one visitor and of all, as anybody can
call themselves another visitor; and how many runs of one may stay when old ones go."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from diclam.errors import RunError
from diclam.ledger import Ledger, Note
from diclam.runs import BIN, Run, list_runs
from diclam.terminal import duration
from diclam.tokens import is_admin, owner_of

HOUR = 3600.0
OF_ONE, OF_ALL = 10, 30
PINNED, ENTERED = 3, 3
"""Of the same visitor: what is pinned stays, and so does what is on the board of the challenge."""


def most(of_one: int, shown: object) -> int | None:
    """How many of them whoever shows this token may keep; None for any number, which the server's owner may."""
    return None if is_admin(shown) else of_one


def check(token: object, root: Path | None = None, *, shown: object = None) -> None:
    """Raises RunError, which says when, while the visitor with this token must wait before they bring another run, and when
    it is no visitor's. Who has the server's owner's token `shown` as well need not wait. What was thrown away again counts:
    it is still there to be brought back."""
    visitor = owner_of(token)
    if is_admin(shown):
        return
    ledger = Ledger(root)
    notes = ledger.notes()
    ages = {run.name: _age(run) for run in [*list_runs(ledger.root), *list_runs(ledger.root / BIN)]}
    mine = [age for name, age in ages.items() if notes.get(name, Note()).owner == visitor]
    for found, most, whose in ((mine, OF_ONE, " of yours"), (list(ages.values()), OF_ALL, "")):
        recent = sorted(age for age in found if age < HOUR)
        if len(recent) >= most:
            wait = duration(HOUR - recent[most - 1])
            raise RunError(f"{most} runs{whose} were brought within an hour, and no more can be; try again in {wait}.")


def _age(run: Run) -> float:
    """Seconds since the run was brought; infinite for one that was not."""
    try:
        brought = datetime.fromisoformat(run.info()["imported"]["at"])
        return max((datetime.now(timezone.utc) - brought).total_seconds(), 0.0)
    except (RunError, KeyError, TypeError, ValueError):
        return float("inf")
