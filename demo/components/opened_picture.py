"""Says of a test picture that it is one, and what it really is; and leads back to where it was opened from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.components.part import Part
from diclam.data import CLASSES


@dataclass(frozen=True)
class Opened:
    """A picture of the test set."""

    index: int
    """Its number."""
    real: int
    """Its class."""
    doubt: str = ""
    """What is to be said of a doubtful label."""


class OpenedPicture(Part):
    """Value: an `Opened`, or None for any other picture. `back` asks to be led back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Opened | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None if value is None else {"index": value.index, "real": CLASSES[value.real], "doubt": value.doubt}


_TEMPLATE = """
{{#if value}}
  <p class="op" role="status">Test picture {{value.index}}. It is labelled <b>{{value.real}}</b>.
    {{value.doubt}}
    <button type="button">Back to its cell</button></p>
{{/if}}
"""
