"""What Classify is asked about is read with suspicion: anybody can send anything."""

from __future__ import annotations

import io
import json
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from demo import asked
from demo.components.square_picker import Cut, SquarePicker
from diclam.predict import Picture, load_picture
from diclam.square import Square, centred


@pytest.fixture(scope="module")
def wide() -> Picture:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((400, 100)).save(file, "PNG")
    return load_picture(file)


def test_a_question_is_a_name_and_a_square() -> None:
    assert asked.read("") == asked.read(None) == ("", None)
    assert asked.read('{"name": "a", "square": null}') == ("a", None)
    assert asked.read('{"name": "a", "square": [0.1, 0, 0.5]}') == ("a", Square(0.1, 0, 0.5))


@pytest.mark.parametrize(
    "question",
    [
        "{", "[]", "3", "null", 3, {"name": "a"}, '{"name": "a"}', '{"square": null}', "[" * 100_000,
        '{"name": "a", "square": [0, 0]}', '{"name": "a", "square": "abc"}', '{"name": "a", "square": [0, 0, "1"]}',
        '{"name": "a", "square": [0, 0, NaN]}', '{"name": "a", "square": [0, 0, 2]}', '{"name": "a", "square": [-1, 0, 1]}',
        '{"name": "a", "square": [0, 0, true]}', '{"name": "a", "square": {"left": 0}}',
    ],
)  # fmt: skip
def test_a_forged_question_is_a_message(question: Any) -> None:
    with pytest.raises(gr.Error, match=r"Expected|square"):
        asked.read(question)


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4)))
def test_no_square_is_a_bug(values: Any) -> None:
    try:
        square = asked.read(json.dumps({"name": "a", "square": values}))[1]
    except gr.Error:
        return
    assert square is None or square == Square(*values)


def test_a_square_outside_the_picture_is_a_message(wide: Picture) -> None:
    with pytest.raises(gr.Error, match="must lie inside the picture"):
        asked.cut(wide, Square(0.9, 0, 1))


def test_a_square_cuts_what_it_says(wide: Picture) -> None:
    assert asked.cut(None, Square(0, 0, 1)) is None
    assert asked.cut(wide, None) is wide
    cut = asked.cut(wide, Square(0.5, 0.25, 0.5))
    assert cut is not None
    assert cut.square == (200, 25, 250, 75)
    assert cut.original.size == (400, 100)


def test_the_picker_is_told_the_square_in_fractions(wide: Picture) -> None:
    assert wide.square == centred((400, 100))
    told = SquarePicker("dc-picture").postprocess(Cut("a", wide))
    assert told == {"name": "a", "width": 400, "height": 100, "left": 0.375, "top": 0, "size": 1}
