"""The 32 x 32 pixels that the network sees, as the squares that they are."""

from __future__ import annotations

from typing import Any

from demo.components.part import Part
from diclam.draw import data_uri
from diclam.predict import Picture


class SeenPicture(Part):
    """Value: a `Picture`, or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Picture | None) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return data_uri(value.seen) if value else None


_TEMPLATE = """
{{#if value}}
  <figure class="sp">
    <img src="{{value}}" alt="The 32 by 32 pixels that the network sees">
    <figcaption>what the network sees: 32 x 32 pixels</figcaption>
  </figure>
{{/if}}
"""
