"""What a run's folder holds after its test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from diclam import calibration, checkpoint, final_test
from diclam.calibration import Calibration
from diclam.data import hold_out
from diclam.events import Finished, Testing
from diclam.model import DiCLAM
from diclam.runs import Run
from tests.conftest import random_cifar10

FINISHED = Finished("time", 9, 0.5, 41.0, 9000, 0.5)


def test_the_test_is_made_on_the_test_pictures_alone(tmp_path: Path) -> None:
    cifar10, seen = random_cifar10(side=8), []
    tested = final_test.final_test(Run(tmp_path), DiCLAM().eval(), cifar10, 0, FINISHED, seen.append)
    evaluation = Run(tmp_path).evaluation()
    assert evaluation.true.tolist() == cifar10.test_labels.tolist()
    assert (evaluation.accuracy, evaluation.training_seconds) == (tested.accuracy, FINISHED.seconds)
    assert seen[-1] == Testing(len(cifar10.test_labels), len(cifar10.test_labels))


@pytest.mark.parametrize("holdout", [0, final_test.LEAST - 1])
def test_too_few_held_out_pictures_calibrate_nothing(holdout: int, tmp_path: Path) -> None:
    final_test.final_test(Run(tmp_path), DiCLAM().eval(), random_cifar10(side=8), holdout, FINISHED, lambda _: None)
    assert Calibration.load(tmp_path) is None


def test_percentages_are_calibrated_by_pictures_that_were_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones: those that validations look at last."""
    monkeypatch.setattr(final_test, "MOST", 110)
    cifar10, shown = random_cifar10(side=8), []

    def logits_of(model: DiCLAM, images_N3HW: torch.Tensor) -> torch.Tensor:
        shown.append(images_N3HW)
        return torch.randn(len(images_N3HW), 10, generator=torch.Generator().manual_seed(0))

    monkeypatch.setattr(calibration, "logits_of", logits_of)
    model = DiCLAM().eval()
    checkpoint.save(tmp_path, model)  # for which the percentages hold
    final_test.final_test(Run(tmp_path), model, cifar10, 120, FINISHED, lambda _: None)
    held_out = hold_out(cifar10.train_labels, 120)[1]
    assert len(held_out) == 120
    assert torch.equal(shown[0], cifar10.train_images[held_out[10:]])
    found = Calibration.load(tmp_path)
    assert found is not None
    assert found.source.startswith("110 training pictures")
