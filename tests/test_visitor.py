"""A visitor is who has the token; whatever else a browser sends is nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest

from demo import visitor
from diclam.errors import ConfigError
from tests.conftest import Clock

OWN, ADMIN = "0" * 32, "the owner of this server"


def answered(question: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: a browser's test may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, question).result()


@pytest.mark.parametrize(
    "tokens", [None, "", OWN, [OWN], {}, {"own": 3}, {"own": [OWN]}, {"admin": "x"}, {"admin": ADMIN * 2}]
)
def test_what_is_no_visitor_is_nobody(monkeypatch: pytest.MonkeyPatch, tokens: object) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    assert visitor.token(tokens) == ""


def test_the_owners_token_counts_as_long_as_it_is_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    tokens = {"own": OWN, "admin": ADMIN}
    assert (visitor.token(tokens), visitor.own(tokens)) == (ADMIN, OWN)
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "another one")
    assert visitor.token(tokens) == OWN


def test_a_wrong_owners_token_is_refused_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "SECONDS_A_GUESS", 0.01)
    for holds in (ADMIN, ""):
        monkeypatch.setenv("DICLAM_ADMIN_TOKEN", holds)
        for typed in ("", None, "guess", [ADMIN]):
            with pytest.raises(gr.Error, match="not the token"):
                answered(visitor._checked(typed))


def test_who_guesses_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    monkeypatch.setattr(visitor, "SECONDS_A_GUESS", 0.3)

    async def many() -> list[object]:
        guesses = (visitor._checked(f"guess {k}") for k in range(20))
        return await asyncio.gather(*guesses, return_exceptions=True)

    begun = time.monotonic()
    assert all(isinstance(refused, gr.Error) for refused in answered(many()))
    assert 0.3 <= time.monotonic() - begun < 3


def test_many_guesses_are_looked_at_a_few_in_a_minute_and_do_not_lock_out_who_was_right(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", ADMIN)
    monkeypatch.setattr(visitor.time, "monotonic", clock)
    known, new = visitor.Guesses(), visitor.Guesses()
    assert known.right(ADMIN)
    for guesses in (known, new):
        for _ in range(3):  # the same one again and again is one
            assert not any(guesses.right(f"guess {k}") for k in range(visitor.GUESSES - 1))
        assert guesses.right(ADMIN) is True
    late = visitor.Guesses()
    assert not any(late.right(f"guess {k}") for k in range(visitor.GUESSES))
    assert not any(known.right(f"another {k}") for k in range(100))
    assert known.right(ADMIN)
    assert not late.right(ADMIN)
    clock.now += visitor.MINUTE
    assert late.right(ADMIN)


@pytest.mark.parametrize("holds", ["x" * 7, "x" * 201])
def test_what_is_no_secret_is_said_when_the_page_is_built(monkeypatch: pytest.MonkeyPatch, holds: str) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", holds)
    with pytest.raises(ConfigError, match=f"8 to 200 characters; got {len(holds)}"), gr.Blocks():
        visitor.build()


@pytest.mark.parametrize("holds", ["", ADMIN, "x" * 8, "x" * 200])
def test_a_server_without_an_owner_asks_for_none(monkeypatch: pytest.MonkeyPatch, holds: str) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", holds)
    with gr.Blocks() as page:
        visitor.build()
    [field] = [block for block in page.blocks.values() if getattr(block, "elem_id", None) == "dc-admin"]
    assert field.visible is bool(holds)
