"""The page's models: by key, loaded once, never more than a few."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from demo.models import BUNDLED, Models
from diclam import calibration, checkpoint
from diclam.calibration import Calibration, Reliability
from diclam.errors import CheckpointError, RunError
from diclam.evaluate import evaluate
from diclam.fader import FaderTable
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM, ModelConfig
from tests.conftest import random_cifar10, random_evaluation


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path))
    return tmp_path


def trained(root: Path, name: str, tested: bool = True) -> Path:
    checkpoint.save(root / name, DiCLAM())
    if tested:
        random_evaluation(100).save(root / name)
    return root / name


def test_a_model_is_loaded_once_until_it_is_written_anew(root: Path) -> None:
    folder = trained(root, "a")
    models = Models()
    first = models.model("a")
    assert models.model("a") is first
    assert not first.training
    checkpoint.save(folder, DiCLAM())
    os.utime(folder / checkpoint.WEIGHTS, ns=(1, 1))
    assert models.model("a") is not first


def test_no_more_than_a_few_are_kept(root: Path) -> None:
    models = Models(capacity=2)
    loaded = {}
    for name in ("a", "b", "c"):
        trained(root, name)
        loaded[name] = models.model(name)
    assert models.model("c") is loaded["c"]
    assert models.model("b") is loaded["b"]
    assert models.model("a") is not loaded["a"]


def test_gates_are_those_of_the_test_and_counted_once(root: Path) -> None:
    folder = trained(root, "a")
    models = Models()
    gates = models.gates("a")
    assert gates is not None
    assert gates.counts.sum() == 100
    assert models.gates("a") is gates
    random_evaluation(200).save(folder)
    os.utime(folder / "evaluation.json", ns=(1, 1))
    again = models.gates("a")
    assert again is not None
    assert again.counts.sum() == 200
    trained(root, "b", tested=False)
    assert models.gates("b") is None


def test_a_fader_table_belongs_to_its_weights(root: Path) -> None:
    folder = trained(root, "a")
    models = Models()
    assert models.fader_table("a") is None
    FaderTable(np.ones((21, 10), int), np.full(10, 5)).save(folder)
    table = models.fader_table("a")
    assert table is not None
    assert models.fader_table("a") is table
    torch.manual_seed(1)
    checkpoint.save(folder, DiCLAM())
    os.utime(folder / checkpoint.WEIGHTS, ns=(1, 1))
    assert models.fader_table("a") is None
    for unknown in ("nowhere", "../a"):
        with pytest.raises(RunError):
            models.fader_table(unknown)
        with pytest.raises(RunError):
            models.gates(unknown)


def test_choices_name_every_model_that_has_weights(root: Path) -> None:
    trained(root, "2026-01-01_report")
    trained(root, "2026-01-02_report", tested=False)
    (root / "2026-01-03_report").mkdir()
    choices = Models().choices()
    assert [key for _, key in choices] == [BUNDLED, "2026-01-02_report", "2026-01-01_report"]
    assert choices[1][0].endswith("not tested")
    assert choices[2][0].endswith("%")


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe\x00", b"[]", b'{"accuracy": "high"}', b'{"accuracy": NaN}', b'{"accuracy": 7}']
)
def test_a_run_of_garbage_is_a_choice_like_any_other_until_it_is_used(root: Path, content: bytes) -> None:
    folder = root / "garbage"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "evaluation.json", "predictions.csv", "events.jsonl", "run.json"):
        (folder / name).write_bytes(content)
    models = Models()
    assert ("garbage - not tested", "garbage") in models.choices()
    assert models.evaluation("garbage") is None
    with pytest.raises(CheckpointError, match="garbage") as caught:
        models.model("garbage")
    assert str(root) not in str(caught.value)


def test_a_folder_that_is_not_named_as_a_run_is_no_choice(root: Path) -> None:
    trained(root, "<b>run</b>", tested=False)
    assert [key for _, key in Models().choices()] == [BUNDLED]


def test_an_untested_model_has_no_evaluation_until_it_is_tested(root: Path) -> None:
    folder = trained(root, "a", tested=False)
    models = Models()
    assert models.evaluation("a") is None
    random_evaluation(100).save(folder)
    evaluation = models.evaluation("a")
    assert evaluation is not None
    assert models.evaluation("a") is evaluation
    (folder / "evaluation.json").write_text("{")
    os.utime(folder / "evaluation.json", ns=(1, 1))
    assert models.evaluation("a") is None


def test_a_network_of_full_blocks_answers_but_has_no_test_to_show(root: Path) -> None:
    torch.manual_seed(0)
    model = DiCLAM(ModelConfig(blocks="full"))
    checkpoint.save(root / "large", model)
    pictures = random_cifar10(10, 10)
    evaluate(model, pictures.test_images, pictures.test_labels).save(root / "large")
    models = Models()
    assert models.model("large").config.blocks == "full"
    assert models.evaluation("large") is models.gates("large") is None


def test_what_is_familiar_belongs_to_its_weights(root: Path) -> None:
    folder = trained(root, "a", tested=False)
    models = Models()
    assert models.familiarity("a") is None
    Familiarity(torch.eye(256)[:20], 0.5, 0.05, "by hand").save(folder)
    found = models.familiarity("a")
    assert found is not None
    assert models.familiarity("a") is found
    torch.manual_seed(1)
    checkpoint.save(folder, DiCLAM())
    os.utime(folder / checkpoint.WEIGHTS, ns=(1, 1))
    assert models.familiarity("a") is None
    with pytest.raises(RunError):
        models.familiarity("nowhere")


def test_a_model_has_its_temperature_as_soon_as_it_is_measured(root: Path) -> None:
    folder = trained(root, "a", tested=False)
    models = Models()
    assert models.calibration("a") is models.model("a").temperature is None
    table = Reliability(np.full(15, 2), np.ones(15), np.ones(15, int), nll=0.5)
    Calibration(1.5, "by hand", table, table).save(folder)
    found = models.calibration("a")
    assert found is not None
    assert models.calibration("a") is found
    assert models.model("a").temperature == found.temperature == 1.5
    (folder / calibration.TABLE).write_text("{")
    os.utime(folder / calibration.TABLE, ns=(1, 1))
    assert models.calibration("a") is models.model("a").temperature is None


@pytest.mark.parametrize("key", ["../a", "nobody", "", "/"])
def test_an_unknown_key_is_a_readable_error(key: str) -> None:
    with pytest.raises(RunError):
        Models().model(key)


def test_a_run_without_weights_is_a_readable_error(root: Path) -> None:
    (root / "empty").mkdir()
    with pytest.raises(CheckpointError):
        Models().model("empty")


def test_the_bundled_model_is_there_and_tested() -> None:
    models = Models()
    assert sum(p.numel() for p in models.model(BUNDLED).parameters()) == 1_837_452
    evaluation = models.evaluation(BUNDLED)
    assert evaluation is not None
    assert len(evaluation.true) == 10_000
