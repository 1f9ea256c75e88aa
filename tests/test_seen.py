"""What a page says that it shows is read back, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from demo.seen import EACH, FIRST_POINT, Seen
from diclam.runs import Usage

SEEN = Seen("2001", 900, True, False, "training", 5, 1, 700, True, False, False, Usage(9.5, 3.25, 1000))


@pytest.mark.parametrize("seen", [SEEN, replace(SEEN, usage=None), replace(SEEN, alive=False)])
def test_it_goes_to_the_page_and_back(seen: Seen) -> None:
    back = Seen.read(json.loads(json.dumps(seen.known())))
    assert back == seen
    assert back is not None
    assert back.usage == seen.usage


def test_a_page_asks_again_as_long_as_the_run_goes_on() -> None:
    assert SEEN.known()["again"] == EACH
    assert replace(SEEN, steps=0).known()["again"] == FIRST_POINT
    assert not replace(SEEN, alive=False).known()["again"]


@pytest.mark.parametrize(
    ("state", "stage", "listed"),
    [("starting", "starting", "training"), ("fetching", "starting", "training"), ("probing", "starting", "training"),
     ("training", "training", "training"), ("testing", "testing", "testing"), ("finished", "finished", "finished"),
     ("failed", "failed", "failed")],
)  # fmt: skip
def test_what_makes_no_difference_to_a_visitor_is_one_stage(state: str, stage: str, listed: str) -> None:
    seen = replace(SEEN, state=state)
    assert (seen.stage, seen.listed) == (stage, listed)


@pytest.mark.parametrize(
    "change",
    [{"size": "900"}, {"steps": -1}, {"steps": 2.5}, {"alive": 1}, {"name": None}, {"name": ["2001"]}, {"more": 1},
     {"validations": True}, {"snapshots": float("nan")}],
)  # fmt: skip
def test_what_no_page_says_counts_as_nothing(change: dict[str, Any]) -> None:
    assert Seen.read(SEEN.known() | change) is None


@pytest.mark.parametrize("value", [None, [], "2001", {}, {"name": "2001"}])
def test_a_page_that_shows_nothing_is_sent_everything(value: object) -> None:
    assert Seen.read(value) is None


@pytest.mark.parametrize("usage", [{"at": "x"}, {"at": float("inf"), "processor": 1, "memory": 1}, 7])
def test_an_impossible_usage_is_left_out(usage: object) -> None:
    seen = Seen.read(SEEN.known() | {"usage": usage})
    assert seen == SEEN
    assert seen is not None
    assert seen.usage is None
