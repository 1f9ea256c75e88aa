"""A few figures, each large, with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from demo.components.part import Part


class FigureCards(Part):
    """Value: names and texts in their order, all words of ours; or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Sequence[tuple[str, str]] | None) -> list[dict[str, str]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return [{"name": name, "text": text} for name, text in value or ()]

    def api_info(self) -> dict[str, Any]:
        return {"type": "array"}


_TEMPLATE = """
{{#if value.length}}
  <dl class="fc">
    {{#each value}}
      <div><dt>{{this.name}}</dt><dd>{{this.text}}</dd></div>
    {{/each}}
  </dl>
{{/if}}
"""
