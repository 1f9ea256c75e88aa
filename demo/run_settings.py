"""From what a visitor typed to the settings of a run. Whatever comes is checked here: anybody can send anything."""

from __future__ import annotations

import math
import os
from dataclasses import fields
from typing import Any

from diclam.environment import number
from diclam.errors import ConfigError
from diclam.model import ModelConfig
from diclam.recipe import MAX_BUDGET, TrainConfig, config, with_model
from diclam.waiting import MAX_WAITING

MIN_BUDGET = 15.0
"""Seconds; in less than this, nothing is learned that is worth a look."""
MOST_RUNS, MOST_WAITING = 16, 1000
PRESETS = (15.0, 60.0, 120.0, 300.0, 600.0)
RECIPE_WORDS = {
    "report": "AdamW on a one-cycle schedule with random flips and crops, as the report describes it.",
    "fast": "Muon, better first weights and smaller pictures at first; learns far more in the same time.",
    "best": "for a GPU, or for hours: the same with pictures that vary more; needs more than ten epochs to pay.",
}
"""One sentence for every recipe of `diclam.recipe.RECIPES`."""
FIRST = config("auto", budget=60.0)
"""What the form opens with: a run that a visitor, or a class, can watch to its end."""


def max_budget() -> float:
    """The longest run in seconds that visitors may start: DICLAM_MAX_BUDGET, or 600. Raises ConfigError when it is no
    possible limit."""
    return number("DICLAM_MAX_BUDGET", 600.0, MIN_BUDGET, MAX_BUDGET, "seconds")


def max_runs() -> int:
    """How many runs of visitors train at a time: DICLAM_MAX_RUNS, or 1, as they share the processor. Raises ConfigError when
    it is no possible number."""
    return _whole("DICLAM_MAX_RUNS", 1, MOST_RUNS)


def max_waiting() -> int:
    """How many starts of visitors wait at a time: DICLAM_MAX_WAITING, or 40. Raises ConfigError when it is no possible
    number."""
    return _whole("DICLAM_MAX_WAITING", MAX_WAITING, MOST_WAITING)


def max_pause() -> float:
    """How many seconds all pauses of a run that was paused on the page take together at the most, as nobody else can train
    meanwhile: DICLAM_MAX_PAUSE, or 900. Raises ConfigError when it is no possible limit."""
    return number("DICLAM_MAX_PAUSE", 900.0, 1.0, MAX_BUDGET, "seconds")


def presets(limit: float) -> tuple[float, ...]:
    """The budgets to choose from where the longest is `limit`."""
    return tuple(seconds for seconds in PRESETS if seconds <= limit)


def settings(recipe: Any, seconds: Any, seed: Any, limit: float, **changes: Any) -> TrainConfig:
    """A named recipe with a budget, a seed and other changed settings, those of the network among them; it holds out as many
    pictures as the recipe says. Muon's learning rate may be None, for what the recipe takes in so much time. Raises
    ConfigError."""
    if not _is_number(seconds) or not MIN_BUDGET <= seconds <= limit:
        raise ConfigError(f"The time budget must be {MIN_BUDGET:g} to {limit:g} seconds; got {_shown(seconds)}.")
    if not _is_number(seed) or seed != int(seed):
        raise ConfigError(f"The seed must be a whole number, 0 or more; got {_shown(seed)}.")
    changes = {name: value for name, value in changes.items() if (name, value) != ("muon_learning_rate", None)}
    network = {f.name: changes.pop(f.name) for f in fields(ModelConfig) if f.name in changes}
    return with_model(config(str(recipe), budget=float(seconds), seed=int(seed), **changes), **network)


def _whole(name: str, default: int, most: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ConfigError(f"{name} must be a whole number, 1 to {most}; got {text!r}.")
    return int(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
