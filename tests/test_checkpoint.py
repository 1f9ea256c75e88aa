"""A folder gives the same model back, or says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from diclam import checkpoint
from diclam.errors import CheckpointError
from diclam.model import DiCLAM, ModelConfig


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, DiCLAM]:
    model = DiCLAM(ModelConfig(heads=4, activation="relu"))
    checkpoint.save(tmp_path, model)
    return tmp_path, model


def test_gives_the_same_model_back(saved: tuple[Path, DiCLAM]) -> None:
    folder, model = saved
    again = checkpoint.load(folder)
    assert again.config == model.config
    assert not again.training
    x = torch.zeros(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(again(x), model.eval()(x))


def test_leaves_no_temporary_file(saved: tuple[Path, DiCLAM]) -> None:
    assert sorted(path.name for path in saved[0].iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_names_the_missing_file(saved: tuple[Path, DiCLAM], name: str) -> None:
    (saved[0] / name).unlink()
    with pytest.raises(CheckpointError, match=f"has no {name}"):
        checkpoint.load(saved[0])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"\xff\xfe"),
        ("config.json", b"[]"),
        ("config.json", json.dumps({"model_type": "bert"}).encode()),
        ("config.json", json.dumps({"model_type": "diclam", "experts": 7}).encode()),
        ("config.json", json.dumps({"model_type": "diclam", "heads": 3}).encode()),
        ("model.safetensors", b""),
        ("model.safetensors", b"not weights at all"),
    ],
)
def test_a_damaged_file_is_a_readable_error(saved: tuple[Path, DiCLAM], name: str, content: bytes) -> None:
    (saved[0] / name).write_bytes(content)
    with pytest.raises(CheckpointError):
        checkpoint.load(saved[0])


def test_weights_cut_short_are_a_readable_error(saved: tuple[Path, DiCLAM]) -> None:
    path = saved[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(saved[0])
