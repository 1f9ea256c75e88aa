"""The lesson's cards point at parts that the page has."""

from __future__ import annotations

import re

import pytest
from gradio.blocks import Block

from demo.interface import TABS, build
from demo.lesson import CARDS, Card


@pytest.fixture(scope="module")
def ids() -> set[str]:
    return {str(block.elem_id) for block in build().blocks.values() if isinstance(block, Block)}


def test_there_are_six_and_each_is_another() -> None:
    assert len(CARDS) == len({card.key for card in CARDS}) == 6


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.key)
def test_a_card_points_at_what_is_there(card: Card, ids: set[str]) -> None:
    assert card.tab in TABS
    named = {name for selector in (*card.points, *card.shows) for name in re.findall(r"#([\w-]+)", selector)}
    assert named <= ids
