"""What the owner of a server sets: numbers in environment variables, checked."""

from __future__ import annotations

import math
import os

from diclam.errors import ConfigError


def number(name: str, default: float, low: float, high: float, unit: str = "") -> float:
    """The number that the variable `name` holds, or `default` where there is none. Raises ConfigError for anything that is
    no number from `low` to `high`."""
    text = os.environ.get(name, f"{default:g}")
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not low <= found <= high:
        of = f" of {unit}" if unit else ""
        raise ConfigError(f"{name} must be a number{of}, {low:g} to {high:g}; got {text!r}.")
    return found
