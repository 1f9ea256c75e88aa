"""Test pictures: all where the data set is, else the shipped ones, and it says which."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from demo.gallery import Pictures
from diclam import bundle, checkpoint
from diclam.data import Cifar10
from diclam.errors import DataError


def test_with_the_data_set_every_picture_is_there(cifar10: Cifar10) -> None:
    pictures = Pictures()
    assert pictures.complete
    assert pictures.available([9999, 3]) == [9999, 3]
    picture = pictures.get(1234)
    assert picture is not None
    assert torch.equal(picture, cifar10.test_images[1234])
    assert pictures.get(10_000) is None
    assert pictures.get(-1) is None


def test_without_it_the_shipped_ones_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cifar10: Cifar10) -> None:
    monkeypatch.setenv("DICLAM_DATA", str(tmp_path))
    pictures = Pictures()
    assert not pictures.complete
    shipped = bundle.load(checkpoint.bundled()).indices.tolist()
    missing = next(k for k in range(10_000) if k not in set(shipped))
    assert pictures.available([missing, shipped[3], shipped[1]]) == [shipped[3], shipped[1]]
    picture = pictures.get(shipped[3])
    assert picture is not None
    assert torch.equal(picture, cifar10.test_images[shipped[3]])
    assert pictures.get(missing) is None


def test_a_damaged_data_set_is_read_once_and_again_when_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cifar10: Cifar10
) -> None:
    monkeypatch.setenv("DICLAM_DATA", str(tmp_path))
    (tmp_path / "cifar10.safetensors").write_bytes(b"half a file")
    reads: list[None] = []

    def load_test() -> tuple[torch.Tensor, torch.Tensor]:
        reads.append(None)
        if len(reads) == 1:
            raise DataError("damaged")
        return cifar10.test_images, cifar10.test_labels

    monkeypatch.setattr("diclam.data.load_test", load_test)
    pictures = Pictures()
    assert not pictures.complete
    assert not pictures.complete
    assert len(reads) == 1
    os.utime(tmp_path, ns=(1, 1))  # what putting a new file there does
    assert pictures.complete
    assert pictures.available([1, 9998]) == [1, 9998]
    assert len(reads) == 2
