"""A number field whose value comes as it was sent."""

from __future__ import annotations

from typing import Any

import gradio as gr


class RawNumber(gr.Number):
    """What a listener gets may be anything: it checks the value itself and says what is wrong with it. The stock field
    breaks off without such words on a text, and rounds away what should be refused."""

    is_template = True  # the stock front end draws it

    def preprocess(self, payload: Any) -> Any:
        return payload
