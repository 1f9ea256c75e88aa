"""Switching a part off gives what the network without its weights gives."""

from __future__ import annotations

import copy
import json
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from diclam.augment import normalize
from diclam.blocks import LightMHA, LightMoE
from diclam.data import CLASSES
from diclam.errors import PictureError
from diclam.fader import fade
from diclam.knockout import Knockouts, knock_out
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import predict, trace
from diclam.twin import untrained

CLOSE = 1e-5


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def network(heads: int = 2) -> DiCLAM:
    """Random weights whose activations have the scale of a trained network's, so that every part has a say."""
    return copy.deepcopy(untrained(ModelConfig(heads=heads)))


@torch.inference_mode()
def slow(model: DiCLAM, *, heads: list[int] | None = None, expert: int | None = None) -> np.ndarray:
    """The logits of a copy of the model whose weights for these heads' values, or this expert's output, are zero."""
    model = copy.deepcopy(model)
    attention, moe = cast("LightMHA", model.block1[1]), cast("LightMoE", model.block2[2])
    width = 64 // attention.heads
    for head in heads or []:
        attention.value.weight[head * width : (head + 1) * width] = 0
    if expert is not None:
        last = moe.experts[expert].get_submodule("2")
        for parameter in last.parameters():
            parameter.zero_()
    return model(normalize(noise()[None]))[0].numpy()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_a_head_that_is_off_has_no_values(heads: int) -> None:
    model = network(heads)
    knockouts = knock_out(model, noise())
    assert knockouts.without_head.shape == (heads, 10)
    for head in range(heads):
        expected = slow(model, heads=[head])
        np.testing.assert_allclose(knockouts.without_head[head], expected, atol=CLOSE)
        assert np.abs(expected - knockouts.whole).max() > 10 * CLOSE  # the head has a say, so the test could fail
    np.testing.assert_allclose(knockouts.without_heads, slow(model, heads=list(range(heads))), atol=CLOSE)


def test_an_expert_that_is_left_out_gives_nothing() -> None:
    model = network()
    knockouts = knock_out(model, noise())
    for expert in range(2):
        expected = slow(model, expert=expert)
        np.testing.assert_allclose(knockouts.without_expert[expert], expected, atol=CLOSE)
        assert np.abs(expected - knockouts.whole).max() > 10 * CLOSE


def test_with_everything_on_it_is_the_answer() -> None:
    model = network()
    knockouts, prediction = knock_out(model, noise()), predict(model, noise())
    np.testing.assert_allclose(knockouts.whole, slow(model), atol=CLOSE)
    assert CLASSES[knockouts.answer] == prediction.label
    assert knockouts.gates == pytest.approx(prediction.gates, abs=1e-6)


def test_changes_are_signed_and_of_the_answer() -> None:
    logits = np.zeros(10)
    logits[3] = np.log(9)  # 9 in 18: one half for class 3
    less, more = logits.copy(), logits.copy()
    less[3], more[3] = 0.0, np.log(27)
    knockouts = Knockouts(logits, np.stack([less, more]), less, np.stack([less, more]), (0.3, 0.7))
    assert knockouts.answer == 3
    np.testing.assert_allclose(knockouts.head_changes, [0.1 - 0.5, 0.75 - 0.5])
    assert knockouts.heads_change == pytest.approx(-0.4)
    np.testing.assert_allclose(knockouts.contributions, [np.log(9), np.log(9) - np.log(27)])


def test_the_answer_stays_that_of_the_whole_network() -> None:
    """Another class may win when a head is off; the change is still that of the first answer."""
    whole, other = np.zeros(10), np.zeros(10)
    whole[2], other[5] = 1, 9
    knockouts = Knockouts(whole, other[None], other, np.stack([other, other]), (0.5, 0.5))
    assert knockouts.head_changes[0] < 0
    np.testing.assert_allclose(knockouts.contributions, [1, 1])


def test_the_mode_of_the_model_is_left_as_it_was() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, again = knock_out(model, noise()), knock_out(model.eval(), noise())
    np.testing.assert_array_equal(first.whole, again.whole)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    knock_out(model.train(), noise())
    assert model.training


def test_json_holds_the_figures_of_the_tab() -> None:
    knockouts = knock_out(network(), noise())
    content = json.loads(json.dumps(knockouts.to_json()))
    assert content["answer"] == CLASSES[knockouts.answer]
    np.testing.assert_allclose(content["head_changes"], knockouts.head_changes)
    np.testing.assert_allclose(content["contributions"], knockouts.contributions)
    np.testing.assert_allclose(content["logits"]["without_expert"], knockouts.without_expert)


def test_only_a_picture_can_be_asked_about() -> None:
    with pytest.raises(PictureError, match=r"got \(3, 64, 64\)"):
        knock_out(network(), torch.zeros(3, 64, 64, dtype=torch.uint8))


def test_a_pass_that_was_made_already_gives_the_same() -> None:
    model = network()
    traced = trace(model, noise())
    assert knock_out(model, noise(), traced).to_json() == knock_out(model, noise()).to_json()
    np.testing.assert_allclose(fade(model, noise(), traced).logits, fade(model, noise()).logits, atol=1e-5)
