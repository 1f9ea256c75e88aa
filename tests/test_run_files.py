"""What a visitor takes home is what the run's folder holds, and never lies in it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from demo import run_files
from diclam import checkpoint
from diclam.errors import RunError
from diclam.model import DiCLAM, ModelConfig
from diclam.runs import Run
from tests.conftest import random_evaluation


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "runs" / "a-run")
    random_evaluation(count=100).save(run.path)
    checkpoint.save(run.path, DiCLAM(ModelConfig()))
    return run


def test_the_predictions_are_the_runs_own(run: Run, tmp_path: Path) -> None:
    path = run_files.predictions(run, tmp_path / "cache")
    assert path.name == "a-run_predictions.csv"
    assert path.read_bytes() == (run.path / "predictions.csv").read_bytes()
    assert path.is_relative_to(tmp_path / "cache")


def test_the_zip_unpacks_to_a_model(run: Run, tmp_path: Path) -> None:
    path = run_files.weights(run, tmp_path / "cache")
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["a-run/config.json", "a-run/model.safetensors"]
        archive.extractall(tmp_path / "home")
    checkpoint.load(tmp_path / "home" / "a-run")
    assert sorted(p.name for p in run.path.iterdir()) == [
        "config.json", "evaluation.json", "model.safetensors", "predictions.csv",
    ]  # fmt: skip


def test_a_file_is_made_once_and_anew_when_the_run_changed(run: Run, tmp_path: Path) -> None:
    first = run_files.predictions(run, tmp_path)
    os.utime(first, (0, 0))
    assert run_files.predictions(run, tmp_path) == first
    assert first.stat().st_mtime > 0  # so that it is not deleted under the visitor's hands
    random_evaluation(count=100, seed=1).save(run.path)
    assert run_files.predictions(run, tmp_path) != first


def test_the_report_is_one_page_with_the_figures_of_the_test(run: Run, tmp_path: Path) -> None:
    path = run_files.report(run, tmp_path / "cache")
    assert path.name == "a-run_report.html"
    assert f"{run.evaluation().f1:.4f}" in path.read_text(encoding="utf-8")
    assert not list(run.path.glob("*.html"))


def test_a_run_without_results_is_a_readable_error(tmp_path: Path) -> None:
    run = Run(tmp_path / "empty")
    with pytest.raises(RunError, match="no predictions"):
        run_files.predictions(run, tmp_path)
    with pytest.raises(RunError, match="no weights"):
        run_files.weights(run, tmp_path)
    with pytest.raises(RunError, match="nothing to report"):
        run_files.report(run, tmp_path)
