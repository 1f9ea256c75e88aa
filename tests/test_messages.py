"""What a message quotes is shown as it was typed."""

from __future__ import annotations

import gradio as gr
import pytest

from demo.messages import plain, told
from diclam.errors import RunError


def test_a_persons_mistake_is_a_message_without_html() -> None:
    with pytest.raises(gr.Error) as caught, told():
        raise RunError("There is no run '<form action=//elsewhere>' & more.")
    assert caught.value.message == "There is no run '&lt;form action=//elsewhere&gt;' &amp; more."
    assert plain("isn't") == "isn't"


def test_a_bug_keeps_its_own_kind() -> None:
    with pytest.raises(ZeroDivisionError), told():
        raise ZeroDivisionError
