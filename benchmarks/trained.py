"""One timed training run on all 50,000 pictures, and the one test at its end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks import airbench94, machine, resnet18
from diclam.data import Cifar10
from diclam.device import Clock, exact
from diclam.events import Finished, Step
from diclam.recipe import RECIPES, build_model, config
from diclam.train import train
from diclam.validation import HeldOut

BASELINES = {resnet18.NAME: resnet18, airbench94.NAME: airbench94}
NETWORKS = (*RECIPES, *BASELINES)
"""DiCLAM by each of its recipes, and the baselines."""


@dataclass(frozen=True)
class Trained:
    """What a run leaves."""

    model: nn.Module
    finished: Finished
    steps: list[Step]
    """What it told on its way; baselines tell nothing."""

    def row(self, accuracy: float, others: float) -> dict[str, Any]:
        """As it is kept: fractions of 1, seconds, pictures; `others` are the cores that other processes kept busy."""
        finished = self.finished
        return {
            "accuracy": accuracy,
            "seconds": finished.seconds,
            "steps": finished.step,
            "epochs": finished.epoch,
            "pictures_per_second": finished.pictures_seen / max(finished.seconds, 1e-9),
            "reason": finished.reason,
            "others": others,
            **machine.describe(),
        }


def run(
    network: str, data: Cifar10, *, budget: float, seed: int, device: str = "auto", clock: Clock = time.monotonic
) -> Trained:
    """Trains a fresh one of `NETWORKS`, nothing held out. The clock covers everything from the first batch to the final
    weights, the choice of precision included."""
    if baseline := BASELINES.get(network):
        model: Any = build(network, seed=seed)
        return Trained(model, baseline.train(model, data, budget=budget, seed=seed, device=device, clock=clock), [])
    settings = config(network, budget=budget, seed=seed, holdout=0, device=device)
    model = build_model(settings)
    events = list(train(model, data, settings, clock=clock))
    (finished,) = (event for event in events if isinstance(event, Finished))
    return Trained(model, finished, [event for event in events if isinstance(event, Step)])


def build(network: str, *, seed: int) -> nn.Module:
    """A fresh one."""
    baseline = BASELINES.get(network)
    return baseline.build(seed) if baseline else build_model(config(network, seed=seed))


def accuracy(model: nn.Module, data: Cifar10) -> float:
    """On the test pictures: one answer each, in float32, without test-time augmentation; fraction of 1."""
    device = next(model.parameters()).device
    test = HeldOut(data.test_images.to(device), data.test_labels.to(device), torch.float32)
    with exact():
        return test.look(model).accuracy
