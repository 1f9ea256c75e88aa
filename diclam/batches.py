"""One training batch after another: a new order each epoch, pictures changed at random, at the side the budget asks for."""

from __future__ import annotations

from typing import Any

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
        self._order_generator = Generator().manual_seed(config.seed)
        self._epoch, self._position = -1, len(labels_N)
        self._order = torch.empty(0, dtype=torch.long)

    def next(self, fraction: float) -> tuple[Tensor, Tensor]:
        """-> normalised pictures (B, 3, S, S), channels-last, and labels (B,), when `fraction` of the run is over."""
        indices_B = self._next_indices()
        x_B3HW = augment.normalize(self._augmented(self._images[indices_B], indices_B))
        if self._config.cutout:
            x_B3HW = augment.cutout(x_B3HW, self._config.cutout, self._generator)
        side = self._config.early_side if fraction < self._config.early_part else x_B3HW.shape[-1]
        if side != x_B3HW.shape[-1]:
            x_B3HW = F.interpolate(x_B3HW, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        return x_B3HW.contiguous(memory_format=torch.channels_last), self._labels[indices_B]

    def state(self) -> dict[str, Any]:
        """Where in the order of pictures and in the stream of randomness the next batch starts."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "order": self._order,
            "order_random": self._order_generator.get_state(),
            "random": self._generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` said, with the same pictures and settings."""
        self._epoch, self._position = state["epoch"], state["position"]
        self._order = state["order"].to(self._labels.device)
        self._order_generator.set_state(state["order_random"])
        self._generator.set_state(state["random"])

    def _next_indices(self) -> Tensor:
        size = self._config.batch_size
        if self._position + size > len(self._labels):
            self._epoch, self._position = self._epoch + 1, 0
            self._order = torch.randperm(len(self._labels), generator=self._order_generator).to(self._labels.device)
        self._position += size
        return self._order[self._position - size : self._position]

    def _augmented(self, images: Tensor, indices_B: Tensor) -> Tensor:
        config, generator = self._config, self._generator
        if config.flip == "random":
            images = augment.random_flip(images, generator)
        elif config.flip == "alternating":
            images = augment.alternating_flip(images, indices_B, self._epoch)
        if config.crop_padding:
            images = augment.random_crop(images, config.crop_padding, generator, mode=config.crop_mode)
        return images
