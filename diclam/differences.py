"""What differs in the settings of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from diclam.errors import ConfigError
from diclam.recipe import TrainConfig

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """One setting that is not the same in all of the runs."""

    name: str
    """As in `TrainConfig` or its network, in words."""
    values: tuple[str, ...]
    """Of each run, in words."""


def differences(configs: Sequence[dict[str, Any] | None]) -> list[Difference]:
    """The settings that differ between runs, in the order of `TrainConfig`; what a run of an older version does not say is
    what it was by default then as now. None, and what is no settings, is unknown throughout."""
    known = [_flat(config) for config in configs]
    names = list(dict.fromkeys(name for config in known for name in config))
    rows = [(name, tuple(_words(config[name]) if name in config else UNKNOWN for config in known)) for name in names]
    return [Difference(name.replace("_", " "), values) for name, values in rows if len(set(values)) > 1]


def _flat(config: dict[str, Any] | None) -> dict[str, Any]:
    with suppress(ConfigError, TypeError, ValueError):
        values = TrainConfig.from_dict(config or {"recipe": None}).to_dict()
        return {name: value for name, value in values.items() if name != "model"} | values["model"]
    return {}


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
