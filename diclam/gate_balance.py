"""How evenly the experts of a network are used while it learns, and whether that has gone wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from diclam.blocks import Router
from diclam.events import Step

ALMOST_ALL = 0.95
"""Mean gate of one expert above which the others have next to nothing to say."""
ALIKE = 0.01
"""Difference between gates below which all pictures are treated as one."""


class Gates:
    """Listens to the router of a network in training mode, from `with` to its end. It keeps a few numbers a step on the
    device, so that no step waits for them. The network is the one that makes the steps: it may be wrapped, compiled, and
    part of several processes; then the numbers are those of this one's pictures."""

    def __init__(self, model: nn.Module) -> None:
        self._routers = [module for module in model.modules() if isinstance(module, Router)]
        self._latest: list[Tensor | None] = [None] * len(self._routers)
        self._means: list[Tensor] = []
        self._spreads: list[Tensor] = []

    def __enter__(self) -> Gates:
        self._handles = [r.register_forward_hook(partial(self._hear, k)) for k, r in enumerate(self._routers)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _hear(self, k: int, router: nn.Module, inputs: Any, gates_BE: Tensor) -> None:
        # No list that grows: a compiled network would be compiled anew for each of its lengths.
        if router.training:
            self._latest[k] = gates_BE.detach()

    def note(self) -> None:
        """Keeps the gates of a step; to be called after each."""
        for k, gates_BE in enumerate(self._latest):
            if gates_BE is not None:
                self._means.append(gates_BE.mean(0))
                self._spreads.append((gates_BE.amax(0) - gates_BE.amin(0)).amax())
                self._latest[k] = None

    def take(self) -> tuple[list[float] | None, float | None]:
        """-> mean gate of each expert and the largest spread within a batch since the last call; None where there were no
        pictures, or the gates were no numbers. Waits for the device."""
        if not self._means:
            return None, None
        means, spread = torch.stack(self._means).mean(0).tolist(), torch.stack(self._spreads).amax().item()
        self._means.clear()
        self._spreads.clear()
        if not all(math.isfinite(value) for value in (*means, spread)):
            return None, None
        return [round(mean, 5) for mean in means], round(spread, 5)


def collapse(steps: Sequence[Step]) -> str:
    """What has gone wrong with the gates in all of these steps, as a sentence; nothing when some are fine, or not known."""
    known = [(step.gates, step.gate_spread) for step in steps if step.gates is not None and step.gate_spread is not None]
    if not known or len(known) < len(steps) or len(known[-1][0]) < 2:
        return ""
    favourite = max(range(len(known[-1][0])), key=lambda expert: known[-1][0][expert])
    if all(gates[favourite] > ALMOST_ALL for gates, _ in known):
        share = 100 * known[-1][0][favourite]
        return f"Expert {favourite + 1} has {share:.0f} % of the gates: the others have next to nothing to say."
    if all(spread < ALIKE for _, spread in known):
        return "The gates are almost the same for every picture: the router does not choose."
    return ""
