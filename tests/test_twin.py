"""The twin has learned nothing, is the same for everybody, and is no straw man."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from diclam.augment import normalize
from diclam.data import Cifar10
from diclam.explain import explain
from diclam.model import DiCLAM, ModelConfig
from diclam.twin import untrained


def test_a_seed_names_a_twin() -> None:
    config = ModelConfig()
    first = untrained(config).state_dict()
    untrained.cache_clear()
    again, other = untrained(config).state_dict(), untrained(config, seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.0.0.weight"], other["stem.0.0.weight"])


def test_a_twin_is_made_once() -> None:
    assert untrained(ModelConfig(heads=4)) is untrained(ModelConfig(heads=4))


def test_making_a_twin_leaves_the_global_generator_alone() -> None:
    untrained.cache_clear()
    before = torch.get_rng_state()
    untrained(ModelConfig())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("config", [ModelConfig(), ModelConfig(heads=4, activation="relu")])
def test_has_the_layers_of_its_config(config: ModelConfig) -> None:
    twin = untrained(config)
    assert not twin.training
    assert twin.config == config
    assert twin.layers() == DiCLAM(config).layers()


def test_weights_are_spread_as_those_of_a_new_network() -> None:
    torch.manual_seed(5)
    twin, new = dict(untrained(ModelConfig()).named_parameters()), DiCLAM().named_parameters()
    for name, parameter in new:
        assert torch.isfinite(twin[name]).all()
        if parameter.numel() >= 1000:
            assert twin[name].std().item() == pytest.approx(parameter.std().item(), rel=0.1), name
            assert twin[name].abs().max().item() == pytest.approx(parameter.abs().max().item(), rel=0.05), name
        else:
            assert twin[name].abs().max() <= parameter.abs().max() * 2 + 1e-6, name


def test_activations_keep_their_scale_through_all_layers(cifar10: Cifar10) -> None:
    """On real pictures, which the twin has not seen: what leaves each BatchNorm is neither faint nor huge."""
    twin = untrained(ModelConfig())
    x = normalize(cifar10.test_images[:100])
    spreads: list[float] = []
    hooks = [
        module.register_forward_hook(lambda _, __, output: spreads.append(output.std().item()))
        for module in twin.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    try:
        with torch.inference_mode():
            twin(x)
    finally:
        for hook in hooks:
            hook.remove()
    assert len(spreads) == 9
    assert all(0.5 < spread < 2 for spread in spreads), spreads


def test_its_attention_is_not_even() -> None:
    """A new network whose BatchNorms have seen nothing spreads attention evenly to a thousandth."""
    picture = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    plain, twin = (256 * explain(model, picture).attention for model in (DiCLAM().eval(), untrained(ModelConfig())))
    assert np.abs(plain - 1).max() < 0.01
    assert np.abs(twin - 1).max() > 0.1
