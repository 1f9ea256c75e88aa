"""Weights that a run keeps beside those it trains."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn


def copied(model: nn.Module) -> dict[str, Tensor]:
    """The model's state dict as it is now, for later."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@dataclass
class Kept:
    """Weights worth going back to."""

    accuracy: float = -1.0
    weights: dict[str, Tensor] = field(default_factory=dict)
    right_N: Tensor | None = None
    """(N,) bool: which held-out pictures they answer right."""

    def take(self, model: nn.Module, accuracy: float = -1.0, right_N: Tensor | None = None) -> None:
        self.accuracy, self.right_N = accuracy, right_N
        self.weights = copied(model)
