"""A visitor is who has the token; whatever else a browser sends is nobody."""

from __future__ import annotations

import gradio as gr
import pytest

from demo import visitor

OWN, ADMIN = "0" * 32, "the owner of this server"


@pytest.mark.parametrize(
    "tokens", [None, "", OWN, [OWN], {}, {"own": 3}, {"own": [OWN]}, {"admin": "x"}, {"admin": ADMIN * 2}]
)
def test_what_is_no_visitor_is_nobody(monkeypatch: pytest.MonkeyPatch, tokens: object) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    assert visitor.token(tokens) == ""


def test_the_owners_token_counts_as_long_as_it_is_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    tokens = {"own": OWN, "admin": ADMIN}
    assert visitor.token(tokens) == ADMIN
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "another one")
    assert visitor.token(tokens) == OWN


def test_a_wrong_owners_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for holds in (ADMIN, ""):
        monkeypatch.setenv("DICLAM_ADMIN_TOKEN", holds)
        for typed in ("", None, "guess", [ADMIN]):
            with pytest.raises(gr.Error, match="not the token"):
                visitor._checked(typed)


@pytest.mark.parametrize("holds", ["", ADMIN])
def test_a_server_without_an_owner_asks_for_none(monkeypatch: pytest.MonkeyPatch, holds: str) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", holds)
    with gr.Blocks() as page:
        visitor.build()
    [field] = [block for block in page.blocks.values() if getattr(block, "elem_id", None) == "dc-admin"]
    assert field.visible is bool(holds)
