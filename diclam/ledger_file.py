"""The SQLite file of a folder of runs: made when there is something to write, filled from those of the runs when it was
lost, moved aside when it is damaged."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from diclam import note_file
from diclam.errors import RunError
from diclam.note_file import NoteFile
from diclam.runs import find, runs_root

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
    asked REAL NOT NULL, run TEXT NOT NULL DEFAULT '', turn INTEGER NOT NULL DEFAULT 0
);
"""
_VERSION = 3
_log = logging.getLogger(__name__)


class LedgerFile:
    """Safe for several threads and processes: each reading and writing opens the file for itself.

    Both raise RunError when it cannot be read or written. Reading never makes a file."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or runs_root()
        self.path = self.root / FILE

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

    def write_beside(self, database: sqlite3.Connection, run: str) -> None:
        """What this writing says of the run goes to its folder as well, while nobody else writes: so it is the newest there,
        too."""
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
        except OSError as error:  # Nobody may write here.
            raise _unusable(self.path, error) from error
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
        if "turn" not in {column for _, column, *_ in database.execute("PRAGMA table_info(waiting)")}:
            database.execute("ALTER TABLE waiting ADD COLUMN turn INTEGER NOT NULL DEFAULT 0")
        _check(database)
        database.execute("BEGIN IMMEDIATE")
        if _version(database) == 0:
            for name, note, deleted in note_file.all_of(self.root):
                row = name, note.owner, note.title, note.pinned, deleted, note.entrant, note.entered
                database.execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        elif _version(database) < _VERSION:
            for (name,) in database.execute("SELECT name FROM runs").fetchall():
                self.write_beside(database, name)
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
    database.execute("SELECT number, owner, settings, resumes, asked, run, turn FROM waiting LIMIT 1")


def _version(database: sqlite3.Connection) -> int:
    [[version]] = database.execute("PRAGMA user_version")
    return version


def _damaged(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong; a locked one, or a full disk, is not."""
    words = ("not a database", "malformed", "no such column", "no such table", "unsupported file format")
    return type(error) is sqlite3.DatabaseError or any(word in str(error) for word in words)


def _unusable(path: Path, error: Exception) -> RunError:
    return RunError(f"What is known of the runs cannot be kept in {path} ({error}); set DICLAM_RUNS to another folder.")
