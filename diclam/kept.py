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


class LastGood:
    """The newest weights of a network that a finite loss has shown to be good.

    A loss shows that the weights before its step were good, so those that are copied when it is known may still be bad:
    there are always two copies, and the older one is good.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self.kept, self._newer = model, Kept(), Kept()
        self.kept.take(model)
        self._newer.take(model)

    def confirm(self) -> None:
        """The loss of the latest step is finite."""
        self.kept, self._newer = self._newer, self.kept
        self._newer.take(self._model)
