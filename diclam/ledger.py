"""What people say about runs: whose they are, their titles, pins, the entries of the challenge. One SQLite file beside them.

What a run was and found is in its own folder alone, and what belongs to a run is written there as well. A ledger that is
damaged is moved aside; one that is lost, or was, begins with what the folders say. Only who waits is lost with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from diclam.errors import RunError
from diclam.ledger_file import LedgerFile
from diclam.note_file import plain
from diclam.tokens import hashed, is_admin, same

_BIN_COUNTS = "One that was deleted counts as long as it can be brought back."


@dataclass(frozen=True)
class Note:
    """What is known of one run beside its folder."""

    owner: str = ""
    """Hash of its owner's token; '' when nobody knows."""
    title: str = ""
    """What a visitor calls it; '' for its own name."""
    pinned: bool = False
    """Whether it is kept when old runs go."""
    deleted: float | None = None
    """When it was thrown away, in seconds since 1970; None while it is kept."""


@dataclass(frozen=True)
class Entry:
    """A run of the challenge."""

    run: str
    name: str
    """As somebody typed it: text, never HTML."""


class Ledger(LedgerFile):
    """The notes of one folder of runs.

    Every method raises RunError when the file cannot be read or written. Asking never makes a file."""

    def notes(self) -> dict[str, Note]:
        """Of all runs that have one, by name; `Note()` is what there is to know of the others."""
        with self.reading() as database:
            rows = database.execute("SELECT name, owner, title, pinned, deleted FROM runs").fetchall()
        return {name: Note(owner, title, bool(pinned), deleted) for name, owner, title, pinned, deleted in rows}

    def note(self, run: str) -> Note:
        return self.notes().get(run, Note())

    def owner(self, run: str) -> str:
        """Hash of its owner's token; '' when nobody knows."""
        return self.note(run).owner

    def own(self, run: str, token: object) -> None:
        """Whoever has this token may change the run from now on. What is no token owns nothing."""
        self.give(run, hashed(token))

    def give(self, run: str, owner: str) -> None:
        """The same, for whoever knows the hash of the token only."""
        self._set(run, owner=owner)

    def may_change(self, run: str, token: object) -> bool:
        """Whether this token is its owner's, or the server's owner's."""
        return is_admin(token) or same(self.owner(run), token)

    def title(self, run: str) -> str:
        """What a visitor called it, or its own name."""
        return self.note(run).title or run

    def rename(self, run: str, title: object) -> None:
        """The run has this title from now on, its own name again with an empty one; its folder stays as it is."""
        self._set(run, title=plain(title, "The title"))

    def pinned(self, run: str) -> bool:
        return self.note(run).pinned

    def pin(self, run: str, pinned: bool = True, *, at_most: int | None = None) -> None:
        """It stays when old runs go, or no longer does. Raises RunError when its owner has pinned `at_most` others."""
        crowd = f"{at_most} runs of yours are pinned already; unpin one of them first. {_BIN_COUNTS}"
        self._set(run, None if at_most is None or not pinned else (at_most, "pinned", crowd), pinned=int(pinned))

    def deleted(self) -> dict[str, float]:
        """The runs that were thrown away and can come back: name and when, in seconds since 1970."""
        return {name: note.deleted for name, note in self.notes().items() if note.deleted is not None}

    def mark_deleted(self, run: str, deleted: bool = True) -> None:
        """That it was thrown away now, or brought back. Moving its folder is the caller's."""
        self._set(run, deleted=time.time() if deleted else None)

    def forget(self, run: str) -> None:
        """Nothing is known of it any more."""
        with self.writing() as database:
            database.execute("DELETE FROM runs WHERE name = ?", (run,))

    def enter(self, run: str, name: object, *, at_most: int | None = None) -> None:
        """The run takes part in the challenge, under this name; with an empty one it no longer does. Raises RunError when
        its owner has entered `at_most` others."""
        entrant = plain(name, "The name")
        crowd = f"{at_most} runs of yours are on the board already; take one of them off first. {_BIN_COUNTS}"
        bound = None if at_most is None or not entrant else (at_most, "entrant != ''", crowd)
        self._set(run, bound, entrant=entrant, entered=time.time() if entrant else None)

    def board(self) -> list[Entry]:
        """Who takes part, in the order they entered. What each run reached is in its folder."""
        with self.reading() as database:
            rows = database.execute(
                "SELECT name, entrant FROM runs WHERE entrant != '' AND deleted IS NULL ORDER BY entered"
            )
            return [Entry(run, name) for run, name in rows]

    def _set(self, run: str, bound: tuple[int, str, str] | None = None, **values: Any) -> None:
        """`bound`: of how many other runs of the same owner what may be true at the most, and what is said otherwise."""
        columns = ", ".join(f"{name} = :{name}" for name in values)  # names from this file, never from outside
        with self.writing() as database:
            database.execute("INSERT OR IGNORE INTO runs (name) VALUES (?)", (run,))
            if bound:
                most, what, crowd = bound
                others = "name != :run AND owner = (SELECT owner FROM runs WHERE name = :run)"
                [[count]] = database.execute(f"SELECT count(*) FROM runs WHERE {what} AND {others}", {"run": run})
                if count >= most:
                    raise RunError(crowd)
            database.execute(f"UPDATE runs SET {columns} WHERE name = :run", values | {"run": run})
            self.write_beside(database, run)
