"""Where a training run is: a sentence, a countdown with its bar, and the numbers."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Any

from demo.components.part import Part


class RunStatus(Part):
    """Value: a dataclass with `sentence`, `progress` (`fraction`, `text`, `elapsed`, `budget`; or None), `numbers` (names
    and values), `warning` and `note`, or None for nothing.

    Screen readers speak the sentence and the warning. While the clock runs, the page counts on between two values.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Any) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else None

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


_TEMPLATE = """
<div class="rs">
  <p class="rs-sentence" role="status"></p>
  <div class="rs-progress" hidden>
    <div class="rs-bar" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"><i></i></div>
    <p class="rs-text"></p>
  </div>
  <dl class="rs-numbers"></dl>
  <p class="rs-warning" role="status"></p>
  <p class="rs-note"></p>
</div>
"""
