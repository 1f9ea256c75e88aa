"""The named recipes, which of them fits a run, and the networks that they begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from diclam.device import pick_device
from diclam.errors import ConfigError
from diclam.model import DiCLAM, ModelConfig
from diclam.train_config import CHOICES, MAX_BUDGET, MIN_BUDGET, TrainConfig, field_docs

__all__ = [
    "AUTO", "BY_LENGTH", "CHOICES", "MAX_BUDGET", "MIN_BUDGET", "RECIPES", "TrainConfig", "build_model", "config",
    "field_docs", "usual", "with_model",
]  # fmt: skip

_FAST = TrainConfig(
    recipe="fast",
    batch_size=250,
    optimizer="muon",
    learning_rate=5e-3,
    muon_learning_rate=0.12,
    weight_decay=0.0,
    schedule="linear",
    warmup=0.1,
    whiten=True,
    dirac=True,
    head_scale=1 / 3,
    norm_momentum=0.4,
    label_smoothing=0.2,
    gradient_clip=1e9,
    weight_average=0.98,
    flip="alternating",
    crop_padding=2,
    skip_easy=0.5,
    early_side=24,
    early_part=0.5,
    first_part=0.15,
    freeze_stem=0.6,
    # The best comes when the steps get small, at the end: no pause on the way there says anything.
    patience=0,
    model=ModelConfig(dropout_input=0.0, dropout_hidden=0.0, activation="silu"),
)
RECIPES: dict[str, TrainConfig] = {
    "report": TrainConfig(),
    # A few epochs: 15 s to 10 min of a CPU. What goes by the length of a run is as in short ones, see `usual`.
    "fast": _FAST,
    # Many epochs: a GPU, or hours of a CPU. The pictures vary more, and larger batches keep a GPU busy; Muon's steps grow
    # with the square root of the batch.
    "best": replace(
        _FAST,
        recipe="best",
        batch_size=1000,
        learning_rate=4e-3,
        muon_learning_rate=0.17,
        weight_decay=0.02,
        norm_momentum=0.1,
        label_smoothing=0.1,
        crop_padding=4,
        cutout=10,
        weight_average=0.0,
        skip_easy=0.0,
        early_part=0.35,
        first_part=0.0,
        freeze_stem=1.0,
        model=ModelConfig(dropout_input=0.0, dropout_hidden=0.0),
    ),
}


AUTO = "auto"
"""Not a recipe but the choice of one."""
# In more epochs than this the network learns the training pictures by heart unless they are changed more strongly.
FEW_EPOCHS = 10
# What makes so many epochs on two processor cores.
CPU_SECONDS_FOR_MANY = 1800.0
# Between so many seconds, and no further, the best step size of Muon falls with this power of the time.
SHORT, LONG, MUON_POWER = 60.0, 600.0, -0.151
# What else 'fast' chooses by the length of a run: values at some lengths in seconds, between them in proportion. The longer
# it is, the less smaller pictures gain, and the more pictures are known so well that they can be left out.
BY_LENGTH: dict[str, dict[float, float]] = {
    "first_part": {60.0: 0.15, 200.0: 0.0},
    "early_part": {200.0: 0.5, 600.0: 0.35},
    "skip_easy": {200.0: 0.5, 600.0: 0.7},
}


def config(recipe: str, **changes: Any) -> TrainConfig:
    """The named recipe with some settings changed; 'auto' chooses 'best' where many epochs fit into the run (an accelerator,
    or half an hour of a CPU), else 'fast'. Raises ConfigError for an unknown recipe or setting."""
    if recipe == AUTO:
        recipe = _fitting(TrainConfig.from_dict(changes))
    if recipe not in RECIPES:
        raise ConfigError(f"Unknown recipe {recipe[:60]!r}; there are: {', '.join([*RECIPES, AUTO])}.")
    changed = TrainConfig.from_dict(RECIPES[recipe].to_dict() | changes)
    fitting = usual(changed)
    by_length = ["muon_learning_rate", *BY_LENGTH]
    return replace(changed, **{name: getattr(fitting, name) for name in by_length if name not in changes})


def usual(changed: TrainConfig) -> TrainConfig:
    """The recipe that these settings started from, to tell what was changed; 'report' where there is none of that name. What
    it chooses by the length of a run is as for theirs."""
    base = RECIPES.get(changed.recipe, TrainConfig())
    if base.recipe != "fast":
        return base
    seconds = LONG if changed.epochs is not None else min(max(changed.budget, SHORT), LONG)
    rate = base.muon_learning_rate * (seconds / SHORT) ** MUON_POWER
    values = {name: float(np.interp(seconds, [*at], [*at.values()])) for name, at in BY_LENGTH.items()}
    return replace(base, **{name: round(value, 4) for name, value in {"muon_learning_rate": rate, **values}.items()})


def _fitting(given: TrainConfig) -> str:
    if given.epochs is not None:
        return "best" if given.epochs > FEW_EPOCHS else "fast"
    on_cpu = pick_device(given.device).type == "cpu"
    return "fast" if on_cpu and given.budget < CPU_SECONDS_FOR_MANY else "best"


def with_model(train_config: TrainConfig, **changes: Any) -> TrainConfig:
    """The same settings with a changed network. Raises ConfigError as `ModelConfig` does."""
    return replace(train_config, model=ModelConfig.from_dict(train_config.model.to_dict() | changes))


def build_model(train_config: TrainConfig) -> DiCLAM:
    """A fresh network whose first weights follow from the seed alone; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(train_config.seed)
        return DiCLAM(train_config.model)
