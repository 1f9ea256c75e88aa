"""A temperature changes no answer, fits the percentages to what is right, and is the same in everything that is shown."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import calibrate
from benchmarks.ship import with_calibration
from diclam import calibration, checkpoint, final_test
from diclam.augment import normalize
from diclam.calibration import BINS, NOT_CALIBRATED, TABLE, Calibration, Reliability
from diclam.data import hold_out
from diclam.errors import CheckpointError, ConfigError
from diclam.examination import examine
from diclam.explanation_page import page
from diclam.fader import fade
from diclam.hiding import delete, occlude
from diclam.knockout import knock_out
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import picture_of, predict
from diclam.runs import Run
from diclam.twin import untrained
from tests.conftest import random_cifar10


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def overconfident(count: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Logits, and classes drawn as they say once they are divided by `temperature`."""
    generator = torch.Generator().manual_seed(0)
    logits_NK = 4 * torch.randn(count, 10, generator=generator)
    labels_N = torch.multinomial((logits_NK / temperature).softmax(1), 1, generator=generator)[:, 0]
    return logits_NK, labels_N


def table(**counts: tuple[int, float, int]) -> Reliability:
    """Pictures, what is said of them in sum, and how many are right, of the ranges `b0` to `b14`."""
    rows = [counts.get(f"b{k}", (0, 0.0, 0)) for k in range(BINS)]
    pictures, said, right = (np.array(column) for column in zip(*rows, strict=True))
    return Reliability(pictures, said.astype(float), right, nll=0.5)


def by_hand(temperature: float = 2.0) -> Calibration:
    return Calibration(temperature, "30 pictures", table(b14=(30, 29.7, 24)), table(b11=(30, 24.0, 24)))


def test_the_calibration_error_is_that_of_a_case_counted_by_hand() -> None:
    said = [0.55, 0.58, 0.95, 0.97]  # two ranges: 8/15 to 9/15, and the last one
    others = [(1 - p) / 9 for p in said]
    rows = [[p if k == 0 else other for k in range(10)] for p, other in zip(said, others, strict=True)]
    found = calibration.reliability(torch.tensor(rows).double().log(), torch.tensor([0, 3, 0, 0]), None)
    assert found.pictures.tolist() == [0] * 8 + [2] + [0] * 5 + [2]
    assert found.right.tolist() == [0] * 8 + [1] + [0] * 5 + [2]
    assert found.ece == pytest.approx((abs(1 - 1.13) + abs(2 - 1.92)) / 4)
    assert found.nll == pytest.approx(-np.log([0.55, 0.42 / 9, 0.95, 0.97]).mean())


def test_the_temperature_that_the_classes_were_drawn_with_is_found() -> None:
    logits_NK, labels_N = overconfident(4000, temperature=2.5)
    found = calibration.fit(logits_NK, labels_N, "drawn")
    assert found is not None
    assert found.temperature == pytest.approx(2.5, rel=0.06)
    for near in (0.98, 1.02):
        assert found.after.nll < float(F.cross_entropy(logits_NK.double() / (near * found.temperature), labels_N))
    assert found.after.ece < 0.03 < 0.2 < found.before.ece
    assert found.after.right.sum() == found.before.right.sum(), "no answer changes"
    assert calibration.fit(logits_NK * torch.nan, labels_N, "diverged") is None


def test_a_range_with_few_pictures_is_joined_with_its_neighbours_or_nothing_is_told() -> None:
    found = table(b8=(20, 11.2, 10), b10=(10, 6.9, 7), b9=(29, 18.0, 17), b14=(30, 29.0, 28))
    alone = found.near(0.99)
    assert alone is not None
    assert (alone.low, alone.high, alone.pictures, alone.right) == (14 / 15, 1.0, 30, 28)
    joined = found.near(0.65)
    assert joined is not None
    assert (joined.low, joined.high, joined.pictures, joined.right) == (8 / 15, 11 / 15, 59, 34)
    assert joined.said == pytest.approx(36.1 / 59)
    assert found.near(0.2) is None


def test_it_is_kept_with_its_weights_and_read_again(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, DiCLAM())
    assert Calibration.load(tmp_path) is None
    assert calibration.load_model(tmp_path).temperature is None
    logits_NK, labels_N = overconfident(200, temperature=2.0)
    before, after = (calibration.reliability(logits_NK, labels_N, temperature) for temperature in (None, 2.0))
    kept = Calibration(2.0, "drawn", before, after, checked_on_test=(after, before))
    kept.save(tmp_path)
    again = Calibration.load(tmp_path)
    assert again is not None
    assert again.checked_on_test is not None
    assert (again.temperature, again.source) == (2.0, "drawn")
    assert again.after.to_json() == after.to_json() == again.checked_on_test[0].to_json() != before.to_json()
    assert calibration.load_model(tmp_path).temperature == 2.0
    checkpoint.save(tmp_path, DiCLAM())
    with pytest.raises(CheckpointError, match="made of other weights"):
        calibration.load_model(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0}, {"temperature": "warm"}, {"temperature": float("nan")}, {"before": None}, {"after": {}},
        {"after": {"pictures": [1], "said": [1.0], "right": [1], "nll": 0.5}},
        {"after": {"pictures": [1] * BINS, "said": [0.5] * BINS, "right": [2] * BINS, "nll": 0.5}},
        {"checked_on_test": []}, {"checked_on_test": {"before": 1}},
    ],
)  # fmt: skip
def test_a_damaged_one_is_a_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / checkpoint.WEIGHTS).write_bytes(b"weights")
    by_hand().save(tmp_path)
    content = json.loads((tmp_path / TABLE).read_text())
    (tmp_path / TABLE).write_text(json.dumps(content | change))
    with pytest.raises(CheckpointError, match="damaged"):
        Calibration.load(tmp_path)


def test_everything_that_is_shown_has_the_same_temperature() -> None:
    """Each against softmax(logits / 2.5) of the network asked plainly; the logits stay what they are."""
    plain, model = (copy.deepcopy(untrained(ModelConfig())) for _ in range(2))
    model.temperature = 2.5

    @torch.inference_mode()
    def slow(x_3HW: Tensor) -> np.ndarray:
        logits_K = plain(x_3HW[None])[0].double()
        return (logits_K / 2.5).exp().div((logits_K / 2.5).exp().sum()).numpy()

    x = normalize(noise()[None])[0]
    expected, prediction = slow(x), predict(model, noise())
    assert prediction.probabilities == pytest.approx(expected, abs=1e-6)
    assert prediction.probabilities != pytest.approx(predict(plain, noise()).probabilities, abs=1e-3)
    assert prediction.label == predict(plain, noise()).label
    assert prediction.to_json()["temperature"] == 2.5

    fader = fade(model, noise())
    assert fader.probabilities[10] == pytest.approx(expected, abs=1e-6)
    for end, alone in ((0, 0), (20, 1)):
        assert fader.probabilities[end] == pytest.approx(prediction.expert_probabilities[alone], abs=1e-6)
    np.testing.assert_array_equal(fader.logits, fade(plain, noise()).logits)

    knockouts = knock_out(model, noise())
    off_MK = np.exp(knockouts.without_head / 2.5) / np.exp(knockouts.without_head / 2.5).sum(1, keepdims=True)
    np.testing.assert_allclose(knockouts.head_changes, off_MK[:, knockouts.answer] - prediction.confidence, atol=1e-6)
    np.testing.assert_array_equal(knockouts.contributions, knock_out(plain, noise()).contributions)

    occlusion, deletion = occlude(model, noise()), delete(model, noise(), np.random.default_rng(0).random((16, 16)), draws=1)
    patched = x.clone()
    patched[:, :4, 4:8] = 0
    assert occlusion.whole == pytest.approx(prediction.confidence, abs=1e-6)
    assert occlusion.hidden[0, 1] == pytest.approx(slow(patched)[occlusion.answer], abs=1e-6)
    assert deletion.ranked[0] == pytest.approx(prediction.confidence, abs=1e-6)
    assert deletion.ranked[-1] == pytest.approx(slow(torch.zeros_like(x))[deletion.answer], abs=1e-6)


def test_a_page_to_take_home_says_whether_its_percentages_are_calibrated() -> None:
    plain = examine(DiCLAM().eval(), picture_of(noise()), "it")
    assert NOT_CALIBRATED in page(plain)
    prediction = replace(plain.explanation.prediction, temperature=1.25)
    calibrated = page(replace(plain, explanation=replace(plain.explanation, prediction=prediction)))
    assert "logits are divided by 1.250" in calibrated
    assert NOT_CALIBRATED not in calibrated


@pytest.mark.parametrize(("holdout", "calibrates"), [(14, True), (11, False), (0, False)])
def test_a_run_calibrates_its_weights_with_pictures_that_it_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holdout: int, calibrates: bool
) -> None:
    monkeypatch.setattr(final_test, "LEAST", 12)
    monkeypatch.setattr(final_test, "MOST", 12)
    pictures, model = random_cifar10(40), DiCLAM()
    checkpoint.save(tmp_path, model)
    final_test._calibrate(Run(tmp_path), model, pictures, holdout)
    found = Calibration.load(tmp_path)
    assert (found is not None) == calibrates
    if found:
        kept = hold_out(pictures.train_labels, holdout)[1][-12:]
        logits_NK = calibration.logits_of(model, pictures.train_images[kept])
        expected = calibration.fit_temperature(logits_NK, pictures.train_labels[kept])
        assert found.temperature == pytest.approx(expected)
        assert found.after.pictures.sum() == 12
        assert found.source == "12 training pictures that this model held out"


def test_a_twin_s_temperature_is_carried_over_and_checked_once(tmp_path: Path) -> None:
    pictures = random_cifar10(train=40, test=10)
    for seed, name in enumerate(("twin", "model")):
        torch.manual_seed(seed)
        checkpoint.save(tmp_path / name, DiCLAM())
        (tmp_path / name / "run.json").write_text(json.dumps({"config": {"recipe": "fast", "holdout": 20 - 20 * seed}}))
    twin, model = tmp_path / "twin", tmp_path / "model"
    found = calibrate.carry(twin, model, pictures)
    _, kept = calibrate.halves(Run(twin), pictures.train_labels)
    logits_NK = calibration.logits_of(checkpoint.load(twin), pictures.train_images[kept])
    assert found.temperature == calibration.fit_temperature(logits_NK, pictures.train_labels[kept])
    assert found.after.pictures.sum() == 20
    tested_NK = calibration.logits_of(checkpoint.load(model), pictures.test_images)
    expected = [calibration.reliability(tested_NK, pictures.test_labels, each) for each in (None, found.temperature)]
    assert found.checked_on_test is not None
    assert [each.to_json() for each in found.checked_on_test] == [each.to_json() for each in expected]
    assert f"| test, after | 10 | {expected[1].right.sum() / 10:.2%} |" in calibrate.table(found)
    with pytest.raises(ConfigError, match="held pictures out"):
        calibrate.carry(model, twin, pictures)


def test_the_card_has_one_row_about_it_however_often_it_is_made() -> None:
    card = "| | |\n|---|---|\n| test accuracy | 90% |\n| parameters | 5 |\n\nText.\n"
    found = by_hand(1.5)
    once = with_calibration(card, found)
    rows = [line for line in once.splitlines() if line.startswith("| calibration ")]
    assert len(rows) == 1
    assert "temperature 1.5000" in rows[0]
    assert f"error {5.7 / 30:.4f} before and 0.0000 after" in rows[0]
    assert with_calibration(once, found) == once
    assert with_calibration(once, None) == card
