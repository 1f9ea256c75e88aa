"""What people say about a run, in a file of its folder as well: a ledger that is lost is filled from these again.

The file stays on this server: no zip that is handed out holds it, and none that is brought may.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_type_hints

from diclam.errors import RunError
from diclam.files import replacing
from diclam.foreign import fits
from diclam.runs import BIN, list_runs

FILE = "note.json"
MAX_TITLE = 60


@dataclass(frozen=True)
class NoteFile:
    """The part of the ledger that belongs to one run."""

    owner: str = ""
    """Hash of its owner's token; '' when nobody knows."""
    title: str = ""
    pinned: bool = False
    entrant: str = ""
    """Its name on the board of the challenge; '' when it is not there."""
    entered: float | None = None
    """When it was entered there, in seconds since 1970."""

    def write(self, folder: Path) -> None:
        """Nothing is written where the file says the same, or there is none and nothing to say. Raises OSError."""
        if read(folder) != self:
            with replacing(folder / FILE) as path:
                path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def read(folder: Path) -> NoteFile:
    """What the file in this folder says; nothing where it is missing, or not as `write` makes it."""
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        found = NoteFile(**values)
        right = all(fits(values[name], hint) for name, hint in get_type_hints(NoteFile).items())
        plain(found.title, "The title")
        plain(found.entrant, "The name")
        return found if right and re.fullmatch(r"([0-9a-f]{64})?", found.owner) else NoteFile()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return NoteFile()


def all_of(root: Path) -> list[tuple[str, NoteFile, float | None]]:
    """The name of each run in this folder of runs of which a file says something, what it says, and when the run was thrown
    away, None for one that was not."""
    found = []
    for folder in (root, root / BIN):
        for run in list_runs(folder):
            with suppress(OSError):  # gone a moment ago
                note, changed = read(run.path), run.path.stat().st_mtime
                if note != NoteFile():
                    found.append((run.name, note, None if folder == root else changed))
    return found


def plain(text: object, what: str) -> str:
    """One line of text as a person typed it, without space around it. Raises RunError when it is anything else."""
    if not isinstance(text, str) or len(text.strip()) > MAX_TITLE or not text.strip().isprintable():
        raise RunError(f"{what} must be one line of at most {MAX_TITLE} characters; got {str(text)[:MAX_TITLE]!r}.")
    return text.strip()
