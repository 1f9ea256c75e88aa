"""The board of the challenge, and the field to enter a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from demo.components.part import Part
from diclam.terminal import duration


@dataclass(frozen=True)
class Row:
    """One entry."""

    run: str
    name: str
    """As somebody typed it: it is only ever set as text."""
    accuracy: float
    """Fraction of 1."""
    seconds: float
    """Training time."""
    settings: str
    mine: bool
    """Whether this visitor may take it off the board."""


@dataclass(frozen=True)
class Board:
    """What is shown to one visitor."""

    budget: float
    """Seconds that every run has."""
    rows: list[Row]
    """The best first."""
    why: str
    """Why the run that is shown cannot be entered; '' when it can be."""


class ChallengeBoard(Part):
    """Value: a `Board`. `look` asks for the newest one, now and then while the board is on the screen; `enter` brings
    `name`, `remove` brings `run`. Whoever listens must check them, as anybody can send some."""

    def __init__(self, longest: int, **options: Any) -> None:
        super().__init__(html_template=_TEMPLATE, longest=longest, **options)

    def postprocess(self, value: Board | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        rows = [
            asdict(row) | {"accuracy": f"{100 * row.accuracy:.2f} %", "seconds": f"{row.seconds:.1f} s"}
            for row in value.rows
        ]
        return {"budget": duration(value.budget), "seconds": value.budget, "rows": rows, "why": value.why}


_TEMPLATE = """
<section class="cb" aria-label="Challenge">
  <h2 tabindex="-1">Challenge</h2>
  <p class="cb-words"></p>
  <div class="cb-scroll"><table hidden>
    <thead><tr><th scope="col">place</th><th scope="col">name</th><th scope="col">accuracy</th>
      <th scope="col">trained</th><th scope="col" class="cb-settings">settings</th>
      <th scope="col"><span class="cb-hidden">take off</span></th></tr></thead>
    <tbody></tbody>
  </table></div>
  <form hidden>
    <label>Your name <input type="text" maxlength="${longest}" autocomplete="off" required></label>
    <button type="submit">Enter this run</button>
  </form>
  <p class="cb-why" role="status"></p>
</section>
"""
