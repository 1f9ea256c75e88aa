"""What a visitor's page shows of a run already, so that only what is new is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_type_hints

from diclam.foreign import fits
from diclam.runs import Usage

FIRST_POINT, EACH = 0.5, 2.0
"""Seconds between two looks of a page at a run that goes on: before its curve begins, and then."""


@dataclass(frozen=True)
class Seen:
    """A look that finds the same brings nothing."""

    name: str
    size: int
    """Bytes of events."""
    alive: bool
    stopping: bool
    state: str
    steps: int
    validations: int
    snapshots: int
    """Bytes of them."""
    mine: bool
    """Whether this visitor may stop it."""
    pausing: bool
    """Whether it is asked to wait; `paused` is that it does."""
    paused: bool
    usage: Usage | None = field(compare=False)
    """What its process took of the machine then."""

    @property
    def stage(self) -> str:
        """The state, one for all before the training: a visitor can do the same in each."""
        return "starting" if self.state in ("fetching", "probing", "compiling") else self.state

    @property
    def listed(self) -> str:
        """The state as far as the table of runs tells it, until the training is over the same."""
        return "training" if self.stage == "starting" else self.state

    def known(self) -> dict[str, Any]:
        """As the value of the page's feed, which asks again as long as the run goes on."""
        again = (EACH if self.steps else FIRST_POINT) if self.alive else None
        return asdict(self) | {"again": again}

    @classmethod
    def read(cls, value: Any) -> Seen | None:
        """What `known` gave, as the page brings it back. None for anything else: then all is new."""
        if not isinstance(value, dict):
            return None
        usage = _read(Usage, value.get("usage"))
        return _read(cls, {name: known for name, known in value.items() if name != "again"} | {"usage": usage})


def _read(cls: type, values: Any) -> Any:
    hints = get_type_hints(cls)
    right = isinstance(values, dict) and set(values) == {f.name for f in fields(cls)}
    return cls(**values) if right and all(fits(known, hints[name]) for name, known in values.items()) else None
