"""The usual baseline: torchvision's ResNet-18 (11 million parameters), trained as usual on CIFAR-10, within a time limit.

A 3x3 stem with stride 1 and no max-pool, as 32 x 32 pixels are too few for the ImageNet stem; SGD with Nesterov momentum
0.9, learning rate 0.1 down a cosine, weight decay 5e-4, batches of 128, mirrored at random and cut out of 4 pixels of black
padding. The cosine follows the clock instead of a number of epochs.
"""

from __future__ import annotations

import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18

from benchmarks import baseline
from benchmarks.baseline import Fitting
from diclam.data import CLASSES, Cifar10
from diclam.device import Clock
from diclam.events import Finished
from diclam.optim import eager
from diclam.recipe import config

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
    """As `baseline.train`."""
    settings = config(
        "report", budget=budget, seed=seed, batch_size=batch_size, crop_mode="zero", holdout=0, device=device
    )  # fmt: skip

    def begin(images_N3HW: Tensor, dtype: torch.dtype) -> Fitting:
        optimizer = SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)

        def at(fraction: float) -> None:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * fraction)) / 2

        return Fitting([optimizer], at, F.cross_entropy)

    return baseline.train(model, data, settings, begin, clock)
