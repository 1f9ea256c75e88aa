"""One training batch after another: a new order each epoch, pictures changed at random, at the side the budget asks for."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from diclam import augment
from diclam.recipe import TrainConfig


class Batches:
    """Endless batches of `images_N3HW` (bytes) and `labels_N`, both on the device to train on; every random choice follows
    from `config.seed`. An incomplete last batch of an epoch is left out."""

    def __init__(self, images_N3HW: Tensor, labels_N: Tensor, config: TrainConfig) -> None:
        self._images, self._labels, self._config = images_N3HW, labels_N, config
        self._generator = Generator(images_N3HW.device).manual_seed(config.seed)
        self._indices = self._orders(Generator().manual_seed(config.seed))
        self._epoch = -1

    def next(self, fraction: float) -> tuple[Tensor, Tensor]:
        """-> normalised pictures (B, 3, S, S), channels-last, and labels (B,), when `fraction` of the run is over."""
        indices_B = next(self._indices)
        x_B3HW = augment.normalize(self._augmented(self._images[indices_B], indices_B))
        if self._config.cutout:
            x_B3HW = augment.cutout(x_B3HW, self._config.cutout, self._generator)
        side = self._config.early_side if fraction < self._config.early_part else x_B3HW.shape[-1]
        if side != x_B3HW.shape[-1]:
            x_B3HW = F.interpolate(x_B3HW, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        return x_B3HW.contiguous(memory_format=torch.channels_last), self._labels[indices_B]

    def _orders(self, generator: Generator) -> Iterator[Tensor]:
        size = self._config.batch_size
        while True:
            self._epoch += 1
            order = torch.randperm(len(self._labels), generator=generator).to(self._labels.device)
            yield from order[: len(order) // size * size].split(size)

    def _augmented(self, images: Tensor, indices_B: Tensor) -> Tensor:
        config, generator = self._config, self._generator
        if config.flip == "random":
            images = augment.random_flip(images, generator)
        elif config.flip == "alternating":
            images = augment.alternating_flip(images, indices_B, self._epoch)
        if config.crop_padding:
            images = augment.random_crop(images, config.crop_padding, generator, mode=config.crop_mode)
        return images
