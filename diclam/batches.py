"""One training batch after another: a new order each epoch, pictures changed at random, at the side the budget asks for."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from diclam import augment
from diclam.hard_pictures import HardPictures
from diclam.recipe import TrainConfig


class Batch(NamedTuple):
    """What one step learns from."""

    pictures_B3HW: Tensor
    """Normalised and channels-last, at the side that the budget asks for."""
    labels_B: Tensor
    indices_B: Tensor
    """Their numbers among the training pictures."""
    mirrored_B: Tensor
    """Whether each was mirrored, true or false."""
    whole_B3HW: Tensor
    """The same pictures, changed in the same way, at their full side."""


class Batches:
    """Endless batches of `images_N3HW` (bytes) and `labels_N`, both on the device to train on; every random choice follows
    from `config.seed`, and what an epoch leaves out from the losses that `note` is told. An incomplete last batch of an
    epoch is left out. Of several processes that share each batch, `part` is this one's: all draw the same batch."""

    def __init__(self, images_N3HW: Tensor, labels_N: Tensor, config: TrainConfig, part: slice = slice(None)) -> None:
        self._images, self._labels, self._config, self._part = images_N3HW, labels_N, config, part
        self._generator = Generator(images_N3HW.device).manual_seed(config.seed)
        self._order_generator = Generator().manual_seed(config.seed)
        self._epoch, self._position = -1, 0
        self._order = torch.empty(0, dtype=torch.long)
        self._hard = HardPictures(config.skip_easy, labels_N, config.batch_size) if config.skip_easy else None
        # Epochs would not do: who is left out of every other one would be seen from one side for ever. It may overflow, as
        # only even or odd counts.
        self._seen_N = torch.zeros(len(labels_N), dtype=torch.uint8, device=labels_N.device)

    def next(self, fraction: float) -> Batch:
        """When `fraction` of the run is over."""
        config, generator, indices_B = self._config, self._generator, self._next_indices()
        mirrored_B = self._turn(indices_B)
        images = augment.mirror(self._images[indices_B], mirrored_B)
        if config.crop_padding:
            images = augment.random_crop(images, config.crop_padding, generator, mode=config.crop_mode)
        x_B3HW = augment.normalize(images)
        if config.cutout:
            x_B3HW = augment.cutout(x_B3HW, config.cutout, generator)
        whole_B3HW = x_B3HW = x_B3HW[self._part]
        indices_B, mirrored_B = indices_B[self._part], mirrored_B[self._part]
        side = config.side(fraction, x_B3HW.shape[-1])
        if side != x_B3HW.shape[-1]:
            x_B3HW = F.interpolate(x_B3HW, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        x_B3HW = x_B3HW.contiguous(memory_format=torch.channels_last)
        return Batch(x_B3HW, self._labels[indices_B], indices_B, mirrored_B, whole_B3HW)

    @property
    def wants_losses(self) -> bool:
        """Whether the choice of pictures depends on what is told by `note`."""
        return self._hard is not None

    def note(self, losses_B: Tensor) -> None:
        """The losses of all pictures of the last batch, whatever part of it is this process's."""
        if self._hard:
            self._hard.note(self._order[self._position - self._config.batch_size : self._position], losses_B)

    def state(self) -> dict[str, Any]:
        """Where in the order of pictures and in the stream of randomness the next batch starts."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "order": self._order,
            "order_random": self._order_generator.get_state(),
            "random": self._generator.get_state(),
            "losses": self._hard.state() if self._hard else None,
            "seen": self._seen_N.clone(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` said, with the same pictures and settings."""
        self._epoch, self._position = state["epoch"], state["position"]
        self._order = state["order"].to(self._labels.device)
        self._order_generator.set_state(state["order_random"])
        self._generator.set_state(state["random"])
        if self._hard:
            self._hard.restore(state["losses"])
        self._seen_N.copy_(state.get("seen", torch.tensor(self._epoch)))  # An older version's state has none.

    def _next_indices(self) -> Tensor:
        size = self._config.batch_size
        if self._position + size > len(self._order):
            self._epoch, self._position = self._epoch + 1, 0
            order = torch.randperm(len(self._labels), generator=self._order_generator).to(self._labels.device)
            self._order = self._hard.of(order, self._epoch) if self._hard else order
        self._position += size
        return self._order[self._position - size : self._position]

    def _turn(self, indices_B: Tensor) -> Tensor:
        if self._config.flip == "random":
            return augment.random_turn(len(indices_B), self._generator)
        if self._config.flip == "alternating":
            turn_B = augment.alternating_turn(indices_B, self._seen_N[indices_B])
            self._seen_N[indices_B] += 1
            return turn_B
        return torch.zeros_like(indices_B, dtype=torch.bool)
