"""What Classify is asked about, as a text: which picture, and which square of it.

The browser writes it, the server reads it. A text, because the stock picture reports each change twice, and an empty one
while a file is on its way; a text changes once.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from demo.messages import told
from diclam.predict import Picture
from diclam.square import Square

# Another picture: the square that a link brought with it, the largest one in its middle otherwise. The same picture keeps
# its square; only the cross empties the text.
PICTURE = """(picture, question, linked) => {
  if (!picture || (question && JSON.parse(question).name === picture.path)) return [question, linked];
  return [JSON.stringify({ name: picture.path, square: linked ? JSON.parse(linked) : null }), ''];
}"""
SQUARE = """(question) => {
  if (!question) return question;
  const { left, top, size, own } = document.querySelector('#dc-square .sq').dataset;
  const square = own === 'true' ? [left, top, size].map(Number) : null;
  return JSON.stringify({ name: JSON.parse(question).name, square });
}"""


def read(question: Any) -> tuple[str, Square | None]:
    """The name of the picture, '' without one, and its square, None for the largest one in the middle. Anybody can send
    anything in place of this text: raises gr.Error for what is not one."""
    if not question:
        return "", None
    try:
        content = json.loads(question)
        name, values = content["name"], content["square"]
    except (TypeError, ValueError, KeyError, IndexError, RecursionError) as error:
        raise gr.Error("Expected the name of a picture and a square.", print_exception=False) from error
    return str(name), square_of(values)


def square_of(values: Any) -> Square | None:
    """[left, top, size] -> the square; None -> None. Raises gr.Error for anything else."""
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != 3:
        raise gr.Error("Expected a square as three numbers: left, top and size.", print_exception=False)
    with told():
        return Square(*values)


def cut(picture: Picture | None, square: Square | None) -> Picture | None:
    """The picture with that square. Raises gr.Error when it reaches outside."""
    if picture is None or square is None:
        return picture
    with told():
        return picture.cut(square)
