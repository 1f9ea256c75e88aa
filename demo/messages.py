"""A person's mistake becomes a message on the page.

Gradio shows messages as HTML, and what they quote may come from a link, a file or a form: it is shown as it was typed.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from diclam.errors import DiclamError


@contextmanager
def told() -> Iterator[None]:
    """What the core says about a mistake is shown as it is, without a traceback in the log. A bug keeps its own."""
    try:
        yield
    except DiclamError as error:
        raise gr.Error(plain(str(error)), print_exception=False) from error


def plain(text: str) -> str:
    """A text for a message, none of which is read as HTML."""
    return html.escape(text, quote=False)
