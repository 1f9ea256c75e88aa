"""What the settings of a form come to, and the command line that does the same, to be copied."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from demo.components.part import Part


@dataclass(frozen=True)
class Command:
    """Either what it is about and the command, or why there is none."""

    about: str = ""
    command: str = ""
    problem: str = ""


class CommandLine(Part):
    """Value: a `Command`. Its words may hold what a visitor typed, and are only ever set as text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(html_template=_TEMPLATE, **options)

    def postprocess(self, value: Command | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None if value is None else asdict(value)

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


_TEMPLATE = """
<div class="co">
  <p class="co-about" role="status"></p>
  <div class="co-line"><code tabindex="0" aria-label="The same from the command line"></code>
    <button type="button">Copy</button></div>
</div>
"""
