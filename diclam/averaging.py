"""A moving average of a network's weights over the last part of its training, which is kept in place of the weights.

Weights that still wander about a good place are each off it, their average is less so (Polyak and Juditsky 1992; Izmailov
et al. 2018). BatchNorm's statistics are averaged as the weights are, so no pass over the pictures has to renew them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from diclam.kept import copied

AVERAGE_FROM = 0.6
"""Fraction of the run that is over when the average begins."""
SHARE = 0.05
"""The average looks back over this share of the steps made, at the most: short runs have no time for weights long past."""


class Average:
    """Follows the steps of one model, whose training goes on with weights of its own."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """`decay` is what the average keeps of itself in a step, as `TrainConfig.weight_average`; 0 averages nothing."""
        self._model, self._decay = model, decay
        self.weights: dict[str, Tensor] = {}
        """The average, by the names of the model's state dict; empty until it begins."""
        self._own: dict[str, Tensor] = {}
        """The model's own weights, while it holds the average."""

    def follow(self, step: int, fraction: float) -> None:
        """To be called after each step, with its number and the fraction of the run that was over."""
        if not self._decay or fraction < AVERAGE_FROM:
            return
        if not self.weights:
            self.weights = copied(self._model)
            return
        own, decay = self._model.state_dict(), max(min(self._decay, 1 - 1 / (SHARE * step)), 0.0)
        moving = [name for name, value in own.items() if value.is_floating_point()]
        get_ema_multi_avg_fn(decay)([self.weights[n] for n in moving], [own[n] for n in moving], 0)
        for name in own.keys() - set(moving):  # BatchNorm's counters
            self.weights[name].copy_(own[name])

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """The model holds the average, if it has begun; its own weights come back afterwards."""
        if not self.weights:
            yield
            return
        self._own = self._put(self.weights)
        try:
            yield
        finally:
            self._put(self._own)
            self._own = {}

    def _put(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The model computes with these from now on -> those it had. Exchanged, not copied, so it takes no time."""
        had = {}
        for name, value in self._model.state_dict(keep_vars=True).items():
            had[name], value.data = value.data, weights[name]
        return had

    def own(self) -> dict[str, Tensor]:
        """The weights that training goes on with, whatever the model holds now."""
        return self._own or self._model.state_dict()

    def restore(self, weights: dict[str, Tensor]) -> None:
        """Goes on with these, on the model's device."""
        own = self._model.state_dict()
        self.weights = {name: own[name].clone().copy_(value) for name, value in weights.items()}
