"""Measured rows in a JSON file. Each is written as soon as it is there, so that a benchmark that was interrupted goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diclam.files import replacing

Row = dict[str, Any]
RESULTS = Path(__file__).parent / "results"


class Rows:
    """The rows of one file; two rows are the same measurement when they agree in all of `keys`. With `anew`, what an earlier
    program kept is measured again."""

    def __init__(self, path: Path, keys: tuple[str, ...], *, anew: bool = False) -> None:
        self._path, self._keys, self._anew = path, keys, anew
        rows: list[Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        self._kept = {tuple(row[key] for key in keys): row for row in rows}
        self._given: dict[tuple[Any, ...], Row] = {}

    def get(self, values: tuple[Any, ...], measure: Callable[[], Row]) -> Row:
        """The row with these values of the keys; it is measured, and kept, where there is none."""
        if values not in self._given and (self._anew or values not in self._kept):
            self._kept[values] = dict(zip(self._keys, values, strict=True)) | measure()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as path:
                path.write_text(json.dumps(list(self._kept.values()), indent=1) + "\n", encoding="utf-8")
        self._given[values] = self._kept[values]
        return self._given[values]

    @property
    def given(self) -> list[Row]:
        """All that were asked for so far, each once."""
        return list(self._given.values())
