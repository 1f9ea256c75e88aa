"""A step is made of what it is told, and of nothing else."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diclam.distributed import Team
from diclam.model import DiCLAM
from diclam.recipe import RECIPES, TrainConfig, build_model
from diclam.stepper import Stepper
from tests.conftest import random_cifar10, small_config

DATA = random_cifar10(side=8)


def stepper(config: TrainConfig, model: DiCLAM | None = None, teacher: DiCLAM | None = None) -> Stepper:
    model = model or build_model(config)
    return Stepper(model, DATA.train_images, DATA.train_labels, config, dtype=torch.float32, team=Team(), teacher=teacher)


class Blind(TorchDispatchMode):
    """Whatever has to know a value to go on, for which a GPU would be waited for, is an error."""

    LOOKS = (
        torch.ops.aten._local_scalar_dense.default,
        torch.ops.aten.nonzero.default,
        torch.ops.aten.masked_select.default,
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        masked = func is torch.ops.aten.index.Tensor and any(i is not None and i.dtype == torch.bool for i in args[1])
        looks = masked or func in self.LOOKS
        assert not looks, f"{func} looks at a value"
        return func(*args, **(kwargs or {}))


def last(model: DiCLAM) -> torch.Tensor:
    """The weights of its last layer."""
    return list(model.classifier.parameters())[-2]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_step_tells_its_loss_its_gradient_and_its_rate(recipe: str) -> None:
    config = small_config(recipe)
    made = stepper(config)
    before = last(made.model).detach().clone()
    loss, norm, rate = made.step(config.warmup / 2)
    assert math.isfinite(loss.item())
    assert norm.item() > 0
    assert 0 < rate < config.learning_rate
    assert not torch.equal(last(made.model), before)


@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_step_looks_at_no_value(recipe: str, taught: bool) -> None:
    # On the processor a teacher keeps what it has answered, and looks for whom it has not; with cutout it keeps nothing.
    config = small_config(recipe, **({"teacher": "bundled", "cutout": 4} if taught else {}))
    made = stepper(config, teacher=DiCLAM() if taught else None)
    made.step(0.1)  # It begins an epoch, where it may look at who is left out.
    with Blind():
        made.step(0.8)


def test_the_last_step_of_a_run_moves_nothing_that_a_gradient_moves() -> None:
    made = stepper(small_config("fast", whiten=False, muon_learning_rate=0.1))
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    *_, rate = made.step(1.0)
    assert rate == 0
    adam = [name for name, weight in made.model.named_parameters() if weight.dim() <= 1]
    assert all(torch.equal(made.model.get_parameter(name), before[name]) for name in adam)


def test_steps_go_on_from_a_state_as_if_nothing_had_happened() -> None:
    config = small_config("fast", batch_size=50)
    whole = stepper(config)
    for k in range(5):
        whole.step(k / 10)
    weights = {name: value.clone() for name, value in whole.model.state_dict().items()}
    state = deepcopy(whole.state())
    other = stepper(config)
    other.model.load_state_dict(weights)
    other.restore(state)
    for k in range(5, 8):
        assert other.step(k / 10)[0].item() == whole.step(k / 10)[0].item()
    assert all(torch.equal(value, other.model.state_dict()[name]) for name, value in whole.model.state_dict().items())
