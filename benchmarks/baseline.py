"""Other networks with recipes of their own, trained as DiCLAM is: the same pictures on the same device, the precision and
memory layout that its own training would have, and the same time limit. Nothing but network and recipe differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from diclam.batches import Batches
from diclam.data import Cifar10
from diclam.device import Clock, autocast, pick_device, pick_precision
from diclam.events import Finished
from diclam.pace import Pace, marker
from diclam.recipe import TrainConfig
from diclam.time_limit import TimeSupervisor


@dataclass(frozen=True)
class Fitting:
    """How a baseline learns from a batch."""

    optimizers: Sequence[torch.optim.Optimizer]
    at: Callable[[float], None]
    """Sets the step sizes for this fraction, 0 to 1, of the time."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """Of logits (B, 10) in float32 and labels (B,)."""


def train(
    model: nn.Module,
    data: Cifar10,
    settings: TrainConfig,
    begin: Callable[[Tensor, torch.dtype], Fitting],
    clock: Clock = time.monotonic,
) -> Finished:
    """Trains `model` in place on all training pictures, until the next step would not end within `settings.budget`. Of the
    settings, batch, flip, crop, seed, device and budget count. `begin` is called within the time, once the model is on its
    device, with the training pictures and the precision."""
    supervisor = TimeSupervisor(settings.budget, clock)
    torch.manual_seed(settings.seed)
    place = pick_device(settings.device)
    dtype = pick_precision(settings.precision, place, clock=clock)
    model.to(device=place, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    images = data.train_images.to(place)
    batches = Batches(images, data.train_labels.to(place), settings)
    fitting, pace = begin(images, dtype), Pace(marker(place))
    steps, latest = 0, 0.0
    while not supervisor.expired(latest):
        start = supervisor.elapsed
        fitting.at(supervisor.fraction)
        batch = batches.next(supervisor.fraction)
        with autocast(place, dtype):
            logits_BK = model(batch.pictures_B3HW)
        for optimizer in fitting.optimizers:
            optimizer.zero_grad(set_to_none=True)
        fitting.loss(logits_BK.float(), batch.labels_B).backward()
        for optimizer in fitting.optimizers:
            optimizer.step()
        pace.keep()
        # The first step builds kernels; it says nothing about the next ones.
        latest = supervisor.elapsed - start if steps else 0.0
        steps += 1
    if place.type != "cpu":
        torch.accelerator.synchronize(place)
    seen = steps * settings.batch_size
    return Finished("time", steps, seen / len(data.train_labels), supervisor.elapsed, seen, None)
