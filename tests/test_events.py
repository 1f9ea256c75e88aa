"""Events go to one line of strict JSON and back."""

from __future__ import annotations

import json
import math

import pytest

from diclam.events import (
    Compiled,
    Compiling,
    Continued,
    Event,
    Failed,
    Fetching,
    Finished,
    Paused,
    Probing,
    Resumed,
    Started,
    Step,
    Tested,
    Testing,
    TrialEnded,
    TrialStarted,
    Validated,
    from_json,
)

EVERY_KIND = [
    Fetching("a folder", 3, None, "files"),
    Started("report", 60.0, 0, "cpu", "bfloat16", 40_000, 1000, 128, 1_837_452),
    Resumed(40, 0.4, 31.5, 60.0),
    Step(1, 0.01, 2.3, 1e-3, 0.7, 150.0, 0.9, 0.015),
    Step(2, 0.02, None, 1e-3, None, 150.0, 1.9, 0.03),
    Validated(2, 0.02, 2.2, 0.21, 1000, 2.0, True, [[1] * 10] * 10),
    Validated(3, 0.03, 2.2, 0.21, 1000, 3.0, False),
    Finished("time", 2, 0.02, 59.8, 256, None),
    Probing(),
    Compiling(),
    Compiled(31.5, "It cannot be compiled here: no compiler"),
    Step(3, 0.03, 2.1, 1e-3, 0.7, 150.0, 2.9, 0.04, [0.4, 0.6], 0.12),
    Paused(3, 2.9),
    Continued(3, 2.9),
    Testing(500, 10_000),
    Tested(0.9, 0.91, 0.92, 0.915, 4.0),
    TrialStarted(3, 2, 20, {"learning_rate": 0.01, "batch_size": 250, "whiten": True}),
    TrialEnded(3, "complete", 0.61, 10_000, True),
    TrialEnded(4, "pruned", None, 10_000, False),
    Failed('a message with "quotes" and\nlines'),
]


def test_every_kind_is_tried_here() -> None:
    assert {type(event).__name__ for event in EVERY_KIND} == set(Event.kinds)


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_and_comes_back_equal(event: Event) -> None:
    line = event.to_json()
    assert "\n" not in line
    assert from_json(line) == event


def test_a_number_that_is_not_finite_becomes_null() -> None:
    line = Validated(1, 0.1, math.nan, 0.1, 10, 1.0, False).to_json()
    assert json.loads(line, parse_constant=pytest.fail)["loss"] is None


@pytest.mark.parametrize(
    "line", ["[]", "{}", '{"event": "Rocket"}', '{"event": "Testing", "done": 1}', "{", '{"event": []}']
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"Expect|fields|Invalid"):
        from_json(line)
