"""The comparison of light, full and taught networks measures what it says, and goes on where it was cut off."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch

from benchmarks import light_full
from diclam import checkpoint, data, recipe, recorder
from diclam.augment import normalize
from diclam.model import DiCLAM, ModelConfig
from tests.conftest import random_cifar10, small_config


def test_multiply_adds_are_those_of_the_layers() -> None:
    channels = [(3, 64, 32), (64, 64, 32), (64, 64, 16), (64, 128, 16), (128, 256, 8), (256, 256, 8), (256, 256, 4)]
    shared = sum(9 * inputs * outputs * side**2 for inputs, outputs, side in channels) + 1024 * 64 + 64 * 10
    products = 2 * 256 * 256 * 64
    light = 3 * 64 * 64 * 256 + products + 2 * 2 * 256 * 128 * 64 + 256 * 2
    full = (4 * 64 * 64 + 2 * 64 * 256) * 256 + products + 4 * 2 * 256 * 1024 * 64 + 256 * 4
    assert light_full.multiply_adds(DiCLAM()) == shared + light
    assert light_full.multiply_adds(DiCLAM(ModelConfig(blocks="full"))) == shared + full


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Few pictures, and results that are kept elsewhere. Holds the names of the runs that were trained."""
    trained: list[str] = []
    record = recorder.record

    def noted(run, config, watch, stop) -> None:
        trained.append(run.name)
        record(run, config, watch, stop)

    monkeypatch.setattr(recorder, "record", noted)
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(48, 20, side=8))
    monkeypatch.setattr(light_full, "RESULTS", tmp_path / "results" / "light_full.json")
    monkeypatch.setitem(recipe.RECIPES, "fast", small_config("fast", epochs=None, holdout=16))
    return trained


def test_every_network_is_trained_measured_and_kept(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = shlex.split(f"--epochs 1 --anyway --keep {tmp_path / 'runs'}")
    light_full.main(arguments)
    printed = capsys.readouterr().out
    assert small == [
        "fast_1-epochs_light_seed-0",
        "fast_1-epochs_full_seed-0",
        "fast_1-epochs_light_by_full_seed-0",
    ]
    rows = json.loads(light_full.RESULTS.read_text())
    assert [(row["network"], row["teacher"]) for row in rows] == [("light", ""), ("full", ""), ("light", "full")]
    assert [row["parameters"] for row in rows] == [1_837_452, 3_845_966, 1_837_452]
    assert all(words in printed for words in ("| light |", "| full |", "| light, taught by the full one |", "154 M"))
    taught = json.loads((tmp_path / "runs" / small[2] / "run.json").read_text())["config"]
    assert taught["teacher"] == str(tmp_path / "runs" / small[1])

    images, labels = random_cifar10(48, 20, side=8).train_images, random_cifar10(48, 20).train_labels
    _, kept = data.hold_out(labels, 16)
    model = checkpoint.load(tmp_path / "runs" / small[0])
    with torch.inference_mode():
        right = model(normalize(images[kept])).argmax(1) == labels[kept]
    assert rows[0]["runs"][0]["held_out_accuracy"] == pytest.approx(right.double().mean().item())

    light_full.main(arguments)
    assert len(small) == 3
    assert json.loads(light_full.RESULTS.read_text()) == rows


def test_what_was_measured_with_other_settings_is_kept_and_not_printed(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    light_full.main(["--epochs", "1", "--anyway", "--teachers"])
    capsys.readouterr()
    monkeypatch.setitem(recipe.RECIPES, "fast", small_config("fast", epochs=None, holdout=16, label_smoothing=0.1))
    light_full.main(["--epochs", "1", "--anyway", "--teachers"])
    assert len(json.loads(light_full.RESULTS.read_text())) == 4
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith(("| light", "| full"))]) == 2
