"""An explanation as a file: a page, numbers, or a drawing."""

from __future__ import annotations

import io
import json

from diclam.draw import check_query, render
from diclam.errors import ConfigError
from diclam.examination import examine
from diclam.explain import explain
from diclam.explanation_page import page
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM
from diclam.predict import Picture

KINDS = {"html": "text/html", "json": "application/json", "png": "image/png"}
"""Ends of file names, and what the web calls such a file."""


def export(
    model: DiCLAM,
    picture: Picture,
    kind: str,
    *,
    name: str,
    query: tuple[int, int] = (8, 8),
    familiarity: Familiarity | None = None,
) -> bytes:
    """What the model, called `name`, computes for a picture, as the content of a file of one of KINDS. The page and the
    drawing show the attention of the position `query` (row, column), from 0; the JSON holds that of all positions. Raises
    ConfigError for another kind, and for a position outside the grid."""
    if kind not in KINDS:
        raise ConfigError(f"An explanation is written as one of {', '.join(f'.{known}' for known in KINDS)}; got {kind!r}.")
    check_query(query, (picture.pixels.shape[1] // 2, picture.pixels.shape[2] // 2))
    if kind == "png":
        file = io.BytesIO()
        render(explain(model, picture.pixels, familiarity), picture, query).save(file, "PNG")
        return file.getvalue()
    examination = examine(model, picture, name, familiarity)
    return (page(examination, query) if kind == "html" else json.dumps(examination.to_json(), indent=1)).encode()
