"""A person's mistake becomes a message on the page."""

from __future__ import annotations

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
        raise gr.Error(str(error), print_exception=False) from error
