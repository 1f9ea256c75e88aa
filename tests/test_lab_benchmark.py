"""The benchmark of the training lab compares like with like, and says so when it could not."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import classify, lab, lab_page, machine
from demo.run_settings import FIRST
from diclam.command import train_command
from diclam.events import Event, Failed, Finished
from diclam.runs import EVENTS, INFO, Run

CONFIG = replace(FIRST, budget=30.0, seed=2)
DONE = Finished("time", step=100, epoch=0.3, seconds=32.0, pictures_seen=12_800, best_accuracy=0.5)


def write(folder: Path, *events: Event) -> Run:
    """A run with these events, whose process is gone."""
    folder.mkdir(exist_ok=True)
    (folder / INFO).write_text(json.dumps({"config": CONFIG.to_dict()}), encoding="utf-8")
    (folder / EVENTS).write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
    return Run(folder)


def test_the_speed_is_pictures_by_the_seconds_of_the_run(tmp_path: Path) -> None:
    assert lab.speed(write(tmp_path, DONE), CONFIG) == 400


@pytest.mark.parametrize(
    ("events", "config", "word"),
    [
        ([DONE], replace(CONFIG, batch_size=64), "settings"),
        ([replace(DONE, reason="stopped")], CONFIG, "stopped"),
        ([Failed("no memory")], CONFIG, "no memory"),
        ([], CONFIG, "without a word"),
    ],
)
def test_a_run_that_cannot_be_compared_has_no_speed(tmp_path: Path, events: list[Event], config: Any, word: str) -> None:
    with pytest.raises(RuntimeError, match=word):
        lab.speed(write(tmp_path, *events), config)


def test_the_command_is_the_one_that_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    class Process:
        """Has trained at once."""

        def __init__(self, command: list[str], **options: Any) -> None:
            commands.append(command)
            write(tmp_path / "run", DONE)

        def poll(self) -> int:
            return 0

        def kill(self) -> None: ...

        def wait(self, seconds: float) -> None: ...

    monkeypatch.setattr(lab.subprocess, "Popen", Process)
    assert lab.by_command(tmp_path / "run", CONFIG) == 400
    python, *shown = shlex.split(train_command(CONFIG))
    assert python == "python"
    assert commands == [[sys.executable, *shown, "--run-dir", str(tmp_path / "run")]]


@pytest.mark.parametrize("wrong", [["--pairs", "0"], ["--budget", "3"], ["--budget", "nan"]])
def test_what_cannot_be_measured_is_refused_before_anything_starts(
    wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab.machine, "insist_on_quiet", lambda anyway: pytest.fail("it went on"))
    with pytest.raises(SystemExit, match="2"):
        lab.main(wrong)
    assert "must be" in capsys.readouterr().err


def test_a_missing_browser_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_page.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="Chromium is missing"), lab_page.browser():
        pass


def test_the_table_holds_every_figure() -> None:
    result = {
        "recipe": "fast",
        "budget": 30.0,
        "seconds": {"start": [4.0, 5.0, 9.0], "reload": [0.5], "halt": [0.75], "stop": [1.0, 2.0]},
        "classify": classify.row("one visitor", [0.010, 0.020, 0.030], []),
        "page_pictures_per_second": [900.0, 1000.0],
        "command_pictures_per_second": [1000.0, 1000.0],
        "others": 0.0,
        **machine.describe(),
    }
    printed = lab.table(result)
    assert "curve | 3 | 5.00 s | 9.00 s |" in printed
    assert "status and curve | 1 | 0.50 s | 0.50 s |" in printed
    assert "the training | 1 | 0.75 s | 0.75 s |" in printed
    assert "usable | 2 | 1.50 s | 2.00 s |" in printed
    assert "trains | 3 | 20 ms | p95: 29 ms |" in printed
    assert "on the page | 2 | 950 | 900 |" in printed
    assert "same command | 2 | 1000 | 1000 |" in printed
    assert "95.0 % (standard error 5.0) of the command's" in printed
