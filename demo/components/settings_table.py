"""What differs in the settings of several runs: a row a setting, a column a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from demo.components.part import Part


@dataclass(frozen=True)
class Settings:
    """What the table shows."""

    sentence: str
    """Before the table, or instead of one."""
    titles: list[str]
    """Of the runs, as visitors typed them."""
    rows: list[tuple[str, list[str]]]
    """The name of a setting and its values in words, one a run."""


class SettingsTable(Part):
    """Value: a `Settings`, or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Settings | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None if value is None else asdict(value)

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


_TEMPLATE = """
<div class="st" hidden>
  <p role="status"></p>
  <table aria-label="Settings that differ"></table>
</div>
"""
