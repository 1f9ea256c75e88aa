"""Looks at held-out pictures while a network is trained, as many as the run can afford."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diclam import augment
from diclam.device import Clock, autocast
from diclam.model import CLASSES
from diclam.recipe import TrainConfig

# Validations together may take a twentieth of the budget; a little is left for what a measurement misses.
SHARE = 0.045
PROBE = 128
"""Pictures whose looking is timed on a CPU; on others a whole batch, as they take no longer for it."""
BATCH = 512
# A look that may be cut short is, after so many pictures more.
SMALL_BATCH = 128


class Look(NamedTuple):
    """What one validation saw."""

    loss: float
    """Mean cross-entropy; not finite when the network's answers are not."""
    accuracy: float
    """Fraction of 1."""
    confusion: list[list[int]]
    """(10, 10) counts; rows are the real classes, columns what the model said."""
    right_N: Tensor
    """(N,) bool: which pictures were answered right, from the first one on."""


def share_right(right_N: Tensor) -> float:
    """Fraction of 1."""
    return right_N.double().mean().item()


class HeldOut:
    """Pictures (bytes) and labels on the device to validate on, in one precision."""

    def __init__(self, images_N3HW: Tensor, labels_N: Tensor, dtype: torch.dtype) -> None:
        self._images, self._labels, self._dtype = images_N3HW, labels_N, dtype

    def __len__(self) -> int:
        return len(self._labels)

    def limit(self, count: int) -> None:
        """From now on only the first `count` pictures are looked at, the same each time."""
        self._images, self._labels = self._images[:count], self._labels[:count]

    def look(self, model: nn.Module, enough: Callable[[], bool] | None = None, *, closely: bool = False) -> Look:
        """The model answers all of them in eval mode, and stays in it; or the first ones, until `enough` says yes, which is
        asked more often where somebody waits (`closely`)."""
        losses_N, said_N = self._answers(model, self._images, self._labels, enough, SMALL_BATCH if closely else BATCH)
        labels_N = self._labels[: len(said_N)]
        cells = torch.bincount(labels_N * CLASSES + said_N, minlength=CLASSES**2)
        right_N = said_N == labels_N
        return Look(losses_N.mean().item(), share_right(right_N), cells.view(CLASSES, CLASSES).tolist(), right_N)

    def affordable(self, model: nn.Module, config: TrainConfig, pictures: int, clock: Clock) -> tuple[int, float]:
        """-> how many pictures each validation can look at without all of them costing over a twentieth of the run, and the
        seconds that one takes at the most (0 when steps are counted instead of time).

        A step costs about three looks at its pictures (forward, and backward twice as much), so the length of a run that
        trains on `pictures` is known in looks from its epochs, or from its time and the measured speed of looking.
        """
        if config.epochs is not None:
            looks = 3 * config.epochs * pictures
        else:
            count = PROBE if self._images.device.type == "cpu" else BATCH
            probe, labels = self._images[:count], self._labels[:count]
            # The first call builds the kernels, on a GPU for a batch of this very size.
            first = 32 if self._images.device.type == "cpu" else BATCH
            self._answers(model, probe[:first], labels[:first])[0].sum().item()
            start = clock()
            self._answers(model, probe, labels)[0].sum().item()
            looks = config.budget * len(probe) / max(clock() - start, 1e-9)
        # Each fifth of the run, and where these are far apart also so many epochs after the last one.
        between = looks / 3 / pictures / config.validate_epochs
        validations = 5 if between <= 5 else math.ceil(between) + 4
        reserve = config.budget * SHARE / validations if config.epochs is None else 0.0
        return min(max(int(looks * SHARE / validations), 1), len(self)), reserve

    @torch.inference_mode()
    def _answers(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        enough: Callable[[], bool] | None = None,
        size: int = BATCH,
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of each picture, and the class that the model says."""
        model.eval()
        losses, said = [], []
        for batch, target in zip(images.split(size), labels.split(size), strict=True):
            x = augment.normalize(batch).contiguous(memory_format=torch.channels_last)
            with autocast(images.device, self._dtype):
                logits = model(x).float()
            losses.append(F.cross_entropy(logits, target, reduction="none"))
            said.append(logits.argmax(1))
            if enough and enough():
                break
        return torch.cat(losses), torch.cat(said)
