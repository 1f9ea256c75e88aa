"""Which runs go on and which starts wait, with what this visitor may do about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from demo.components.part import Part


@dataclass(frozen=True)
class Going:
    """A run that goes on, other than the one that is shown."""

    run: str
    words: str


@dataclass(frozen=True)
class Place:
    """A start that waits."""

    number: int
    """Of its ticket."""
    words: str
    mine: bool
    """Whether this visitor asked for it."""
    may_withdraw: bool
    """Whether they may take it out, as the server's owner may with any."""


@dataclass(frozen=True)
class Lab:
    """What the list shows; nothing when all of it is empty."""

    going: tuple[Going, ...] = ()
    waiting: tuple[Place, ...] = ()
    """The next one first."""
    note: str = ""
    """Why this visitor cannot stop the run that is shown."""
    resume: str = ""
    """What the button says by which this visitor goes on with the run that is shown; '' where nothing is left to do."""


class QueueList(Part):
    """Value: a `Lab`. `watch` brings `run`, its name; `withdraw` brings `number`, of a ticket; `resume` brings nothing.
    Whoever listens must check them, as anybody can send some."""

    def __init__(self, **options: Any) -> None:
        super().__init__(html_template=_TEMPLATE, **options)

    def postprocess(self, value: Lab | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return asdict(value) if value else None


_TEMPLATE = """
<div class="ql" hidden>
  <p class="ql-note"></p>
  <button type="button" class="ql-resume" hidden></button>
  <div class="ql-part" hidden><h3 tabindex="-1">Also going on</h3><ul class="ql-going"></ul></div>
  <div class="ql-part" hidden><h3 tabindex="-1">Waiting for their turn</h3><ol class="ql-waiting"></ol></div>
</div>
<p class="ql-spoken" aria-live="polite"></p>
"""
