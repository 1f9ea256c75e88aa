"""Which device to compute on, and in which precision: measured, not assumed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from diclam.errors import ConfigError

Clock = Callable[[], float]
ROUNDS, ENOUGH = 20, 3
"""Timings of each precision, and of one that turns out to be slow."""


def pick_device(name: str = "auto") -> torch.device:
    """'auto' is CUDA, then Apple's MPS, then the CPU. Raises ConfigError for a device this machine does not have."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"The device {name!r} cannot be used here ({str(error).splitlines()[0]}); try 'cpu'.") from error
    return device


def pick_precision(name: str, device: torch.device, *, clock: Clock = time.monotonic) -> torch.dtype:
    """'auto' times one convolution, forward and backward, in both precisions and takes bfloat16 when it is at least a
    fifth faster.

    One small convolution and not a step of the network, because bfloat16 on a CPU without instructions for it can be a
    hundred times slower: the question itself must stay cheap there. Where it is not, it takes a twentieth of a second, and
    both in turn: what else the machine does for a moment must not cost a whole run a third of its speed.
    """
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type != "cpu":
        return torch.float32
    full, half = (_convolution(device, dtype, clock) for dtype in (torch.float32, torch.bfloat16))
    full_seconds, half_seconds = math.inf, math.inf
    for count in range(1, ROUNDS + 1):
        full_seconds, half_seconds = min(full_seconds, full()), min(half_seconds, half())
        if count >= ENOUGH and half_seconds > 2 * full_seconds:
            break
    return torch.bfloat16 if half_seconds * 1.2 < full_seconds else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


_ALONE = threading.RLock()  # What `exact` sets is the whole process's.


@contextmanager
def exact() -> Iterator[None]:
    """Convolutions in float32 as it is. NVIDIA's GPUs otherwise round what goes into them to 10 bits (TF32), and the same
    weights would answer otherwise than on a CPU."""
    with _ALONE:
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = before


def _convolution(device: torch.device, dtype: torch.dtype, clock: Clock) -> Callable[[], float]:
    """-> what makes the convolution once and gives its seconds."""
    conv = nn.Conv2d(64, 64, 3, padding=1, device=device).to(memory_format=torch.channels_last)
    x = torch.rand(8, 64, 16, 16, device=device).contiguous(memory_format=torch.channels_last)

    def once() -> float:
        start = clock()
        with autocast(device, dtype):
            loss = conv(x).sum()
        loss.backward()
        return clock() - start

    once()  # The first call builds the kernel.
    return once
