"""What a search may change: a range or a list of values for each setting, as text and as Optuna's distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from diclam.errors import ConfigError
from diclam.model import ModelConfig
from diclam.recipe import TrainConfig, with_model

Space = dict[str, BaseDistribution]

DEFAULTS: dict[str, tuple[str, ...]] = {
    "report": (
        "learning_rate=5e-4:1e-2:log",
        "weight_decay=1e-3:0.5:log",
        "batch_size=64,128,256",
        "warmup=0.05:0.4",
        "label_smoothing=0:0.2",
        "norm_momentum=0.05:0.6",
        "dropout_input=0:0.3",
    ),
    # Not the batch size and the early part: they change what an epoch costs, so they compare only within a time limit.
    # Not the augmentation: a short trial is best without any, a long run is not.
    "fast": (
        "learning_rate=1e-3:2e-2:log",
        "muon_learning_rate=0.03:0.25:log",
        "muon_momentum=0.4:0.9",
        "warmup=0.02:0.4",
        "head_scale=0.1:1:log",
        "norm_momentum=0.1:0.8",
        "label_smoothing=0:0.3",
    ),
    "best": (
        "learning_rate=1e-3:2e-2:log",
        "muon_learning_rate=0.05:0.4:log",
        "muon_momentum=0.4:0.9",
        "weight_decay=1e-3:0.2:log",
        "warmup=0.02:0.4",
        "label_smoothing=0:0.2",
        "norm_momentum=0.03:0.5",
        "cutout=0:16",
    ),
}
"""What is searched when nothing is named, by recipe."""

# They are what a trial is measured by, not what it tries.
_OF_THE_STUDY = {
    "recipe", "budget", "epochs", "seed", "start_from", "teacher", "holdout", "train_share", "validate_epochs", "patience",
    "device", "precision", "compile", "model",
}  # fmt: skip
# A setting that changes nothing while another one has this value.
_IDLE: dict[str, tuple[str, Any]] = {
    "muon_learning_rate": ("optimizer", "adamw"),
    "muon_momentum": ("optimizer", "adamw"),
    "teacher_weight": ("teacher", ""),
    "teacher_temperature": ("teacher", ""),
    "early_side": ("early_part", 0.0),
    "early_part": ("early_side", 32),
    "crop_mode": ("crop_padding", 0),
}
_NETWORK = {field.name for field in fields(ModelConfig)}
_KINDS = {field.name: str(field.type) for cls in (TrainConfig, ModelConfig) for field in fields(cls)}
_SEARCHABLE = sorted(_KINDS.keys() - _OF_THE_STUDY)
_WORDS = {"true": True, "false": False}


def parse(texts: Sequence[str], settings: TrainConfig) -> Space:
    """`learning_rate=1e-4:1e-2:log` (a range), `batch_size=125,250,500` (a list); none means the default of the recipe.
    Raises ConfigError for a text that says neither, and for a setting that cannot be searched or cannot have such values."""
    if not texts and settings.recipe not in DEFAULTS:
        raise ConfigError(f"There is no default for the recipe {settings.recipe!r}; name what to search with --search.")
    space: Space = {}
    for text in texts or DEFAULTS[settings.recipe]:
        name, _, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if name not in _SEARCHABLE:
            raise ConfigError(f"--search {text}: {name!r} cannot be searched. These can: {', '.join(_SEARCHABLE)}.")
        if name in space:
            raise ConfigError(f"--search {text}: {name} is searched already.")
        space[name] = _distribution(text, _KINDS[name], values)
    for name in space:
        _check(name, space, settings)
    return space


def text_of(distribution: BaseDistribution) -> str:
    """The text behind '=' that `parse` reads as this distribution."""
    match distribution:
        case FloatDistribution(low=low, high=high, log=log) | IntDistribution(low=low, high=high, log=log):
            return f"{low!r}:{high!r}" + (":log" if log else "")
        case CategoricalDistribution(choices=choices):
            return ",".join(str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices)
    raise AssertionError(distribution)


def suggest(trial: Trial, space: Space) -> dict[str, Any]:
    """A value for each setting, chosen by the trial's sampler."""
    chosen = {}
    for name, distribution in space.items():
        match distribution:
            case FloatDistribution(low=low, high=high, log=log):
                chosen[name] = trial.suggest_float(name, low, high, log=log)
            case IntDistribution(low=low, high=high, log=log):
                chosen[name] = trial.suggest_int(name, low, high, log=log)
            case CategoricalDistribution(choices=choices):
                chosen[name] = trial.suggest_categorical(name, choices)
    return chosen


def changed(settings: TrainConfig, values: dict[str, Any]) -> TrainConfig:
    """The settings with these values, of the training or of the network. Raises ConfigError when one cannot be."""
    network = {name: value for name, value in values.items() if name in _NETWORK}
    return with_model(replace(settings, **{n: v for n, v in values.items() if n not in _NETWORK}), **network)


def own_values(settings: TrainConfig, space: Space) -> dict[str, Any] | None:
    """What the settings have where the space searches; None when one of them is not in it."""
    values = {name: getattr(settings.model if name in _NETWORK else settings, name) for name in space}
    return values if all(_within(values[name], distribution) for name, distribution in space.items()) else None


def _distribution(text: str, kind: str, values: str) -> BaseDistribution:
    number: Callable[[str], Any] = {"int": int, "float": float, "bool": lambda word: _WORDS[word], "str": str}[kind]
    try:
        if ":" in values and kind in ("int", "float"):
            low, high, *rest = values.split(":")
            log = rest == ["log"]
            if (rest and not log) or not number(low) < number(high):
                raise ValueError("a range goes from a lower to a higher number, with :log or nothing behind")
            return (IntDistribution if kind == "int" else FloatDistribution)(number(low), number(high), log=log)
        choices = [number(value.strip()) for value in values.split(",")]
        if len(set(choices)) < max(len(choices), 2):
            raise ValueError("a list has two values or more, each once")
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"--search {text}: expected NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE, values of {kind}; {error}."
        ) from error
    return CategoricalDistribution(choices)


def _check(name: str, space: Space, settings: TrainConfig) -> None:
    match space[name]:
        case FloatDistribution(low=low, high=high) | IntDistribution(low=low, high=high):
            values: Sequence[Any] = (low, high)
        case CategoricalDistribution(choices=choices):
            values = choices
        case _:
            values = ()
    for value in values:
        changed(settings, {name: value})
    other, off = _IDLE.get(name, ("", None))
    if other and other not in space and getattr(settings, other) == off:
        raise ConfigError(
            f"--search {name}: it changes nothing while {other} is {off!r}; set {other}, or search it as well."
        )


def _within(value: Any, distribution: BaseDistribution) -> bool:
    match distribution:
        case FloatDistribution(low=low, high=high) | IntDistribution(low=low, high=high):
            return low <= value <= high
        case CategoricalDistribution(choices=choices):
            return value in choices
    raise AssertionError(distribution)
