"""What a section shows, as the browser brings it back with a question about it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gradio as gr
import torch
from torch import Tensor

SIDE = 32


@dataclass(frozen=True, eq=False)
class Shown:
    """The 32 x 32 pixels that the network saw, and which model answered. So a question that takes longer needs no memory of
    the visitor on the server, and its answer says what it is about: one that comes late is told from one that is awaited."""

    key: str
    """Of the model."""
    pixels_3HW: Tensor
    """uint8"""

    @cached_property
    def mark(self) -> str:
        """The same for the same pixels and model, and for no others."""
        digest = hashlib.blake2b(self.key.encode(errors="replace"), digest_size=12)
        digest.update(self.pixels_3HW.numpy().tobytes())
        return digest.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The pixels row by row, red, green, blue, a byte each."""
        pixels = self.pixels_3HW.permute(1, 2, 0).contiguous().numpy().tobytes()
        return {"mark": self.mark, "key": self.key, "pixels": base64.b64encode(pixels).decode()}


def brought(event: gr.EventData) -> Shown:
    """What an event asks about. Anybody can send one by hand, with anything in it: any 32 x 32 pixels make a picture,
    anything else is refused."""
    data = event._data if isinstance(event._data, dict) else {}
    key, text = data.get("key"), data.get("pixels")
    try:
        pixels = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        pixels = b""
    if not isinstance(key, str) or len(pixels) != SIDE * SIDE * 3:
        raise gr.Error(f"Expected a model and the bytes of {SIDE} x {SIDE} pixels.", print_exception=False)
    pixels_HW3 = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(SIDE, SIDE, 3)
    return Shown(key, pixels_HW3.permute(2, 0, 1).contiguous())
