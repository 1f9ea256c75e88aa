"""The network as torch.compile makes it for a GPU, where the time limit leaves room for that.

Compiling pays where a step waits for its many small kernels rather than for arithmetic. On a CPU it does not: on two Zen 4
cores a compiled step of `fast` took a third longer than a plain one (285 against 216 ms at 24 pixels, 474 against 384 ms at
32), after 94 s of compiling.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from diclam import random_state
from diclam.device import Clock, autocast
from diclam.recipe import TrainConfig
from diclam.time_limit import TimeSupervisor

BACKEND = "inductor"
ENOUGH_SECONDS = 180.0
"""Of time that must be left for 'auto' to compile: it may take a minute."""
ROUNDS = 5
"""Timed rehearsals of either kind."""


class _EnoughError(Exception):
    """No more time for this."""


def wanted(config: TrainConfig, device: torch.device, time_limit: TimeSupervisor) -> bool:
    """Whether a run with these settings, on this device, with so much time left, compiles."""
    if config.compile == "auto":
        left = time_limit.limit - time_limit.elapsed if device.type == "cuda" else 0.0
        return config.epochs is None and left >= ENOUGH_SECONDS
    return config.compile == "yes"


def compiled(
    model: nn.Module,
    shapes: Sequence[tuple[int, ...]],
    dtype: torch.dtype,
    *,
    clock: Clock = time.monotonic,
    enough: Callable[[], bool] = lambda: False,
) -> tuple[nn.Module, str]:
    """-> what makes the training steps of `model` from now on, with the very weights of `model`, and why that is still
    `model` itself: it cannot be compiled here, or is not faster for it; '' where it is compiled.

    It is compiled for batches of each of these `shapes` (B, 3, H, W) at once, as a step that compiles in the middle of a run
    would stop it for a minute. The rehearsals leave no trace in weights, statistics and randomness. It is given up as soon
    as `enough`, asked after each rehearsal, says yes.
    """
    made = torch.compile(model, dynamic=False, backend=BACKEND)
    assert isinstance(made, nn.Module)

    def rehearsed(network: nn.Module, shape: tuple[int, ...]) -> float:
        if enough():
            raise _EnoughError
        return _rehearse(network, shape, dtype, clock)

    try:
        for shape in shapes:
            rehearsed(made, shape)
        plain, fast = (sum(min(rehearsed(m, s) for _ in range(ROUNDS)) for s in shapes) for m in (model, made))
    except _EnoughError:
        return model, "There was no time for it."
    except Exception as error:  # A compiler that is missing, or too old, or does not know this device: each has its own.
        return model, f"It cannot be compiled here: {_in_short(error)}"
    if fast > plain:
        return model, f"Compiled steps are not faster here: {1000 * fast:,.0f} ms instead of {1000 * plain:,.0f} ms."
    return made, ""


def _rehearse(model: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, clock: Clock) -> float:
    """-> seconds of one step forth and back, of which nothing is left."""
    device = next(model.parameters()).device
    buffers, random = [buffer.clone() for buffer in model.buffers()], random_state.take(device)
    x_B3HW = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last)
    model.train()
    try:
        _settle(device)
        start = clock()
        with autocast(device, dtype):
            logits_BK: Tensor = model(x_B3HW)
        logits_BK.float().square().mean().backward()
        _settle(device)
        return clock() - start
    finally:
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for buffer, before in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(before)
        random_state.restore(device, random)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _in_short(error: Exception) -> str:
    """Its first two lines: torch puts what it was doing before what went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
