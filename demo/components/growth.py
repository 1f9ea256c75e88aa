"""What follows in a figure that a page shows already. Plain data; knows no page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Growth:
    """Points that follow those of a figure that is drawn already, so that what is known is not sent again."""

    key: str
    """The figure's `layout.uirevision`."""
    start: int
    """Its `layout.datarevision`: how many events it shows."""
    count: int
    """How many it shows then."""
    points: list[dict[str, list[Any]]]
    """New `x` and `y` of each trace; with `text`, the words beside them, and none beside any point before."""
    layout: dict[str, Any]
    """`meta`, and the `range` of the x-axis or what it has to `include`, where they change."""
