"""Settings: what they accept, what they build."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from diclam.errors import ConfigError
from diclam.model import DiCLAM, ModelConfig
from diclam.recipe import (
    RECIPES,
    TrainConfig,
    build_model,
    build_optimizer,
    config,
    field_docs,
    one_cycle,
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
        ("gradient_clip", 0),
        ("flip", 1),
        ("crop_padding", 17),
        ("crop_mode", "wrap"),
        ("cutout", 33),
        ("holdout", 50_000),
        ("validate_epochs", 0),
        ("patience", 0),
        ("precision", "float16"),
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
    assert {name: recipe.recipe for name, recipe in RECIPES.items()} == {name: name for name in RECIPES}


def test_the_schedule_is_torchs_one_cycle() -> None:
    steps = 200
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=0.01)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps + 1, pct_start=0.25)
    # torch ends its rise one step early: at 0.25 * total - 1.
    peak = (0.25 * (steps + 1) - 1) / steps
    for step in range(steps + 1):
        rate, momentum = one_cycle(step / steps, peak)
        assert rate * 0.01 == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-12)
        assert momentum == pytest.approx(optimizer.param_groups[0]["betas"][0], rel=1e-6)
        if step < steps:
            optimizer.step()
            reference.step()


def test_the_schedule_stays_at_its_ends_outside_the_budget() -> None:
    assert one_cycle(-1, 0.25) == one_cycle(0, 0.25)
    assert one_cycle(2, 0.25) == one_cycle(1, 0.25)


def test_only_matrices_and_filters_decay() -> None:
    model = DiCLAM()
    decayed, others = build_optimizer(model, config("report", weight_decay=0.3)).param_groups
    assert decayed["weight_decay"] == 0.3
    assert others["weight_decay"] == 0
    assert all(p.dim() > 1 for p in decayed["params"])
    assert sum(p.numel() for group in (decayed, others) for p in group["params"]) == 1_837_452


def test_first_weights_follow_from_the_seed_alone() -> None:
    def first(seed: int) -> torch.Tensor:
        return next(build_model(config("report", seed=seed)).parameters()).detach()

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    torch.testing.assert_close(first(3), first(3))
    assert not torch.equal(first(3), first(4))
    assert torch.equal(torch.random.get_rng_state(), before)
