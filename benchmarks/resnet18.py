"""The usual baseline: torchvision's ResNet-18 (11 million parameters), trained as usual on CIFAR-10, within a time limit.

A 3x3 stem with stride 1 and no max-pool, as 32 x 32 pixels are too few for the ImageNet stem; SGD with Nesterov momentum
0.9, learning rate 0.1 down a cosine, weight decay 5e-4, batches of 128, mirrored at random and cut out of 4 pixels of black
padding. The cosine follows the clock instead of a number of epochs, and pictures, precision, memory layout and time limit
are those of DiCLAM's own training, so that nothing but network and recipe differ.
"""

from __future__ import annotations

import math
import time

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

from diclam.batches import Batches
from diclam.data import CLASSES, Cifar10
from diclam.device import Clock, autocast, pick_device, pick_precision
from diclam.events import Finished
from diclam.optim import eager
from diclam.recipe import config
from diclam.train import TimeSupervisor

NAME = "resnet18"
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, BATCH = 0.1, 0.9, 5e-4, 128


@eager
class SGD(torch.optim.SGD):
    """As fast to build as DiCLAM's own optimizers."""


def build(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resnet18(num_classes=len(CLASSES))
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    return model


def train(
    model: nn.Module,
    data: Cifar10,
    *,
    budget: float,
    seed: int,
    device: str = "cpu",
    batch_size: int = BATCH,
    clock: Clock = time.monotonic,
) -> Finished:
    """Trains `model` in place on all training pictures, until the next step would not end within `budget` seconds."""
    settings = config(
        "report", budget=budget, seed=seed, batch_size=batch_size, flip="random", crop_padding=4, crop_mode="zero", holdout=0
    )
    supervisor = TimeSupervisor(budget, clock)
    torch.manual_seed(seed)
    place = pick_device(device)
    dtype = pick_precision("auto", place, clock=clock)
    model.to(device=place, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    batches = Batches(data.train_images.to(place), data.train_labels.to(place), settings)
    optimizer = SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    steps, latest = 0, 0.0
    while not supervisor.expired(latest):
        start = supervisor.elapsed
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * supervisor.fraction)) / 2
        batch = batches.next(supervisor.fraction)
        with autocast(place, dtype):
            logits_BK = model(batch.pictures_B3HW)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(logits_BK.float(), batch.labels_B).backward()
        optimizer.step()
        # The first step builds kernels; it says nothing about the next ones.
        latest = supervisor.elapsed - start if steps else 0.0
        steps += 1
    seen = steps * batch_size
    return Finished("time", steps, seen / len(data.train_labels), supervisor.elapsed, seen, None)
