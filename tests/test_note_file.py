"""What a folder says of its run is believed when it is as it was written, and only then."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from diclam.note_file import FILE, NoteFile, all_of, read
from diclam.runs import BIN
from diclam.tokens import hashed

FULL = NoteFile(hashed("somebody"), "Günther's <b>best</b>", True, "Ada", 1.7e9)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read(tmp_path) == NoteFile()
    for note in (FULL, NoteFile(), NoteFile(title="x")):
        note.write(tmp_path)
        assert read(tmp_path) == note
    assert os.listdir(tmp_path) == [FILE]


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    NoteFile().write(tmp_path)
    assert os.listdir(tmp_path) == []
    FULL.write(tmp_path)
    os.utime(tmp_path / FILE, (1, 1))
    FULL.write(tmp_path)
    assert (tmp_path / FILE).stat().st_mtime == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "x"}, {"owner": hashed("a").upper() + "0"}, {"owner": None}, {"title": "a\nb"}, {"title": "x" * 61},
        {"entrant": "\u202etxt"}, {"pinned": 1}, {"pinned": "yes"}, {"entered": "now"}, {"entered": float("nan")},
        {"another": 1},
    ],
)  # fmt: skip
def test_what_nobody_wrote_so_is_not_believed(tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / FILE).write_text(json.dumps(asdict(FULL) | changes))
    assert read(tmp_path) == NoteFile()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"[" * 100_000])
def test_a_damaged_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert read(tmp_path) == NoteFile()


def test_all_that_is_said_is_found_in_the_bin_too(tmp_path: Path) -> None:
    for folder in ("a", "silent", f"{BIN}/b"):
        (tmp_path / folder).mkdir(parents=True)
    FULL.write(tmp_path / "a")
    FULL.write(tmp_path / BIN / "b")
    os.utime(tmp_path / BIN / "b", (7, 7))
    assert all_of(tmp_path) == [("a", FULL, None), ("b", FULL, 7)]
    assert all_of(tmp_path / "nowhere") == []
