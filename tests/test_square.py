"""A square is the same part of a picture at every size, and never reaches outside."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diclam.errors import PictureError
from diclam.square import Square, centred

SIDES = st.integers(1, 5000)
FRACTIONS = st.floats(0, 1)


@given(FRACTIONS, FRACTIONS, st.floats(0, 1, exclude_min=True), SIDES, SIDES)
def test_a_box_is_square_and_inside(left: float, top: float, size: float, width: int, height: int) -> None:
    a, b, c, d = Square(left, top, size).box((width, height))
    assert c - a == d - b >= 1
    assert 0 <= a < c <= width
    assert 0 <= b < d <= height


@given(SIDES, SIDES, st.data())
def test_every_box_of_pixels_can_be_chosen(width: int, height: int, data: st.DataObject) -> None:
    side = data.draw(st.integers(1, min(width, height)))
    left, top = data.draw(st.integers(0, width - side)), data.draw(st.integers(0, height - side))
    square = Square(left / width, top / height, side / min(width, height))
    square.check((width, height))
    assert square.box((width, height)) == (left, top, left + side, top + side)


def test_a_square_is_the_same_part_at_every_size() -> None:
    square = Square(0.25, 0.1, 0.5)
    assert square.box((4000, 2000)) == (1000, 200, 2000, 1200)
    assert square.box((1000, 500)) == (250, 50, 500, 300)


@pytest.mark.parametrize(("size", "box"), [((300, 100), (100, 0, 200, 100)), ((5, 8), (0, 1, 5, 6)), ((1, 1), (0, 0, 1, 1))])
def test_the_centred_square_is_the_largest_in_the_middle(size: tuple[int, int], box: tuple[int, ...]) -> None:
    assert centred(size) == box


@pytest.mark.parametrize("wrong", [-0.01, 1.01, math.nan, math.inf, "0.5", None, True, [0.5], 10**40])
@pytest.mark.parametrize("place", range(3))
def test_only_fractions_make_a_square(wrong: Any, place: int) -> None:
    values: list[Any] = [0.5, 0.5, 0.5]
    values[place] = wrong
    with pytest.raises(PictureError, match="A square is a left and a top edge, 0 to 1"):
        Square(*values)


def test_a_square_has_a_size() -> None:
    with pytest.raises(PictureError, match="above 0"):
        Square(0, 0, 0)


@pytest.mark.parametrize("square", [Square(0.6, 0, 1), Square(0, 0.2, 1), Square(0.8, 0.5, 0.5)])
def test_a_square_that_reaches_outside_is_refused(square: Square) -> None:
    with pytest.raises(PictureError, match="must lie inside the picture, which is 200 x 100 pixels"):
        square.check((200, 100))


def test_what_rounding_adds_is_forgiven() -> None:
    Square(0.5049, 0.0049, 1).check((200, 100))
