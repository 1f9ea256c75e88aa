"""Distillation: a network learns from the answers of a trained one besides the labels (Hinton, Vinyals and Dean 2015).

A label says that a picture is a cat; a teacher says, too, that it looks somewhat like a dog and nothing like a truck.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from diclam import augment, checkpoint, runs
from diclam.batches import Batch
from diclam.device import autocast
from diclam.errors import ConfigError, DiclamError
from diclam.model import CLASSES, DiCLAM
from diclam.recipe import TrainConfig

PICTURES = 500
"""That the teacher answers at a time when it answers all of them."""


def load(name: str) -> DiCLAM:
    """The model of a run's folder or name, or of 'bundled'. Raises ConfigError when it cannot be had."""
    try:
        return checkpoint.load(runs.locate(name))
    except DiclamError as error:
        raise ConfigError(f"The teacher {name!r} cannot be used. {error}") from error


def check(config: TrainConfig) -> None:
    """Raises ConfigError when the settings name a teacher that cannot be had."""
    if config.teacher:
        load(config.teacher)


def divergence(logits_BK: Tensor, taught_BK: Tensor, temperature: float) -> Tensor:
    """How far a network's answers are from its teacher's, both softened: the mean Kullback-Leibler divergence at this
    temperature, times its square, so that the gradients keep their size whatever the temperature is. 0 when they agree."""
    said, taught = (F.log_softmax(logits / temperature, dim=1) for logits in (logits_BK, taught_BK))
    return F.kl_div(said, taught, reduction="batchmean", log_target=True) * temperature**2


class Teacher:
    """A trained model beside the training pictures (bytes), on the device and in the precision of the run that it teaches.

    It answers each picture, and each mirror image, once, whatever shift a crop gave it. A teacher that sees the very same
    window teaches better in very long runs (Beyer et al. 2022), but has to be asked in every step. On a CPU a picture is
    answered when it first comes up, as a short run does not meet them all; elsewhere all are answered at the start, so
    that no step has to wait for the device to know who is new. With cutout nothing is kept.
    """

    def __init__(self, model: DiCLAM, images_N3HW: Tensor, config: TrainConfig, dtype: torch.dtype) -> None:
        self._model = model.to(device=images_N3HW.device, memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
        self._images, self._config, self._dtype = images_N3HW, config, dtype
        self._kept_2NK: Tensor | None = None
        """Logits of the pictures and of their mirror images; not a number where there is no answer yet."""
        self._complete = False
        if not config.cutout:
            size = 2, len(images_N3HW), CLASSES
            self._kept_2NK = torch.full(size, torch.nan, device=images_N3HW.device)
            if images_N3HW.device.type != "cpu":
                self._answer_all(self._kept_2NK)

    def mixed(self, loss: Tensor, logits_BK: Tensor, batch: Batch) -> Tensor:
        """The loss against the labels, mixed with the one against this teacher as the settings say."""
        weight, temperature = self._config.teacher_weight, self._config.teacher_temperature
        return (1 - weight) * loss + weight * divergence(logits_BK, self.answers(batch), temperature)

    def answers(self, batch: Batch) -> Tensor:
        """Logits (B, 10) in float32."""
        if self._kept_2NK is None:
            return self._answer(batch.whole_B3HW)
        if not self._complete:
            self._answer_new(self._kept_2NK, batch.indices_B, batch.mirrored_B)
        return self._kept_2NK[batch.mirrored_B.long(), batch.indices_B]

    def state(self) -> Tensor | None:
        """The answers so far, so that a run that goes on keeps them to the last digit."""
        return self._kept_2NK

    def restore(self, state: Tensor | None) -> None:
        if self._kept_2NK is not None and state is not None:
            self._kept_2NK.copy_(state)

    def _answer_all(self, kept_2NK: Tensor) -> None:
        views = (False,) if self._config.flip == "none" else (False, True)
        for indices_B in torch.arange(len(self._images), device=self._images.device).split(PICTURES):
            for mirrored in views:
                self._answer_new(kept_2NK, indices_B, torch.full_like(indices_B, mirrored, dtype=torch.bool))
        self._complete = True

    def _answer_new(self, kept_2NK: Tensor, indices_B: Tensor, mirrored_B: Tensor) -> None:
        new_B = kept_2NK[mirrored_B.long(), indices_B, 0].isnan()
        if new_B.any():
            indices_B, mirrored_B = indices_B[new_B], mirrored_B[new_B]
            x_B3HW = augment.normalize(augment.mirror(self._images[indices_B], mirrored_B))
            kept_2NK[mirrored_B.long(), indices_B] = self._answer(x_B3HW)

    @torch.no_grad()
    def _answer(self, x_B3HW: Tensor) -> Tensor:
        with autocast(x_B3HW.device, self._dtype):
            # Unchecked: a look at the pictures' values would make each step with cutout wait for the device.
            return self._model.unchecked(x_B3HW.contiguous(memory_format=torch.channels_last)).float()
