"""What people say about runs: whose they are, their titles, pins, the entries of the challenge. One SQLite file beside them.

What a run was and found is in its own folder alone, and what belongs to a run is written there as well. A ledger that is
damaged is moved aside; one that is lost, or was, begins with what the folders say. Only who waits is lost with it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from diclam import note_file
from diclam.errors import RunError
from diclam.note_file import NoteFile, plain
from diclam.runs import find, runs_root
from diclam.tokens import hashed, is_admin, same

FILE = "lab.sqlite"
# Seconds that one process waits until another has written.
PATIENCE = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '',
    pinned INTEGER NOT NULL DEFAULT 0, deleted REAL, entrant TEXT NOT NULL DEFAULT '', entered REAL
);
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, settings TEXT NOT NULL, resumes TEXT NOT NULL,
    asked REAL NOT NULL, run TEXT NOT NULL DEFAULT ''
);
"""
_VERSION = 2
_BIN_COUNTS = "One that was deleted counts as long as it can be brought back."
_log = logging.getLogger(__name__)


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


class Ledger:
    """The notes of one folder of runs. Safe for several threads and processes: each call opens the file for itself.

    Every method raises RunError when the file cannot be read or written. Asking never makes a file."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or runs_root()
        self.path = self.root / FILE

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

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._open(":memory:" if not self.path.exists() else str(self.path)) as database:
            yield database

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is written within happens together, or not at all; nobody else writes meanwhile."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.path, error) from error
        with self._open(str(self.path)) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # Closing takes it back as well.
                    database.execute("ROLLBACK")
                raise

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
            self._write_beside(database, run)  # While nobody else writes, so that the folder has the newest, too.

    def _write_beside(self, database: sqlite3.Connection, run: str) -> None:
        [[owner, title, pinned, entrant, entered]] = database.execute(
            "SELECT owner, title, pinned, entrant, entered FROM runs WHERE name = ?", (run,)
        )
        with suppress(RunError):  # thrown away
            try:
                NoteFile(owner, title, bool(pinned), entrant, entered).write(find(run, self.root).path)
            except OSError as error:
                _log.warning("What is known of the run %s is in the ledger alone: %s.", run, error)

    @contextmanager
    def _open(self, path: str) -> Iterator[sqlite3.Connection]:
        try:
            database = self._connect(path)
        except sqlite3.Error as error:
            if not _damaged(error):
                raise _unusable(self.path, error) from error
            self._move_aside(path, error)
            database = self._connect(path)
        try:
            yield database
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        finally:
            database.close()

    def _connect(self, path: str) -> sqlite3.Connection:
        """A connection to tables that can be read. Raises sqlite3.Error, also for a file that is damaged."""
        database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            if path == ":memory:":
                self._begin(database)
            elif _version(database) < _VERSION:
                with self._alone():  # SQLite does not wait for another process that is at this very point.
                    database.execute("PRAGMA journal_mode = WAL")  # Readers and the writer do not wait for one another.
                    self._begin(database)
            _check(database)
        except BaseException:
            database.close()
            raise
        return database

    def _begin(self, database: sqlite3.Connection) -> None:
        """Tables that hold what the folders say, all or nothing; what an older ledger holds goes to the folders."""
        database.executescript(_TABLES)
        _check(database)
        database.execute("BEGIN IMMEDIATE")
        if _version(database) == 0:
            for name, note, deleted in note_file.all_of(self.root):
                row = name, note.owner, note.title, note.pinned, deleted, note.entrant, note.entered
                database.execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        elif _version(database) < _VERSION:
            for (name,) in database.execute("SELECT name FROM runs").fetchall():
                self._write_beside(database, name)
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("COMMIT")

    def _move_aside(self, path: str, problem: sqlite3.Error) -> None:
        with self._alone():
            if not self.path.exists():  # Another process was here first, and so on the next lines.
                return
            with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as database:
                _check(database)
                return
            kept = f"{FILE}.damaged-{datetime.now():%Y-%m-%d_%H-%M-%S}"
            _log.warning("%s is damaged (%s); it is kept as %s, and a new one begun.", self.path, problem, kept)
            for ending in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.replace(f"{path}{ending}", self.root / f"{kept}{ending}")

    def _alone(self) -> FileLock:
        return FileLock(self.root / ".ledger.lock")


def _check(database: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError when the file is damaged, or is of another program."""
    [[found]] = database.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    database.execute("SELECT name, owner, title, pinned, deleted, entrant, entered FROM runs LIMIT 1")
    database.execute("SELECT number, owner, settings, resumes, asked, run FROM waiting LIMIT 1")


def _version(database: sqlite3.Connection) -> int:
    [[version]] = database.execute("PRAGMA user_version")
    return version


def _damaged(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong; a locked one, or a full disk, is not."""
    words = ("not a database", "malformed", "no such column", "no such table", "unsupported file format")
    return type(error) is sqlite3.DatabaseError or any(word in str(error) for word in words)


def _unusable(path: Path, error: Exception) -> RunError:
    return RunError(f"What is known of the runs cannot be kept in {path} ({error}); set DICLAM_RUNS to another folder.")
