"""Pictures inside the page: no extra request, no file on the server."""

from __future__ import annotations

import base64
import io

from PIL import Image


def data_uri(image: Image.Image, kind: str = "PNG") -> str:
    """A picture as a `data:` address; PNG keeps every pixel, JPEG is smaller."""
    file = io.BytesIO()
    image.save(file, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
