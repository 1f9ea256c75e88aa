"""What turns gradients into steps: AdamW, or Muon for the filters, and how their step sizes follow the budget."""

from __future__ import annotations

import inspect
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from diclam.model import DiCLAM
from diclam.recipe import TrainConfig

# Coefficients of the quintic Newton-Schulz iteration, tuned by Jordan et al. for a steep start instead of convergence.
_A, _B, _C = 3.4445, -4.7750, 2.0315
NEWTON_SCHULZ_STEPS = 3
Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def eager(kind: type[Kind]) -> type[Kind]:
    """The class, without torch's compiler. Nothing is compiled here, but torch wraps these methods so that a compiler would
    leave them alone, and imports it for that at the first call: a second of a run that may have fifteen."""
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        setattr(kind, name, inspect.unwrap(getattr(kind, name)))
    kind.step = torch.no_grad()(inspect.unwrap(kind.step))
    return kind


@eager
class AdamW(torch.optim.AdamW):
    """Loshchilov and Hutter 2019."""


@eager
class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al. 2024): each filter bank, as a matrix of one row a filter, moves by the nearest
    matrix whose singular values are about 1, so that no direction is left behind.

    Before each step the filters are scaled to a mean norm of 1, as BatchNorm makes their scale meaningless for the answer
    but not for the step. That, and working on 4-dimensional filters, is what `torch.optim.Muon` does not do.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float, dtype: torch.dtype = torch.float32) -> None:
        """`dtype` is the precision of the matrix products; the weights keep their own."""
        self._dtype = dtype
        super().__init__(params, {"lr": lr, "momentum": momentum})

    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert closure is None, "Muon evaluates nothing twice"
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for parameters in alike.values():
                self._move(parameters, group["lr"], group["momentum"])

    def _move(self, parameters: list[Tensor], rate: float, momentum: float) -> None:
        """Filters of one shape go through the iteration as one batch of matrices."""
        steered = []
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].mul_(momentum).add_(parameter.grad)
            steered.append(parameter.grad.add(state["momentum"], alpha=momentum))  # Nesterov
        moves = orthogonalized(torch.stack(steered).flatten(2).to(self._dtype))
        for parameter, move in zip(parameters, moves, strict=True):
            parameter.mul_(len(parameter) ** 0.5 / parameter.norm().clamp(min=1e-12))
            parameter.add_(move.view_as(parameter), alpha=-rate)


def orthogonalized(matrices_BRC: Tensor, steps: int = NEWTON_SCHULZ_STEPS) -> Tensor:
    """Each matrix with its singular values pushed towards 1 (about 0.5 .. 1.3 after five steps), its directions kept."""
    x = matrices_BRC / (matrices_BRC.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    # Each step multiplies x by a polynomial in x @ x.mT. All of them commute, so the steps can be made on the small square
    # matrices alone, and x is multiplied once at the end: two products with the long side instead of two a step.
    square, whole = x @ x.mT, None
    for step in range(steps):
        factor = _B * square + _C * square @ square
        factor.diagonal(dim1=1, dim2=2).add_(_A)
        whole = factor if whole is None else factor @ whole
        if step < steps - 1:
            square = factor @ square @ factor
    x = x if whole is None else whole @ x
    return x.mT if tall else x


def build_optimizers(model: DiCLAM, config: TrainConfig, dtype: torch.dtype = torch.float32) -> list[torch.optim.Optimizer]:
    """What `config.optimizer` names. Each group carries its highest step size as `peak`, for `set_rates`.

    'adamw': AdamW for everything; one-dimensional weights, that is biases and BatchNorm, do not decay. 'muon': Muon for the
    filters whose scale BatchNorm or the other filters fix, and for the value, output and feed-forward matrices of the full
    network; AdamW for the rest: queries and keys, whose scale sets how sharp attention is, the router, the classifier, and
    all one-dimensional weights.
    """
    filters: list[Tensor] = []
    if config.optimizer == "muon":
        others = r"classifier\..*|.*\.(query|key|gate)"
        steered = (module for name, module in model.named_modules() if not re.fullmatch(others, name))
        filters = [m.weight for m in steered if isinstance(m, nn.Conv2d | nn.Linear) and m.weight.requires_grad]
    taken = {id(p) for p in filters}
    head = list(model.classifier[-1].parameters())
    taken |= {id(p) for p in head}
    rest = [p for p in model.parameters() if id(p) not in taken and p.requires_grad]
    # A last layer that starts `head_scale` times as large and takes steps as many times as large is, to AdamW, the usual
    # one with its logits scaled.
    rate, scale, decay = config.learning_rate, config.head_scale, config.weight_decay
    groups: list[dict[str, Any]] = [
        {"params": [p for p in rest if p.dim() > 1], "peak": rate, "weight_decay": decay},
        {"params": [p for p in rest if p.dim() <= 1], "peak": rate, "weight_decay": 0.0},
        {"params": [p for p in head if p.dim() > 1], "peak": rate * scale, "weight_decay": decay / scale},
        {"params": [p for p in head if p.dim() <= 1], "peak": rate * scale, "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [AdamW(groups, lr=rate, fused=True)]
    if filters:
        optimizers.append(Muon(filters, config.muon_learning_rate, config.muon_momentum, dtype))
        optimizers[-1].param_groups[0]["peak"] = config.muon_learning_rate
    return optimizers


def set_rates(optimizers: list[torch.optim.Optimizer], config: TrainConfig, fraction: float) -> float:
    """Sets the step sizes, and with 'one-cycle' AdamW's momentum, for this fraction of the budget -> AdamW's step size."""
    if config.schedule == "linear":
        factor, momentum = linear(fraction, config.warmup), None
    else:
        factor, momentum = one_cycle(fraction, config.warmup)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
            if momentum is not None and "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
    return config.learning_rate * factor


def linear(fraction: float, warmup: float) -> float:
    """Straight up from 0 to 1 at `warmup`, straight down to 0 at the end; a fraction of the highest step size."""
    fraction = min(max(fraction, 0.0), 1.0)
    return fraction / warmup if fraction < warmup else (1 - fraction) / (1 - warmup)


def one_cycle(fraction: float, warmup: float) -> tuple[float, float]:
    """The shape of torch's OneCycleLR with its default settings (Smith and Topin 2018), over a fraction 0..1 of the budget
    instead of a number of steps that nobody knows beforehand.

    Returns the learning rate as a fraction of the highest (from 1/25, up to 1 at `warmup`, down to 1/250,000, both ways
    along a cosine) and the momentum (AdamW's first beta; from 0.95 down to 0.85 and back).
    """
    fraction = min(max(fraction, 0.0), 1.0)
    if fraction < warmup:
        part = fraction / warmup
        return _cosine(1 / 25, 1.0, part), _cosine(0.95, 0.85, part)
    part = (fraction - warmup) / (1 - warmup)
    return _cosine(1.0, 1 / 25 / 1e4, part), _cosine(0.85, 0.95, part)


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
