"""Nobody fills the folder of runs with what they bring."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from diclam import ration
from diclam.errors import RunError
from diclam.ledger import Ledger
from diclam.recipe import TrainConfig
from diclam.runs import BIN, INFO

ME = "1" * 32


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICLAM_ADMIN_TOKEN", raising=False)
    monkeypatch.setattr(ration, "OF_ONE", 2)
    monkeypatch.setattr(ration, "OF_ALL", 4)


def brought(root: Path, name: str, minutes: float, token: str = ME, folder: str = "") -> None:
    at = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    keep(root / folder / name, {"imported": {"name": "a", "at": at.isoformat()}})
    Ledger(root).own(name, token)


def keep(folder: Path, more: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / INFO).write_text(json.dumps({"config": TrainConfig().to_dict(), **more}))


def test_a_visitor_brings_so_many_runs_an_hour_and_others_theirs(tmp_path: Path) -> None:
    keep(tmp_path / "trained", {})
    keep(tmp_path / "strange", {"imported": {"at": 3}})
    brought(tmp_path, "long-ago", 61)
    brought(tmp_path, "first", 50)
    ration.check(ME, tmp_path)
    brought(tmp_path, "second", 10, folder=BIN)  # thrown away meanwhile
    with pytest.raises(RunError, match=r"2 runs of yours were brought within an hour.*try again in (10 min|9 min 59 s)"):
        ration.check(ME, tmp_path)
    ration.check("2" * 32, tmp_path)


@pytest.mark.parametrize("nobody", ["", None, {"own": ME}, ME[1:], "x" * 32, "secret of the owner"])
def test_nobody_brings_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody: object) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "secret of the owner")
    for shown in (None, "secret of the owner"):
        with pytest.raises(RunError, match="reload the page"):
            ration.check(nobody, tmp_path, shown=shown)


def test_all_visitors_together_bring_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(4):
        brought(tmp_path, f"run-{k}", 0, token=f"{k:032}")
    with pytest.raises(RunError, match="4 runs were brought"):
        ration.check("a" * 32, tmp_path)
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "secret of the owner")
    ration.check("a" * 32, tmp_path, shown="secret of the owner")
