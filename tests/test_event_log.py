"""A file that grows is read piece by piece, and gives what reading all of it would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from diclam import event_log
from diclam.events import Event, Failed, Probing, Testing, from_json


def lines(*events: Event) -> str:
    return "".join(event.to_json() + "\n" for event in events)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line that was parsed."""
    seen: list[str] = []

    def count(line: str) -> Event:
        seen.append(line)
        return from_json(line)

    monkeypatch.setattr(event_log, "from_json", count)
    return seen


def test_what_is_known_is_not_read_again(tmp_path: Path, parsed: list[str]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(lines(Probing(), Testing(1, 9)))
    assert event_log.read(path) == [Probing(), Testing(1, 9)]
    assert event_log.read(path) == [Probing(), Testing(1, 9)]
    with path.open("a") as file:
        file.write(lines(Testing(2, 9)))
    assert event_log.read(path) == [Probing(), Testing(1, 9), Testing(2, 9)]
    assert len(parsed) == 3


def test_a_half_written_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = lines(Testing(2, 9))
    path.write_text(lines(Probing()) + line[:9])
    assert event_log.read(path) == [Probing()]
    with path.open("a") as file:
        file.write(line[9:])
    assert event_log.read(path) == [Probing(), Testing(2, 9)]


@pytest.mark.parametrize("anew", [lines(Failed("no")), lines(Testing(1, 8), Testing(2, 8), Testing(3, 8)), ""])
def test_a_file_that_is_written_anew_is_read_anew(anew: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(lines(Probing(), Testing(1, 9)))
    event_log.read(path)
    path.write_text(anew)
    whole = event_log.read(path)
    assert "".join(event.to_json() + "\n" for event in whole) == anew


def test_another_file_in_its_place_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(lines(Probing(), Testing(1, 9)))
    event_log.read(path)
    (tmp_path / "new").write_text(lines(Probing(), Testing(1, 9)))
    (tmp_path / "new").replace(path)
    with path.open("a") as file:
        file.write(lines(Testing(2, 9)))
    assert event_log.read(path) == [Probing(), Testing(1, 9), Testing(2, 9)]
    path.unlink()
    assert event_log.read(path) == []


def test_only_so_many_files_are_remembered(tmp_path: Path) -> None:
    for number in range(event_log.ROOM + 3):
        path = tmp_path / str(number)
        path.write_text(lines(Testing(number, 99)))
        assert event_log.read(path) == [Testing(number, 99)]
    assert len(event_log._known) == event_log.ROOM


def test_who_changes_the_list_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(lines(Probing()))
    event_log.read(path).clear()
    assert event_log.read(path) == [Probing()]
