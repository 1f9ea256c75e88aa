"""A record of somebody else is read only when every value is one that a run writes."""

from __future__ import annotations

import json

import pytest

from diclam import foreign
from diclam.errors import RunError
from diclam.events import Finished, Started, Step, Testing, TrialStarted, Validated

STEP = Step(1, 0.1, None, 1e-4, 1.0, 300.0, 0.5, 0.01)
GOOD = (
    Started("report", 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452),
    STEP,
    Validated(1, 0.1, 2.0, 0.3, 500, 0.6, True, [[1] * 10] * 10),
    Finished("diverged", 1, 0.1, 60.0, 128, None),
)


def test_what_a_run_writes_is_read() -> None:
    lines = "".join(event.to_json() + "\n" for event in GOOD)
    assert foreign.events(lines.encode()) == list(GOOD)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[1]",
        TrialStarted(0, 1, 1, {}).to_json(),
        Finished("magic", 1, 0.1, 60.0, 128, None).to_json(),
        Validated(1, 0.1, 2.0, 1.3, 500, 0.6, True).to_json(),
        Validated(1, 0.1, 2.0, 0.3, 500, 0.6, True, [[1]]).to_json(),
        Testing(0, 0).to_json(),
        *(
            json.dumps(json.loads(STEP.to_json()) | change)
            for change in (
                {"seconds": "<b>"},
                {"seconds": True},
                {"seconds": -1},
                {"seconds": 10**400},
                {"epoch": None},
                {"step": 1.5},
                {"loss": float("nan")},
                {"loss": [1]},
                {"colour": 1},
            )
        ),
    ],
)
def test_any_other_line_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(RunError, match="ine 2 of its record"):
        foreign.events(f"{STEP.to_json()}\n{line}\n".encode())


@pytest.mark.parametrize("recipe", ["x" * 61, "a\u202eb", "a\nb"])
def test_a_recipe_is_a_short_word_as_it_stands_in_tables(recipe: str) -> None:
    with pytest.raises(RunError, match="ine 1 of its record"):
        foreign.events(Started(recipe, 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452).to_json().encode())


def test_facts_are_short_texts_and_numbers() -> None:
    assert foreign.facts({"torch": "2.9", "cores": 2, "accelerator": None}) == {
        "torch": "2.9",
        "cores": 2,
        "accelerator": None,
    }
    for other in (None, [], {"a": {}}, {"a": "x" * 5000}):
        with pytest.raises(ValueError, match="expected"):
            foreign.facts(other)
