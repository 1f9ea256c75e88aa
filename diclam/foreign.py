"""Records that somebody else wrote, read with every value checked: a page would stumble over what a run never writes."""

from __future__ import annotations

import json
import types
from dataclasses import fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from diclam.errors import RunError
from diclam.events import (
    Event,
    Finished,
    Resumed,
    Started,
    Tested,
    Testing,
    TrialEnded,
    TrialStarted,
    Validated,
    from_json,
)

ENDS = ("time", "epochs", "converged", "stopped", "diverged")
MAX_EVENTS = 200_000
MAX_TEXT, MAX_NAME = 4096, 60
LARGEST = 1e15


def events(content: bytes) -> list[Event]:
    """The events of a run's record. Raises RunError with the number of the first line that no run writes."""
    lines = content.decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_EVENTS:
        raise RunError(f"Expected at most {MAX_EVENTS:,} events; got {len(lines):,}.")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            event = from_json(line)
        except (ValueError, RecursionError) as error:
            raise RunError(f"Expected an event in line {number} of its record; got something else.") from error
        if isinstance(event, TrialStarted | TrialEnded) or not sound(event):  # A search is no run.
            raise RunError(f"Line {number} of its record holds a {type(event).__name__} with impossible values.")
        found.append(event)
    return found


def sound(event: Event) -> bool:
    """Whether every field is of the type that it is declared as, and in the range that pages rely on."""
    hints = get_type_hints(type(event))
    if not all(fits(getattr(event, field.name), hints[field.name]) for field in fields(event)):
        return False
    match event:
        case Finished(reason=reason, best_accuracy=best):
            return reason in ENDS and (best is None or 0 <= best <= 1)
        case Validated(accuracy=accuracy, confusion=confusion):
            square = not confusion or [len(row) for row in confusion] == [10] * 10
            return square and 0 <= accuracy <= 1
        case Tested():
            return all(0 <= value <= 1 for value in (event.accuracy, event.precision, event.recall, event.f1))
        case Started(budget=limit, recipe=recipe):
            return limit > 0 and len(recipe) <= MAX_NAME and recipe.isprintable()
        case Resumed(budget=limit):
            return limit > 0
        case Testing(total=total):
            return total > 0
        case _:
            return True


def fits(value: Any, hint: Any) -> bool:
    """Whether a value out of JSON is of a declared type. Numbers are finite, 0 or more and not huge, texts not long."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, kind) for kind in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(fits(item, get_args(hint)[0]) for item in value)
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and 0 <= value <= LARGEST
    if hint is int:
        return type(value) is int and 0 <= value <= LARGEST
    if hint is str:
        return isinstance(value, str) and len(value) <= MAX_TEXT
    return type(value) is hint


def facts(value: Any) -> dict[str, str | int | float | None]:
    """Names and short values, such as versions. Raises ValueError for anything else."""
    if not isinstance(value, dict) or len(json.dumps(value)) > MAX_TEXT:
        raise ValueError("expected a few names with a value each")
    if not all(known is None or fits(known, str) or fits(known, float) for known in value.values()):
        raise ValueError("expected texts and numbers")
    return value
