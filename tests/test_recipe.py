"""Settings: what they accept, what they build."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from diclam import recipe
from diclam.errors import ConfigError
from diclam.model import ModelConfig
from diclam.recipe import (
    BY_LENGTH,
    RECIPES,
    TrainConfig,
    build_model,
    config,
    field_docs,
    usual,
    with_model,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", -1),
        ("budget", 1e9),
        ("budget", float("nan")),
        ("budget", "ten"),
        ("epochs", 0),
        ("seed", -1),
        ("seed", 1.5),
        ("batch_size", 0),
        ("learning_rate", 0),
        ("weight_decay", -0.1),
        ("warmup", 1),
        ("label_smoothing", 1),
        ("teacher", 3),
        ("teacher_weight", 1.5),
        ("teacher_temperature", 0),
        ("gradient_clip", 0),
        ("weight_average", 1),
        ("flip", True),
        ("optimizer", "sgd"),
        ("muon_learning_rate", 0),
        ("muon_momentum", 1),
        ("schedule", "step"),
        ("start_from", 1),
        ("whiten", 1),
        ("dirac", "yes"),
        ("head_scale", 0),
        ("norm_momentum", 0),
        ("early_side", 20),
        ("early_part", 1.5),
        ("first_part", -0.1),
        ("freeze_stem", 1.5),
        ("crop_padding", 17),
        ("crop_mode", "wrap"),
        ("cutout", 33),
        ("skip_easy", 1),
        ("holdout", 50_000),
        ("train_share", 0),
        ("validate_epochs", 0),
        ("patience", -1),
        ("precision", "float16"),
        ("model", 3),
    ],
)
def test_refuses_what_cannot_be_and_says_what_came(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be .*got {value!r}"):
        config("report", **{name: value})


def test_refuses_unknown_names() -> None:
    with pytest.raises(ConfigError, match=r"rocket.*report"):
        config("rocket")
    with pytest.raises(ConfigError, match="speed"):
        config("report", speed=3)
    with pytest.raises(ConfigError, match="layers"):
        with_model(config("report"), layers=3)


def test_settings_survive_their_dict() -> None:
    changed = with_model(config("report", budget=12, holdout=0, epochs=2.5), heads=4)
    assert TrainConfig.from_dict(changed.to_dict()) == changed


def test_every_setting_has_a_doc_string() -> None:
    for cls in (TrainConfig, ModelConfig):
        docs = field_docs(cls)
        assert {field.name for field in fields(cls)} == set(docs)
        assert all(len(text) > 10 for text in docs.values())


def test_every_recipe_carries_its_own_name() -> None:
    assert {name: settings.recipe for name, settings in RECIPES.items()} == {name: name for name in RECIPES}


@pytest.mark.parametrize(
    ("changes", "rate", "first", "early", "skipped"),
    [
        ({"budget": 15}, 0.12, 0.15, 0.5, 0.5),
        ({"budget": 60}, 0.12, 0.15, 0.5, 0.5),
        ({"budget": 130}, 0.1068, 0.075, 0.5, 0.5),
        ({"budget": 200}, 0.1001, 0.0, 0.5, 0.5),
        ({"budget": 400}, 0.0901, 0.0, 0.425, 0.6),
        ({"budget": 600}, 0.0848, 0.0, 0.35, 0.7),
        ({"budget": 3600}, 0.0848, 0.0, 0.35, 0.7),
        ({"budget": 60, "epochs": 3.0}, 0.0848, 0.0, 0.35, 0.7),
    ],
)
def test_fast_goes_by_the_length_of_a_run(
    changes: dict[str, float], rate: float, first: float, early: float, skipped: float
) -> None:
    settings = config("fast", **changes)
    for one in (settings, usual(settings)):
        assert (one.muon_learning_rate, one.first_part, one.early_part, one.skip_easy) == (rate, first, early, skipped)
    assert all(getattr(RECIPES["fast"], name) == getattr(config("fast", budget=60), name) for name in BY_LENGTH)
    assert replace(config("best", **changes), **changes) == replace(RECIPES["best"], **changes)


def test_what_a_person_sets_stays_however_long_the_run_is() -> None:
    for name in BY_LENGTH:
        assert getattr(config("fast", budget=600, **{name: 0.15}), name) == 0.15
    for rate in (0.12, 0.0848, 0.1):
        settings = config("fast", budget=300, muon_learning_rate=rate)
        assert settings.muon_learning_rate == rate
        assert usual(settings).muon_learning_rate not in (rate, RECIPES["fast"].muon_learning_rate)


@pytest.mark.parametrize(
    ("device", "changes", "expected"),
    [
        ("cpu", {"budget": 600.0}, "fast"),
        ("cpu", {"budget": 3600.0}, "best"),
        ("cpu", {"budget": 3600.0, "epochs": 2.0}, "fast"),
        ("cpu", {"budget": 60.0, "epochs": 30.0}, "best"),
        ("cuda", {"budget": 10.0}, "best"),
        ("cuda", {"epochs": 2.0}, "fast"),
    ],
)
def test_auto_chooses_by_device_and_budget(
    monkeypatch: pytest.MonkeyPatch, device: str, changes: dict[str, float], expected: str
) -> None:
    monkeypatch.setattr(recipe, "pick_device", lambda name: torch.device(device))
    assert config("auto", **changes) == config(expected, **changes)


def test_first_weights_follow_from_the_seed_alone() -> None:
    def first(seed: int) -> torch.Tensor:
        return next(build_model(config("report", seed=seed)).parameters()).detach()

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    torch.testing.assert_close(first(3), first(3))
    assert not torch.equal(first(3), first(4))
    assert torch.equal(torch.random.get_rng_state(), before)
