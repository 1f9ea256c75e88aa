"""A zip that somebody brings becomes a run only when it is one, and what is kept of it was written anew."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from diclam import archive, checkpoint, note_file, runs
from diclam.calibration import Calibration, Reliability
from diclam.errors import RunError
from diclam.events import Finished, Started, Step, Tested, Validated
from diclam.ledger import Ledger
from diclam.model import DiCLAM
from diclam.recipe import build_model
from diclam.runs import Run
from diclam.snapshots import Pinned, Snapshot
from diclam.tokens import hashed
from tests.conftest import random_evaluation, small_config

CONFIG = small_config()
EVENTS = (
    Started("report", 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452),
    Step(1, 0.1, 2.3, 1e-4, None, 300.0, 0.5, 0.01),
    Validated(1, 0.1, 2.0, 0.3, 500, 0.6, True, [[1] * 10] * 10),
    Finished("time", 1, 0.1, 60.0, 128, 0.3),
    Tested(0.4, 0.41, 0.42, 0.43, 3.0),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A whole run, with what belongs to its machine alone."""
    run = Run(tmp_path_factory.mktemp("runs") / "a-run")
    random_evaluation(100).save(run.path)
    checkpoint.save(run.path, build_model(CONFIG))
    info = {"config": CONFIG.to_dict(), "started": "2026-11-25T08:00:00+00:00", "versions": {"torch": "2.9"}, "hardware": {}}
    (run.path / "run.json").write_text(json.dumps(info))
    (run.path / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in EVENTS))
    reliability = Reliability(np.full(15, 2), np.full(15, 1.0), np.full(15, 1), 0.5)
    Calibration(1.5, "held-out pictures", reliability, reliability).save(run.path)
    pinned = Pinned(np.zeros((1, 32, 32, 3), np.uint8), (3,), held_out=True)
    sure, half = np.eye(10, dtype=np.float32)[:1], np.full((1, 2), 0.5, np.float32)
    snapshot = Snapshot(1, 0.1, 0.5, 0.01, False, sure, half, np.zeros((1, 2, 16, 16), np.uint8))
    lines = [json.dumps(one.to_json()) + "\n" for one in (pinned, snapshot)]
    (run.path / "snapshots.jsonl").write_text("".join(lines))
    for name in ("process", "stop", "log.txt", "settings.json", "state.pt"):
        (run.path / name).write_text("of this machine: /home/somebody")
    return run


@pytest.fixture(scope="module")
def packed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("zip") / "run.zip"
    archive.pack(run, path)
    return path.read_bytes()


def changed(packed: bytes, changes: Mapping[str, bytes | str | None]) -> bytes:
    """The same zip with other files; None leaves one out."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(content, "w") as new:
        files: dict[str, bytes | str | None] = {name: old.read(name) for name in old.namelist()} | {
            name if "/" in name else f"a-run/{name}": file for name, file in changes.items()
        }
        for name, file in files.items():
            if file is not None:
                new.writestr(name, file)
    return content.getvalue()


def made(member: zipfile.ZipInfo, file: bytes = b"{}", times: int = 1) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as new:
        new.writestr(member, file)
        for number in range(1, times):
            new.writestr(f"a-run/{number}", file)
    return content.getvalue()


def test_a_run_goes_into_a_zip_and_back(run: Run, packed: bytes, tmp_path: Path) -> None:
    back = archive.unpack(packed, tmp_path)
    assert back.path.parent == tmp_path
    assert back.name.endswith("_imported")
    assert {path.name for path in back.path.iterdir()} == set(archive.LIMITS)
    for name in archive.LIMITS:
        if name != "run.json":
            assert (back.path / name).read_bytes() == (run.path / name).read_bytes(), name
    assert back.info() == run.info() | {"imported": back.info()["imported"]}
    assert back.info()["imported"]["name"] == "a-run"
    assert b"somebody" not in packed


def test_whose_a_run_is_neither_leaves_in_a_zip_nor_comes_in_one(run: Run, packed: bytes, tmp_path: Path) -> None:
    back = archive.unpack(packed, tmp_path)
    Ledger(tmp_path).own(back.name, "1" * 32)
    Ledger(tmp_path).rename(back.name, "mine")
    mark = hashed("1" * 32)
    assert mark in (back.path / note_file.FILE).read_text()
    archive.pack(back, tmp_path / "home.zip")
    with zipfile.ZipFile(tmp_path / "home.zip") as home:
        assert {name.rpartition("/")[2] for name in home.namelist()} == set(archive.LIMITS)
        assert not any(mark.encode() in home.read(name) for name in home.namelist())
    forged = changed(packed, {note_file.FILE: (back.path / note_file.FILE).read_bytes()})
    with pytest.raises(RunError, match=f"got one with a file 'a-run/{note_file.FILE}'"):
        archive.unpack(forged, tmp_path)
    assert len(runs.list_runs(tmp_path)) == 1


def test_a_run_that_was_cut_off_travels_too(packed: bytes, tmp_path: Path) -> None:
    without = {name: None for name in archive.LIMITS if name not in ("run.json", "events.jsonl")}
    assert not archive.unpack(changed(packed, without), tmp_path).has_checkpoint


def lying(packed: bytes) -> bytes:
    """Says that its first file has fewer bytes than come out, in the file's own head and in the list at the end."""
    bomb = made(zipfile.ZipInfo("a-run/run.json"), b" " * 5000)
    return bomb.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little"))


def member(name: str, mode: int = 0, packing: int = zipfile.ZIP_STORED, size: int = 2) -> bytes:
    found = zipfile.ZipInfo(name)
    found.external_attr, found.compress_type = mode << 16, packing
    return made(found, b" " * size)


def weights(value: float) -> bytes:
    from safetensors.torch import save

    return save({name: torch.full_like(t, value) for name, t in DiCLAM().state_dict().items() if t.is_floating_point()})


def test_what_is_no_run_is_refused_in_one_sentence(packed: bytes, tmp_path: Path) -> None:
    info = json.loads(zipfile.ZipFile(io.BytesIO(packed)).read("a-run/run.json"))
    album = zipfile.ZipFile(io.BytesIO(packed)).read("a-run/snapshots.jsonl")
    many = made(zipfile.ZipInfo("a-run/run.json"), times=10_000)
    evil = {
        "no zip": b"PK no zip",
        "cut": packed[: len(packed) // 2],
        "lies": lying(packed),
        "bomb": member("run.json", packing=zipfile.ZIP_DEFLATED, size=2_000_000),
        "members": many,
        "up": member("../run.json") + b"",
        "elsewhere": changed(packed, {"../../etc/run.json": "{}"}),
        "absolute": changed(packed, {"/etc/passwd": "root"}),
        "twice": changed(packed, {"other/run.json": "{}"}),
        "link": member("a-run/run.json", mode=stat.S_IFLNK | 0o777),
        "packing": member("a-run/run.json", packing=zipfile.ZIP_BZIP2),
        "pickle": changed(packed, {"state.pt": b"\x80\x04cos\nsystem\n."}),
        "script": changed(packed, {"model.py": "print()"}),
        "empty": changed(packed, {"run.json": None}),
        "info": changed(packed, {"run.json": "{"}),
        "list": changed(packed, {"run.json": "[]"}),
        "deep": changed(packed, {"run.json": "[" * 100_000}),
        "setting": changed(packed, {"run.json": json.dumps(info | {"config": {"budget": "long"}})}),
        "fact": changed(packed, {"run.json": json.dumps(info | {"hardware": {"cores": [[]]}})}),
        "event": changed(packed, {"events.jsonl": '{"event": "Finished"}'}),
        "config": changed(packed, {"config.json": '{"model_type": "diclam", "heads": "two"}'}),
        "network": changed(packed, {"config.json": '{"model_type": "diclam", "heads": 4}'}),
        "weights": changed(packed, {"model.safetensors": b"\x80\x04cos\nsystem\n."}),
        "alone": changed(packed, {"model.safetensors": None}),
        "nan": changed(packed, {"model.safetensors": weights(float("nan"))}),
        "test": changed(packed, {"predictions.csv": "index,true\n0,unicorn\n"}),
        "calibration": changed(packed, {"calibration.json": '{"temperature": 1e999}'}),
        "album": changed(packed, {"snapshots.jsonl": "[]"}),
        "moment": changed(packed, {"snapshots.jsonl": album.replace(b'"seconds": 0.5', b'"seconds": NaN')}),
        "moments": changed(packed, {"snapshots.jsonl": album.replace(b'"step": 1', b'"step": 1e999')}),
        "figures": changed(packed, {"evaluation.json": '{"training_seconds": "x", "parameters": 1e999}'}),
    }
    for name, content in evil.items():
        with pytest.raises(RunError) as refusal:
            archive.unpack(content, tmp_path)
        sentence = str(refusal.value)
        assert len(sentence) < 500, name
        assert "\n" not in sentence, name
        assert str(tmp_path) not in sentence, name
    assert runs.list_runs(tmp_path) == []


def test_figures_are_those_of_the_answers(packed: bytes, run: Run, tmp_path: Path) -> None:
    figures = json.loads((run.path / "evaluation.json").read_text()) | {"accuracy": 1.0, "note": "<script>"}
    back = archive.unpack(changed(packed, {"evaluation.json": json.dumps(figures)}), tmp_path)
    assert (back.path / "evaluation.json").read_bytes() == (run.path / "evaluation.json").read_bytes()
