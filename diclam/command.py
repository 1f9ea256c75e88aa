"""The command line that does what a form does."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

from diclam.model import ModelConfig
from diclam.recipe import TrainConfig, usual


def train_command(config: TrainConfig) -> str:
    """What a person types to train with these settings: the recipe, the budget, and what else differs from the recipe."""
    base = usual(config)
    words = ["python", "-m", "diclam", "train", "--recipe", config.recipe, "--budget", _text(config.budget)]
    words += _flags(config, base, [f.name for f in fields(TrainConfig) if f.name not in ("recipe", "budget", "model")])
    words += _flags(config.model, base.model, [f.name for f in fields(ModelConfig)])
    return shlex.join(words)


def _flags(settings: object, base: object, names: list[str]) -> list[str]:
    words = []
    for name in names:
        value, flag = getattr(settings, name), name.replace("_", "-")
        if value == getattr(base, name):
            continue
        words += [f"--{'' if value else 'no-'}{flag}"] if isinstance(value, bool) else [f"--{flag}", _text(value)]
    return words


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
