"""Pictures that ship with a checkpoint come back bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from diclam import bundle, checkpoint
from diclam.data import Cifar10
from diclam.errors import CheckpointError
from diclam.evaluate import Evaluation
from tests.conftest import random_cifar10, random_evaluation


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, torch.Tensor, Evaluation]:
    images, evaluation = random_cifar10(10, 200).test_images, random_evaluation(200)
    bundle.save(tmp_path, images, evaluation, per_class=3)
    return tmp_path, images, evaluation


def test_holds_every_wrong_picture_and_some_right_ones(saved: tuple[Path, torch.Tensor, Evaluation]) -> None:
    folder, images, evaluation = saved
    found = bundle.load(folder)
    right = evaluation.true == evaluation.predicted
    assert set(np.flatnonzero(~right)) <= set(found.indices.tolist())
    kept_right = found.indices[right[found.indices]]
    assert np.bincount(evaluation.true[kept_right], minlength=10).tolist() == [3] * 10
    assert torch.equal(found.images, images[torch.from_numpy(found.indices)])


def test_a_picture_is_found_by_its_number(saved: tuple[Path, torch.Tensor, Evaluation]) -> None:
    folder, images, _ = saved
    found = bundle.load(folder)
    missing = next(k for k in range(200) if k not in found.indices)
    picture = found.get(int(found.indices[5]))
    assert picture is not None
    assert torch.equal(picture, images[int(found.indices[5])])
    assert found.get(missing) is None
    assert found.get(-1) is None
    assert found.get(10_000) is None


@pytest.mark.parametrize("name", [bundle.SHEET, bundle.INDICES])
@pytest.mark.parametrize("content", [None, b"", b"[1, 1]", b"{}"])
def test_missing_or_damaged_files_are_a_readable_error(
    saved: tuple[Path, torch.Tensor, Evaluation], name: str, content: bytes | None
) -> None:
    path = saved[0] / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        bundle.load(saved[0])


def test_the_shipped_pictures_are_the_real_ones_and_small(cifar10: Cifar10) -> None:
    folder = checkpoint.bundled()
    found, evaluation = bundle.load(folder), Evaluation.load(folder)
    assert torch.equal(found.images, cifar10.test_images[torch.from_numpy(found.indices)])
    assert np.array_equal(found.indices, bundle.choose(evaluation, 100))
    assert sum((folder / name).stat().st_size for name in (bundle.SHEET, bundle.INDICES)) < 5_000_000
