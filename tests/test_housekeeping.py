"""What is thrown away can come back for an hour, and only what the page made goes by itself, the oldest first."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from diclam import housekeeping, runs
from diclam.errors import ConfigError, RunError
from diclam.housekeeping import Bounds, bring_back, throw_away, tidy
from diclam.ledger import Ledger
from diclam.recipe import TrainConfig
from diclam.runs import BIN, Run
from diclam.waiting import Queue, Ticket

ME = "1" * 32
HOURS_AGO = time.time() - 7200


def make(root: Path, name: str, *, from_page: bool = True, alive: bool = False, size: int = 1000) -> Run:
    run = Run(root / name)
    run.path.mkdir(parents=True)
    (run.path / "model.safetensors").write_bytes(b"x" * size)
    if from_page:
        (run.path / "settings.json").touch()
    if alive:
        run.claim(os.getpid())
    os.utime(run.path, (HOURS_AGO, HOURS_AGO))
    return run


def cut_off(run: Run) -> int:
    """It waits to be continued while another goes on -> the number of its place."""
    (run.path / runs.INFO).write_text(json.dumps({"config": TrainConfig().to_dict()}))
    (run.path / runs.STATE).touch()
    Ledger(run.path.parent).own(run.name, ME)
    ticket = Queue(run.path.parent).ask_to_go_on(run, ME)
    assert isinstance(ticket, Ticket)
    return ticket.number


def names(root: Path) -> list[str]:
    return [run.name for run in runs.list_runs(root)]


def test_what_was_thrown_away_comes_back_as_it_was(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    Ledger(tmp_path).own("a", "me")
    throw_away(run, tmp_path)
    assert names(tmp_path) == []
    assert set(Ledger(tmp_path).deleted()) == {"a"}
    tidy(tmp_path)  # not an hour later
    assert bring_back("a", tmp_path).path == run.path
    assert (run.path / "model.safetensors").stat().st_size == 1000
    assert Ledger(tmp_path).deleted() == {}
    assert Ledger(tmp_path).may_change("a", "me")


def test_after_an_hour_it_is_gone_for_good(tmp_path: Path) -> None:
    throw_away(make(tmp_path, "a"), tmp_path)
    os.utime(tmp_path / BIN / "a", (HOURS_AGO, HOURS_AGO))
    tidy(tmp_path)
    assert not (tmp_path / BIN / "a").exists()
    assert Ledger(tmp_path).notes() == {}
    with pytest.raises(RunError, match="cannot be brought back"):
        bring_back("a", tmp_path)


def test_a_run_that_is_going_on_is_not_thrown_away(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="still going on"):
        throw_away(make(tmp_path, "a", alive=True), tmp_path)
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["..", "../a", ".deleted", "", "nothing", "a"])
def test_only_what_lies_in_the_bin_comes_back(tmp_path: Path, name: str) -> None:
    make(tmp_path, "a")
    (tmp_path / BIN).mkdir()
    with pytest.raises(RunError, match="cannot be brought back"):
        bring_back(name, tmp_path)
    assert names(tmp_path) == ["a"]


def test_another_run_of_that_name_is_not_overwritten(tmp_path: Path) -> None:
    throw_away(make(tmp_path, "a"), tmp_path)
    make(tmp_path, "a", size=5)
    with pytest.raises(RunError, match="cannot be brought back"):
        bring_back("a", tmp_path)
    assert (tmp_path / "a" / "model.safetensors").stat().st_size == 5


def test_the_oldest_go_but_for_the_pinned_the_running_and_those_of_the_command_line(tmp_path: Path) -> None:
    make(tmp_path, "1", from_page=False)
    make(tmp_path, "2", alive=True)
    make(tmp_path, "3")
    make(tmp_path, "4")
    make(tmp_path, "5")
    make(tmp_path, "6")
    Ledger(tmp_path).pin("3")
    assert tidy(tmp_path, Bounds(runs=3)) == ["4", "5"]
    assert names(tmp_path) == ["6", "3", "2", "1"]
    assert not list((tmp_path / BIN).iterdir())
    assert tidy(tmp_path, Bounds(runs=1)) == ["6"]
    assert tidy(tmp_path, Bounds(runs=1)) == []


def test_a_run_that_waits_and_one_on_the_board_are_not_tidied_away(tmp_path: Path) -> None:
    for name in ("1", "2", "3", "4"):
        make(tmp_path, name)
    make(tmp_path, "5", alive=True)
    Ledger(tmp_path).enter("1", "Ada")
    number = cut_off(Run(tmp_path / "2"))
    os.utime(tmp_path / "2", (HOURS_AGO, HOURS_AGO))
    assert tidy(tmp_path, Bounds(runs=1)) == ["3", "4"]
    assert names(tmp_path) == ["5", "2", "1"]
    Queue(tmp_path).withdraw(number, ME)
    Ledger(tmp_path).enter("1", "")
    os.utime(tmp_path / "1", (HOURS_AGO, HOURS_AGO))
    assert tidy(tmp_path, Bounds(runs=1)) == ["1", "2"]


def test_a_run_that_waits_to_go_on_is_not_thrown_away(tmp_path: Path) -> None:
    make(tmp_path, "2", alive=True)
    run = make(tmp_path, "1")
    number = cut_off(run)
    with pytest.raises(RunError, match="The run 1 waits to go on; withdraw it from the queue first"):
        throw_away(run, tmp_path)
    assert names(tmp_path) == ["2", "1"]
    Queue(tmp_path).withdraw(number, ME)
    throw_away(run, tmp_path)
    assert names(tmp_path) == ["2"]


def test_a_run_that_begins_to_wait_while_others_are_tidied_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "1")
    make(tmp_path, "2", alive=True)
    looks = iter([set(), {"1"}])
    monkeypatch.setattr(Queue, "awaited", lambda queue: next(looks))
    assert tidy(tmp_path, Bounds(bytes=0)) == []
    assert names(tmp_path) == ["2", "1"]


def test_the_size_of_all_is_bounded(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        make(tmp_path, name, size=1000)
    assert tidy(tmp_path, Bounds(bytes=2500)) == ["1"]


def test_a_run_of_this_minute_stays(tmp_path: Path) -> None:
    os.utime(make(tmp_path, "1").path)
    assert tidy(tmp_path, Bounds(bytes=0)) == []


@pytest.mark.parametrize(("name", "text"), [("RUNS", "many"), ("RUNS", "0"), ("GB", "nan"), ("GB", "")])
def test_impossible_bounds_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    assert Bounds.of_this_server() == Bounds()
    monkeypatch.setenv(f"DICLAM_KEEP_{name}", text)
    with pytest.raises(ConfigError, match=f"DICLAM_KEEP_{name} must be a number"):
        Bounds.of_this_server()


def test_where_nothing_was_trained_there_is_nothing_to_tidy(tmp_path: Path) -> None:
    assert tidy(tmp_path / "runs") == []
    assert not (tmp_path / "runs").exists()
    assert housekeeping.size(tmp_path) == 0
    with pytest.raises(RunError):
        bring_back("a", tmp_path / "runs")
