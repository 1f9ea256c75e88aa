"""The fastest learner of about DiCLAM's size that is well known: the network of airbench94 (2.0 million parameters) and its
recipe with Muon, after Keller Jordan's `airbench94_muon.py` of 2024 (94.01 % after 2.6 s on an A100, with six views of each
test picture).

Written anew, with these differences: step sizes follow the clock instead of a number of epochs; precision and layout are
those of DiCLAM's training here instead of half precision; a batch has 500 pictures on a CPU, where few steps fit into the
time, and Muon's step size shrinks with its square root as usual; nothing is compiled; one view of each test picture.
"""

from __future__ import annotations

import time
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import baseline
from benchmarks.baseline import Fitting
from benchmarks.resnet18 import SGD
from diclam.augment import normalize
from diclam.data import CLASSES, Cifar10
from diclam.device import Clock, pick_device
from diclam.events import Finished
from diclam.initialize import dirac_
from diclam.optim import Muon
from diclam.recipe import config

NAME = "airbench94"
WIDTHS = (64, 256, 256)
BATCH, BATCH_ON_CPU = 2000, 500
MUON_RATE, MUON_MOMENTUM, BIAS_RATE, HEAD_RATE, MOMENTUM = 0.24, 0.6, 0.053, 0.67, 0.85
DECAY = 2e-6
"""Weight decay for each picture of a batch, over the step size."""
WHITEN_BIAS_PART = 3 / 8
"""Fraction of the run in which the first layer's bias is trained."""
WHITEN_PICTURES, WHITEN_EPS = 5000, 5e-4


class Norm(nn.BatchNorm2d):
    """Without a scale of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-12, momentum=0.4)
        self.weight.requires_grad_(False)


class Group(nn.Sequential):
    """Two 3x3 convolutions that start close to the identity, the first one followed by a max-pool."""

    def __init__(self, inputs: int, outputs: int) -> None:
        first, second = (nn.Conv2d(n, outputs, 3, padding=1, bias=False) for n in (inputs, outputs))
        dirac_(first.weight)
        dirac_(second.weight)
        super().__init__(first, nn.MaxPool2d(2), Norm(outputs), nn.GELU(), second, Norm(outputs), nn.GELU())


class Airbench(nn.Module):
    """(B, 3, 32, 32) -> logits (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        inputs = (24, *WIDTHS)
        self.groups = nn.Sequential(*(Group(a, b) for a, b in zip(inputs, WIDTHS, strict=False)), nn.MaxPool2d(3))
        self.head = nn.Linear(WIDTHS[-1], len(CLASSES), bias=False)
        with torch.no_grad():
            self.head.weight.div_(self.head.weight.std())

    def forward(self, x_B3HW: Tensor) -> Tensor:
        x_BC = self.groups(F.gelu(self.whiten(x_B3HW))).flatten(1)
        return self.head(x_BC) / WIDTHS[-1]


def build(seed: int) -> Airbench:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Airbench()


@torch.no_grad()
def whiten(layer: nn.Conv2d, images_N3HW: Tensor) -> None:
    """The 12 principal directions of the pictures' 2x2 patches, each once with either sign, all of the same strength."""
    patches_NDP = F.unfold(normalize(images_N3HW.cpu()), 2)
    covariance_DD = torch.bmm(patches_NDP, patches_NDP.mT).double().sum(0) / (len(patches_NDP) * patches_NDP.shape[2])
    strengths_D, directions_DD = torch.linalg.eigh(covariance_DD)
    filters_DD = directions_DD.T / (strengths_D + WHITEN_EPS).sqrt()[:, None]
    layer.weight.copy_(torch.cat([filters_DD, -filters_DD]).view_as(layer.weight))


def train(
    model: Airbench, data: Cifar10, *, budget: float, seed: int, device: str = "cpu", clock: Clock = time.monotonic
) -> Finished:
    """As `baseline.train`."""
    batch = BATCH_ON_CPU if pick_device(device).type == "cpu" else BATCH
    settings = config(
        "report", budget=budget, seed=seed, batch_size=batch, flip="alternating", crop_padding=2, holdout=0, device=device
    )  # fmt: skip
    return baseline.train(model, data, settings, partial(_begin, model, batch), clock)


def _begin(model: Airbench, batch: int, images_N3HW: Tensor, dtype: torch.dtype) -> Fitting:
    whiten(model.whiten, images_N3HW[:WHITEN_PICTURES])
    decay = DECAY * batch
    norms = [module.bias for module in model.modules() if isinstance(module, Norm)]
    rest = SGD(
        [
            {"params": [model.whiten.bias], "lr": BIAS_RATE, "weight_decay": decay / BIAS_RATE},
            {"params": norms, "lr": BIAS_RATE, "weight_decay": decay / BIAS_RATE},
            {"params": [model.head.weight], "lr": HEAD_RATE, "weight_decay": decay / HEAD_RATE},
        ],
        momentum=MOMENTUM,
        nesterov=True,
    )
    filters = [module.weight for module in model.groups.modules() if isinstance(module, nn.Conv2d)]
    muon = Muon(filters, MUON_RATE * (batch / BATCH) ** 0.5, MUON_MOMENTUM, dtype)
    groups = [*rest.param_groups, *muon.param_groups]
    highest = [group["lr"] for group in groups]

    def at(fraction: float) -> None:
        for group, rate in zip(groups, highest, strict=True):
            group["lr"] = rate * (1 - fraction)
        early = fraction < WHITEN_BIAS_PART
        groups[0]["lr"] = highest[0] * (1 - fraction / WHITEN_BIAS_PART) if early else 0.0
        model.whiten.bias.requires_grad_(early)  # pyright: ignore[reportOptionalMemberAccess]

    return Fitting([rest, muon], at, partial(F.cross_entropy, label_smoothing=0.2, reduction="sum"))
