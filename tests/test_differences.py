"""What differs between runs is what somebody changed, in words."""

from __future__ import annotations

from diclam.differences import Difference, differences
from diclam.recipe import TrainConfig, config, with_model

ONE = config("fast", budget=60.0, seed=0)


def test_only_what_differs_is_listed() -> None:
    other = with_model(config("fast", budget=120.0, seed=0, teacher="bundled"), heads=4)
    assert differences([ONE.to_dict(), other.to_dict(), ONE.to_dict()]) == [
        Difference("budget", ("60", "120", "60")),
        Difference("muon learning rate", ("0.12", "0.1081", "0.12")),  # it follows the budget
        Difference("teacher", ("none", "bundled", "none")),
        Difference("first part", ("0.15", "0.0857", "0.15")),
        Difference("heads", ("2", "4", "2")),
    ]
    assert differences([ONE.to_dict(), ONE.to_dict()]) == []


def test_an_older_run_had_the_defaults() -> None:
    older = {name: value for name, value in TrainConfig().to_dict().items() if name != "teacher_weight"}
    assert differences([TrainConfig().to_dict(), older]) == []


def test_what_is_no_settings_is_unknown() -> None:
    for other in (None, {}, {"budget": "long"}, {"model": 3}, []):
        found = differences([ONE.to_dict(), other])  # pyright: ignore[reportArgumentType]
        assert {one.values[1] for one in found} == {"unknown"}
        assert Difference("whiten", ("yes", "unknown")) in found
