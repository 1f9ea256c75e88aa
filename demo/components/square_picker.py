"""The square of a picture that is classified: a frame over the picture, to be moved and resized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.components.part import Part
from diclam.predict import Picture

SMALLEST = 8
"""Per cent of the short side: fewer pixels than the network takes are nothing to choose."""


@dataclass(frozen=True)
class Cut:
    """What the picker shows."""

    name: str
    """Tells one picture from the next."""
    picture: Picture


class SquarePicker(Part):
    """Value: a `Cut`, or None for nothing. It draws over the first picture in the element with the id `over`, so that the
    picture travels once only, and takes its square only when the picture is another one: what the visitor did since counts.

    `cut` says that the visitor moved or resized the square, or put it back. `data-left`, `data-top` and `data-size` of the
    element's only child hold it then, as the fields of `diclam.square.Square`, and `data-own` whether it is the visitor's;
    whoever listens must check them, as anybody can send some.
    """

    def __init__(self, over: str, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            over=over,
            smallest=SMALLEST,
            **options,
        )

    def postprocess(self, value: Cut | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        width, height = value.picture.original.size
        left, top, right, _ = value.picture.square
        return {
            "name": value.name,
            "width": width,
            "height": height,
            "left": left / width,
            "top": top / height,
            "size": (right - left) / min(width, height),
        }


_TEMPLATE = """
<div class="sq" hidden>
  <div class="sq-over" tabindex="0" role="application" aria-roledescription="square to move"
    aria-label="The square that is classified. Arrow keys move it, plus and minus resize it, 0 puts it back.">
    <i></i>
  </div>
  <div class="sq-controls">
    <label>Square <input type="range" min="${smallest}" max="100" step="1" aria-label="Size of the square"></label>
    <button type="button" disabled>Reset</button>
  </div>
  <p class="sq-spoken" aria-live="polite"></p>
</div>
"""
