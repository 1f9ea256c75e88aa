"""The square of a picture that is classified, chosen by a person or centred."""

from __future__ import annotations

from dataclasses import dataclass

from diclam.errors import PictureError

FORGIVEN = 0.01
"""How far a square may reach over the border, in fractions: what rounding on a screen can add up to."""


@dataclass(frozen=True)
class Square:
    """A square in fractions of the upright picture, so that it means the same at every size the picture is shown at.
    Raises PictureError for what is no number, or out of its range."""

    left: float
    """Of the width, 0 to 1."""
    top: float
    """Of the height, 0 to 1."""
    size: float
    """Length of a side, of the picture's short side; above 0, at most 1."""

    def __post_init__(self) -> None:
        values = (self.left, self.top, self.size)
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        if not numbers or not (0 <= self.left <= 1 and 0 <= self.top <= 1 and 0 < self.size <= 1):
            raise PictureError(
                "A square is a left and a top edge, 0 to 1 of the width and the height, and a size, above 0 and at most 1 "
                f"of the short side; got {', '.join(f'{value!r:.20}' for value in values)}."
            )

    def check(self, size: tuple[int, int]) -> None:
        """Raises PictureError when the square reaches outside a picture of `size` (width, height)."""
        side = self.size * min(size)
        if any(start + side / length > 1 + FORGIVEN for start, length in zip((self.left, self.top), size, strict=True)):
            raise PictureError(
                f"The square must lie inside the picture, which is {size[0]} x {size[1]} pixels; got one from "
                f"{self.left:.0%}, {self.top:.0%} that is {side:.0f} pixels wide."
            )

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in whole pixels of a picture of `size` (width, height): at least one, and inside it."""
        side = max(1, round(self.size * min(size)))
        left, top = (
            min(round(start * length), length - side) for start, length in zip((self.left, self.top), size, strict=True)
        )
        return left, top, left + side, top + side


def centred(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the largest square in the middle of a picture of `size` (width, height)."""
    side = min(size)
    left, top = ((length - side) // 2 for length in size)
    return left, top, left + side, top + side
