"""gr.Image whose files are read by `diclam.predict.load_picture` alone."""

from __future__ import annotations

import html
import os
from functools import lru_cache
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from diclam.errors import PictureError
from diclam.predict import Picture, load_picture

KEPT = 12
"""Pictures that stay decoded, 13 MB each at most: choosing another square or another model reads no file."""


class SafeImage(gr.Image):
    """Upload, paste or camera. A listener gets a `Picture`, or None when it was cleared; a handler may set it to a PIL
    picture or a path.

    The stock component decodes whatever comes, before any listener can look at it: a PNG of 194 KB may take 1.6 GB. Here a
    bad file raises gr.Error with its reason, and no listener runs.
    """

    is_template = True  # the stock front end draws it

    def __init__(self, value: Any = None, **options: Any) -> None:
        """`options` are those of gr.Image."""
        # PNG, as a picture of 32 x 32 that a handler sets must come back with the very same pixels.
        super().__init__(value, type="filepath", image_mode=None, format="png", **options)
        self._read = lru_cache(maxsize=KEPT)(_read)

    def get_config(self, cls: type[Any] | None = None) -> dict[str, Any]:
        # Gradio reads what to send to the page from the arguments of `__init__`; ours are hidden in `options`.
        return super().get_config(cls or gr.Image)

    def preprocess(self, payload: ImageData | None) -> Picture | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if payload is None:
            return None
        if payload.path is None:
            raise gr.Error("Expected a picture as a file; got only its address. Upload the file.", print_exception=False)
        try:
            # Gradio has made sure that the path is one of its own uploads. A file is known by its state, too: a path alone
            # may come to hold another one.
            state = os.stat(payload.path)
            return self._read(payload.path, state.st_mtime_ns, state.st_size)
        except PictureError as error:
            raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from error
        except OSError as error:
            raise gr.Error("The picture is no longer on the server. Upload it again.", print_exception=False) from error


def _read(path: str, *_: int) -> Picture:
    # Opened here, so that a message cannot hold the server's path.
    with open(path, "rb") as file:
        return load_picture(file)
