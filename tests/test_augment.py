"""Random changes, held to a reference that works on one picture at a time and draws the same random numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from diclam import augment
from diclam.errors import ConfigError
from tests.conftest import random_cifar10


@pytest.fixture
def images() -> Tensor:
    return random_cifar10(64).train_images


def seeded(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_normalised_pictures_have_mean_0_and_deviation_1(cifar10) -> None:
    x = augment.normalize(cifar10.train_images)
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_bytes_and_fractions_normalise_alike(images: Tensor) -> None:
    torch.testing.assert_close(augment.normalize(images), augment.normalize(images.double() / 255))


def test_a_random_flip_mirrors_whole_pictures(images: Tensor) -> None:
    chosen = torch.rand(len(images), generator=seeded()) < 0.5
    expected = [np.flip(p.numpy(), 2) if f else p.numpy() for p, f in zip(images, chosen, strict=True)]
    assert np.array_equal(augment.mirror(images, augment.random_turn(len(images), seeded())).numpy(), np.stack(expected))
    assert 0.25 < chosen.double().mean() < 0.75


def test_an_alternating_flip_mirrors_every_other_time(images: Tensor) -> None:
    indices = torch.randperm(50_000, generator=seeded())[:64]
    times = [augment.mirror(images, augment.alternating_turn(indices, torch.full((64,), seen))) for seen in range(3)]
    assert torch.equal(times[0], times[2])
    assert torch.equal(times[0].flip(-1), times[1])
    for shown, picture in zip(times[0], images, strict=True):
        assert torch.equal(shown, picture) != torch.equal(shown, picture.flip(-1))
    flipped = [not torch.equal(shown, picture) for shown, picture in zip(times[0], images, strict=True)]
    assert 16 < sum(flipped) < 48


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("zero", "constant")])
@pytest.mark.parametrize("padding", [1, 4, 16])
def test_a_crop_is_a_window_of_the_padded_picture(images: Tensor, mode: str, numpy_mode, padding: int) -> None:
    top, left = torch.randint(0, 2 * padding + 1, (2, len(images)), generator=seeded())
    expected = []
    for picture, t, l in zip(images.numpy(), top.tolist(), left.tolist(), strict=True):  # noqa: E741
        padded = np.pad(picture, ((0, 0), (padding, padding), (padding, padding)), mode=numpy_mode)
        expected.append(padded[:, t : t + 32, l : l + 32])
    assert np.array_equal(augment.random_crop(images, padding, seeded(), mode=mode).numpy(), np.stack(expected))


def test_no_padding_is_a_copy(images: Tensor) -> None:
    cropped = augment.random_crop(images, 0, seeded())
    assert torch.equal(cropped, images)
    assert cropped.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("padding", [-1, 32])
def test_an_impossible_padding_is_refused(images: Tensor, padding: int) -> None:
    with pytest.raises(ConfigError, match=rf"0 \.\. 31 pixels; got {padding}"):
        augment.random_crop(images, padding, seeded())


def test_an_unknown_padding_mode_is_refused(images: Tensor) -> None:
    with pytest.raises(ConfigError, match="'reflect' or 'zero'; got 'wrap'"):
        augment.random_crop(images, 4, seeded(), mode="wrap")


@pytest.mark.parametrize("size", [1, 8, 15, 32])
def test_a_cutout_blanks_one_square_a_picture(images: Tensor, size: int) -> None:
    generator = seeded()
    rows = torch.randint(0, 32, (len(images),), generator=generator).tolist()
    columns = torch.randint(0, 32, (len(images),), generator=generator).tolist()
    expected = images.numpy().copy()
    for picture, row, column in zip(expected, rows, columns, strict=True):
        top, left = row - size // 2, column - size // 2
        picture[:, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 7
    assert np.array_equal(augment.cutout(images, size, seeded(), fill=7).numpy(), expected)


def test_a_cutout_of_nothing_blanks_nothing(images: Tensor) -> None:
    assert torch.equal(augment.cutout(images, 0, seeded()), images)
    with pytest.raises(ConfigError, match="at least 0"):
        augment.cutout(images, -1, seeded())


def test_the_pictures_given_are_left_as_they_were(images: Tensor) -> None:
    before = images.clone()
    augment.mirror(images, augment.random_turn(len(images), seeded()))
    augment.random_crop(images, 4, seeded())
    augment.cutout(images, 8, seeded())
    assert torch.equal(images, before)
