"""Figures follow from the answers, and survive the disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from diclam.augment import normalize
from diclam.data import CLASSES
from diclam.errors import CheckpointError
from diclam.evaluate import Evaluation, evaluate
from diclam.model import DiCLAM
from tests.conftest import random_cifar10, random_evaluation


def test_figures_match_a_count_by_hand() -> None:
    evaluation = random_evaluation(500)
    confusion = np.zeros((10, 10), dtype=int)
    for true, predicted in zip(evaluation.true, evaluation.predicted, strict=True):
        confusion[true, predicted] += 1
    right = np.diag(confusion)
    precision, recall = right / confusion.sum(0), right / confusion.sum(1)
    f1 = 2 * precision * recall / (precision + recall)
    assert (evaluation.confusion == confusion).all()
    assert evaluation.accuracy == pytest.approx(right.sum() / 500)
    assert evaluation.precision == pytest.approx(precision.mean())
    assert evaluation.recall == pytest.approx(recall.mean())
    assert evaluation.f1 == pytest.approx(f1.mean())
    np.testing.assert_allclose(evaluation.per_class["f1"], f1)
    assert evaluation.per_class["support"].tolist() == [50] * 10


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    answers = random_evaluation(100)
    always = replace(answers, predicted=np.zeros(100, dtype=np.int64))
    assert always.precision == pytest.approx(0.1 / 10)
    assert always.recall == pytest.approx(0.1)


def test_survives_the_disk(tmp_path: Path) -> None:
    evaluation = random_evaluation(300)
    evaluation.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.figures() == evaluation.figures()
    np.testing.assert_allclose(again.probabilities, evaluation.probabilities, atol=1e-6)
    np.testing.assert_allclose(again.gates, evaluation.gates, atol=1e-6)
    assert (again.alone == evaluation.alone).all()


def test_the_files_hold_what_the_contract_names(tmp_path: Path) -> None:
    random_evaluation(20).save(tmp_path)
    table = pd.read_csv(tmp_path / "predictions.csv")
    probabilities = [f"p_{name}" for name in CLASSES]
    assert list(table.columns) == ["index", "true", "predicted", *probabilities, "gate_1", "gate_2", "alone_1", "alone_2"]
    figures = json.loads((tmp_path / "evaluation.json").read_text())
    assert set(figures) == {
        "accuracy", "precision", "recall", "f1", "confusion", "per_class", "training_seconds", "parameters",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["evaluation.json", "predictions.csv"])
def test_a_missing_or_damaged_file_is_a_readable_error(tmp_path: Path, name: str) -> None:
    random_evaluation(20).save(tmp_path)
    (tmp_path / name).write_text("index,true\n1,cat\n")
    with pytest.raises(CheckpointError, match="damaged"):
        Evaluation.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match="no evaluation"):
        Evaluation.load(tmp_path)


def test_answers_are_the_models_own_in_any_batch_size() -> None:
    data = random_cifar10()
    torch.manual_seed(0)
    model = DiCLAM()
    told: list[tuple[int, int]] = []
    one = evaluate(model, data.test_images, data.test_labels, batch_size=50)
    many = evaluate(model, data.test_images, data.test_labels, batch_size=7, progress=lambda *p: told.append(p))
    assert model.training  # as it was
    np.testing.assert_allclose(one.probabilities, many.probabilities, atol=1e-5)
    np.testing.assert_allclose(one.probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(one.gates.sum(1), 1, atol=1e-5)
    with torch.inference_mode():
        traced = model.eval().trace(normalize(data.test_images))
    np.testing.assert_allclose(one.probabilities, traced.logits_BK.softmax(1), atol=1e-5)
    np.testing.assert_allclose(one.gates, traced.gates_BE, atol=1e-5)
    assert (one.alone == traced.expert_logits_BEK.argmax(2).numpy()).all()
    assert told[-1] == (50, 50)
    assert one.parameters == 1_837_452


def test_a_table_that_does_not_number_its_pictures_is_damaged(tmp_path: Path) -> None:
    """Pictures are looked up by their place in the table."""
    random_evaluation(20).save(tmp_path)
    table = pd.read_csv(tmp_path / "predictions.csv")
    table.iloc[::-1].to_csv(tmp_path / "predictions.csv", index=False)
    with pytest.raises(CheckpointError, match="damaged"):
        Evaluation.load(tmp_path)


def test_an_expert_alone_answers_the_same_pictures() -> None:
    evaluation = random_evaluation(1000)
    for expert in range(2):
        alone = evaluation.by_expert(expert)
        assert (alone.predicted == evaluation.alone[:, expert]).all()
        assert alone.expert == expert
        assert alone.accuracy == (evaluation.alone[:, expert] == evaluation.true).mean()
        assert (alone.confusion.sum(1) == evaluation.confusion.sum(1)).all()
    assert evaluation.expert is None


def test_gates_are_added_up_cell_by_cell() -> None:
    evaluation = random_evaluation(1000)
    for real, said in ((3, 3), (3, 5), (9, 0)):
        here = (evaluation.true == real) & (evaluation.predicted == said)
        assert evaluation.gate_sums[real, said] == pytest.approx(evaluation.gates[here, 0].sum(), rel=1e-5)
    assert evaluation.gate_sums.sum() == pytest.approx(evaluation.gates[:, 0].sum(), rel=1e-5)
