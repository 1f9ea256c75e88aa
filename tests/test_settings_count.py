"""Each setting of a run changes what the run does: none is accepted and forgotten."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch

from diclam import checkpoint
from diclam.events import Event, Finished, Started, Validated
from diclam.model import DiCLAM, ModelConfig
from diclam.recipe import TrainConfig, build_model
from diclam.recorder import first_model
from diclam.train import train
from tests.conftest import Clock, random_cifar10, small_config

# What else has to be set for it to matter, and the other value.
LEARNING: dict[str, tuple[dict[str, Any], Any]] = {
    "seed": ({}, 1),
    "batch_size": ({}, 20),
    "optimizer": ({}, "muon"),
    "learning_rate": ({}, 1e-3),
    "weight_decay": ({}, 0.5),
    "muon_learning_rate": ({"optimizer": "muon"}, 0.05),
    "muon_momentum": ({"optimizer": "muon"}, 0.9),
    "schedule": ({}, "linear"),
    "warmup": ({}, 0.5),
    "whiten": ({}, True),
    "dirac": ({}, True),
    "head_scale": ({}, 0.5),
    "norm_momentum": ({}, 0.5),
    "label_smoothing": ({}, 0.1),
    "gradient_clip": ({}, 0.01),
    "weight_average": ({"holdout": 0, "epochs": 5.0}, 0.5),
    "flip": ({}, "alternating"),
    "crop_padding": ({}, 2),
    "crop_mode": ({}, "zero"),
    "cutout": ({}, 4),
    "skip_easy": ({"epochs": 2.0}, 0.5),
    "early_side": ({"early_part": 0.5}, 16),
    "early_part": ({"early_side": 16}, 0.5),
    "first_part": ({}, 0.5),
    "freeze_stem": ({}, 0.5),
    "holdout": ({}, 60),
    "train_share": ({}, 0.5),
    "epochs": ({}, 2.0),
    "precision": ({}, "bfloat16"),
    "model": ({}, ModelConfig(activation="relu")),
}
# Told by other tests, or nothing to learn from.
ELSEWHERE = {
    "recipe": "only the name that the settings go by",
    "budget": "test_train: test_stops_at_the_time_limit",
    "start_from": "below",
    "teacher": "test_distill",
    "teacher_weight": "test_distill",
    "teacher_temperature": "test_distill",
    "validate_epochs": "below",
    "patience": "test_train: test_stops_as_converged_when_nothing_improves",
    "device": "test_device",
    "compile": "test_compiled",
}


@lru_cache(maxsize=1)
def usual() -> dict[str, torch.Tensor]:
    return ended()[0]


def ended(**changes: Any) -> tuple[dict[str, torch.Tensor], list[Event]]:
    settings = small_config(**changes)
    model = build_model(settings)
    events = list(train(model, random_cifar10(120, side=8), settings, clock=Clock()))
    return model.state_dict(), events


def test_every_setting_is_here() -> None:
    assert LEARNING.keys() | ELSEWHERE.keys() == {field.name for field in fields(TrainConfig)}
    assert not LEARNING.keys() & ELSEWHERE.keys()


@pytest.mark.parametrize("name", LEARNING)
def test_a_setting_changes_the_weights_that_a_run_ends_with(name: str) -> None:
    others, value = LEARNING[name]
    assert getattr(small_config(**others), name) != value
    before = ended(**others)[0] if others else usual()
    after, _ = ended(**(others | {name: value}))
    assert any(not torch.equal(weight, after[key]) for key, weight in before.items())


def test_a_seed_alone_repeats_a_run() -> None:
    again = ended()[0]
    assert all(torch.equal(weight, again[key]) for key, weight in usual().items())


def test_validations_come_as_often_as_they_are_asked_for() -> None:
    few, many = (ended(epochs=6.0, validate_epochs=share)[1] for share in (100.0, 0.5))
    assert sum(isinstance(event, Validated) for event in few) < sum(isinstance(event, Validated) for event in many)


def test_a_run_starts_from_the_weights_that_it_is_given(tmp_path: Path) -> None:
    model = DiCLAM()
    checkpoint.save(tmp_path, model)
    first = first_model(small_config(start_from=str(tmp_path), seed=5)).state_dict()
    assert all(torch.equal(weight, first[name]) for name, weight in model.state_dict().items())


def test_the_precision_that_was_asked_for_is_the_one_that_computes() -> None:
    _, events = ended(precision="bfloat16")
    assert isinstance(events[0], Started)
    assert events[0].precision == "bfloat16"
    assert isinstance(events[-1], Finished)
