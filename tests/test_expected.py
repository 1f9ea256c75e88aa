"""Nobody is told that a run ends in a moment while its clock stands still."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from diclam.events import Continued, Event, Finished, Paused, Started, Step, Tested, Testing, Validated
from diclam.expected import ALLOWANCE, UNKNOWN_BUDGET, seconds_left
from diclam.recipe import TrainConfig
from diclam.runs import EVENTS, INFO, Run

STARTED = Started("report", 100.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 40.0, 0.4)
VALIDATED = Validated(2, 0.2, 2.0, 0.3, 40, 45.0, True, [[10_000] * 10] * 10)
FINISHED = Finished("stopped", 2, 0.2, 46.0, 32, 0.3)


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ((), 100 + ALLOWANCE),  # it has no process here, so its age is none
        ((STARTED,), 100 + ALLOWANCE),
        ((STARTED, STEP), 60 + ALLOWANCE),
        ((STARTED, *[STEP] * 500, VALIDATED), 55 + ALLOWANCE),
        ((STARTED, VALIDATED, Paused(2, 45.0), Continued(2, 45.0)), 55 + ALLOWANCE),
        ((STARTED, STEP, FINISHED), ALLOWANCE),
        ((STARTED, STEP, FINISHED, Testing(7_500, 10_000)), ALLOWANCE / 4),
        ((STARTED, STEP, FINISHED, Testing(9_000, 10_000), Tested(0.4, 0.4, 0.4, 0.4, 3.0)), 0),
    ],
)
def test_a_run_is_expected_to_end_by_its_own_clock(tmp_path: Path, events: tuple[Event, ...], left: float) -> None:
    (tmp_path / INFO).write_text(json.dumps({"config": TrainConfig(budget=100.0).to_dict()}))
    half = '{"event": "Step", "st'
    (tmp_path / EVENTS).write_text("".join(event.to_json() + "\n" for event in events) + half)
    assert seconds_left(Run(tmp_path)) == pytest.approx(left)


def test_a_pause_comes_on_top(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / EVENTS).write_text(STEP.to_json() + "\n" + Paused(1, 40.0).to_json() + "\n")
    run.request_pause(900.0)
    assert seconds_left(run) == pytest.approx(UNKNOWN_BUDGET - 40 + ALLOWANCE + 900, abs=5)
    run.request_pause()
    assert seconds_left(run) == math.inf
