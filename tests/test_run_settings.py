"""What a visitor typed becomes the settings of a run, or a message that says what is wrong with it."""

from __future__ import annotations

import math

import pytest

from demo.run_settings import MIN_BUDGET, PRESETS, RECIPE_WORDS, max_budget, presets, settings
from diclam.errors import ConfigError
from diclam.recipe import RECIPES


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_is_its_recipe_with_a_budget_and_a_seed(recipe: str) -> None:
    config = settings(recipe, 30, 7.0, 600)
    assert (config.budget, config.seed) == (30.0, 7)
    expected = RECIPES[recipe].to_dict() | {"budget": 30.0, "seed": 7}
    assert config.to_dict() == expected
    assert config.holdout > 0  # so that it validates


@pytest.mark.parametrize(
    "seconds", [-1, 0, 14.9, 601, 1e9, math.nan, math.inf, -math.inf, None, "60", "", True, [60], {"a": 1}, "x" * 5000]
)
def test_an_impossible_budget_is_refused_in_words(seconds: object) -> None:
    with pytest.raises(ConfigError, match="time budget must be 15 to 600 seconds; got") as refusal:
        settings("report", seconds, 0, 600)
    assert len(str(refusal.value)) < 150


@pytest.mark.parametrize("seed", [-1, 0.5, math.nan, math.inf, 1e300, None, "0", True, [0]])
def test_an_impossible_seed_is_refused_in_words(seed: object) -> None:
    with pytest.raises(ConfigError, match="seed must be a whole number"):
        settings("report", 60, seed, 600)


@pytest.mark.parametrize("recipe", ["", "../x", None, 3, ["report"]])
def test_an_unknown_recipe_is_refused_in_words(recipe: object) -> None:
    with pytest.raises(ConfigError, match="Unknown recipe"):
        settings(recipe, 60, 0, 600)


def test_the_limit_of_the_server_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICLAM_MAX_BUDGET", raising=False)
    assert max_budget() == 600
    monkeypatch.setenv("DICLAM_MAX_BUDGET", "45")
    assert max_budget() == 45
    assert settings("report", 45, 0, max_budget()).budget == 45
    with pytest.raises(ConfigError, match="15 to 45 seconds; got 46"):
        settings("report", 46, 0, max_budget())


@pytest.mark.parametrize("text", ["", "a minute", "nan", "inf", "-1", "14", "1e9"])
def test_an_impossible_limit_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DICLAM_MAX_BUDGET", text)
    with pytest.raises(ConfigError, match="DICLAM_MAX_BUDGET must be"):
        max_budget()


def test_only_budgets_within_the_limit_are_offered() -> None:
    assert presets(600) == PRESETS
    assert presets(100) == (15.0, 60.0)
    assert presets(MIN_BUDGET) == (15.0,)


def test_every_recipe_has_its_sentence() -> None:
    assert set(RECIPE_WORDS) == set(RECIPES)
