"""What came with an event."""

from __future__ import annotations

from typing import Any

import gradio as gr


def whole(event: gr.EventData, name: str) -> int | None:
    """The whole number that the event brings under `name`; None when it brings none. Anybody can send an event by hand,
    with anything in it or nothing at all, so the caller must check its range still."""
    brought = event._data if isinstance(event._data, dict) else {}
    value: Any = brought.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(event: gr.EventData, name: str) -> str | None:
    """The same for a text; the caller must check what it says."""
    brought = event._data if isinstance(event._data, dict) else {}
    value: Any = brought.get(name)
    return value if isinstance(value, str) else None
