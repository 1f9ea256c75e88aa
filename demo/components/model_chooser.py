"""The list of models, for all tabs."""

from __future__ import annotations

from typing import Any

import gradio as gr


class ModelChooser(gr.Dropdown):
    """A gr.Dropdown whose listeners get the key of whatever model the browser names, be it on the list or not.

    The stock one refuses what is not on the list that was sent last, so that a model which vanished, or one that a
    restarted server has not listed yet, would be a riddle to the visitor. `demo.models.Models` says what is wrong with a
    key; it takes every key for one that may be forged.
    """

    is_template = True  # the stock front end draws it

    def preprocess(self, payload: Any) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return payload if isinstance(payload, str) else ""
