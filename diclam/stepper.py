"""One training step: a batch, the loss of the network's answers, its gradients, and what the optimizers make of them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diclam import distill, initialize
from diclam.batches import Batches
from diclam.device import autocast
from diclam.distributed import Team
from diclam.model import DiCLAM
from diclam.optim import build_optimizers, set_rates
from diclam.recipe import TrainConfig


class Stepper:
    """Makes the steps of `model`, in place, with `images_N3HW` (bytes) and `labels_N`, all on one device. It knows of no
    clock: which part of a run is over it is told."""

    def __init__(
        self,
        model: DiCLAM,
        images_N3HW: Tensor,
        labels_N: Tensor,
        config: TrainConfig,
        *,
        dtype: torch.dtype,
        team: Team,
        teacher: DiCLAM | None = None,
    ) -> None:
        """Sets the network's first weights as `config` says; `dtype` is the precision of its products. `teacher` is the
        network from whose answers it learns as well."""
        self.model, self.config, self.dtype, self.team = model, config, dtype, team
        initialize.prepare(model, images_N3HW, config)
        self.optimizers = build_optimizers(model, config, dtype)
        self.learner: nn.Module = team.learner(model, config.batch_size)
        """What makes the gradients: the model itself, a replica of several processes, or a compiled one."""
        self.batches = Batches(images_N3HW, labels_N, config, team.part(config.batch_size))
        self.teacher = distill.Teacher(teacher, images_N3HW, config, dtype) if teacher else None

    def step(self, fraction: float) -> tuple[Tensor, Tensor, float]:
        """-> loss and gradient norm, still on the device, and the learning rate, when `fraction` of the run is over."""
        config = self.config
        rate = set_rates(self.optimizers, config, fraction)
        self.learner.train()
        settled = config.freeze_stem <= fraction < 1
        # Others than the model itself count on a gradient for each weight: there the stem's are made, and not used.
        if settled and self.learner is self.model:
            self.model.stem.requires_grad_(False)
        batch = self.batches.next(fraction)
        with autocast(batch.pictures_B3HW.device, self.dtype):
            logits_BK = self.learner(batch.pictures_B3HW)
        loss = F.cross_entropy(logits_BK.float(), batch.labels_B, label_smoothing=config.label_smoothing)
        if self.batches.wants_losses:
            losses_B = F.cross_entropy(logits_BK.detach().float(), batch.labels_B, reduction="none")
            self.batches.note(self.team.whole(losses_B, config.batch_size))
        if self.teacher:
            loss = self.teacher.mixed(loss, logits_BK.float(), batch)
        loss = self.team.weigh(loss, len(batch.labels_B) / config.batch_size)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settled:
            self.model.stem.zero_grad(set_to_none=True)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return self.team.mean(loss.detach()), norm, rate

    def state(self) -> dict[str, Any]:
        """What the next step depends on besides the weights and torch's own randomness."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "batches": self.batches.state(),
            "teacher": self.teacher.state() if self.teacher else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` said, with the same pictures and settings."""
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        self.batches.restore(state["batches"])
        if self.teacher:
            self.teacher.restore(state["teacher"])
