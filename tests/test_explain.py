"""The explanation is the pass that answered, and its scale is one for all pictures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from diclam.augment import normalize
from diclam.errors import PictureError
from diclam.explain import SIGHT, Explanation, explain, to_byte
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import predict


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def network(heads: int = 2) -> DiCLAM:
    torch.manual_seed(0)
    return DiCLAM(ModelConfig(heads=heads)).eval()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_every_head_shares_out_one_for_every_position(heads: int) -> None:
    explanation = explain(network(heads), noise())
    assert explanation.attention.shape == (heads, 256, 256)
    assert explanation.attention.dtype == np.float32
    assert explanation.grid == (16, 16)
    np.testing.assert_allclose(explanation.attention.sum(-1), 1, atol=1e-4)


def test_explains_the_answer_that_is_given() -> None:
    model = network()
    assert explain(model, noise()).prediction == predict(model, noise())


def test_attention_is_that_of_the_model() -> None:
    model = network()
    with torch.inference_mode():
        weights = model.trace(normalize(noise()[None])).attention_BMNN[0].numpy()
    np.testing.assert_array_equal(explain(model, noise()).attention, weights)


def test_a_map_is_the_row_of_its_query() -> None:
    explanation = explain(network(), noise())
    np.testing.assert_array_equal(explanation.map(1, (3, 5)).reshape(-1), explanation.attention[1, 3 * 16 + 5])


def test_what_a_position_gave_is_its_mean_share() -> None:
    explanation = explain(network(4), noise())
    by_hand = sum(explanation.map(head, (q // 16, q % 16)) for head in range(4) for q in range(256)) / (4 * 256)
    np.testing.assert_allclose(explanation.received, by_hand, rtol=1e-4)


def test_entropy_counts_bits() -> None:
    answer = explain(network(), noise()).prediction
    weights = np.zeros((1, 5, 4), np.float32)
    weights[0, 0, 2] = 1  # all from one position
    weights[0, 1, :2] = 0.5
    weights[0, 2] = 0.25
    weights[0, 3] = (0.5, 0.25, 0.125, 0.125)
    weights[0, 4] = (0.7, 0.1, 0.1, 0.1)
    explanation = Explanation(answer, weights, (2, 2))
    by_hand = -(0.7 * math.log2(0.7) + 0.3 * math.log2(0.1))
    np.testing.assert_allclose(explanation.entropy, [[0, 1, 2, 1.75, by_hand]], atol=1e-6)
    assert explanation.entropy_even == 2
    np.testing.assert_allclose(explanation.entropy_of_mean, explanation.entropy[0])


def test_the_mean_spreads_at_least_as_widely_as_the_heads_do_on_average() -> None:
    """Entropy is concave; and two heads that look at different positions are wider together."""
    explanation = explain(network(4), noise())
    by_hand = np.mean([explanation.map(head, (3, 5)) for head in range(4)], axis=0)
    np.testing.assert_allclose(explanation.mean[3 * 16 + 5], by_hand.reshape(-1), rtol=1e-5)
    assert (explanation.entropy_of_mean >= explanation.entropy.mean(0) - 1e-9).all()
    weights = np.zeros((2, 1, 4), np.float32)
    weights[0, 0, 0] = weights[1, 0, 3] = 1
    assert Explanation(explanation.prediction, weights, (2, 2)).entropy_of_mean == pytest.approx([1])


def test_a_position_has_seen_the_ten_pixels_around_it() -> None:
    """Exactly those pixels change what reaches the attention there."""
    model = network()
    row, column = 6, 9
    seen = torch.zeros(32, 32, dtype=torch.bool)
    for seed in range(8):  # the max-pool hands on one pixel in four
        x = normalize(noise(seed)[None]).requires_grad_()
        model.block1[0](model.stem(x))[0, :, row, column].square().sum().backward()
        assert x.grad is not None
        seen |= x.grad[0].abs().sum(0) > 0
    expected = torch.zeros_like(seen)
    first_row, first_column, side = 2 * (row - SIGHT), 2 * (column - SIGHT), 2 * (2 * SIGHT + 1)
    expected[first_row : first_row + side, first_column : first_column + side] = True
    assert side == 10
    assert torch.equal(seen, expected)


def test_no_row_has_more_entropy_than_an_even_share() -> None:
    explanation = explain(network(), noise())
    assert explanation.entropy_even == 8
    assert explanation.entropy.shape == (2, 256)
    assert (explanation.entropy <= 8 + 1e-4).all()


def test_json_holds_the_answer_and_every_weight() -> None:
    explanation = explain(network(), noise())
    content = json.loads(json.dumps(explanation.to_json()))
    assert content["label"] == explanation.prediction.label
    assert content["grid"] == [16, 16]
    np.testing.assert_allclose(content["attention"], explanation.attention, atol=1e-6)
    np.testing.assert_allclose(content["entropy_bits"], explanation.entropy, atol=1e-4)


def test_bytes_come_head_by_head_and_query_by_query() -> None:
    explanation = explain(network(), noise())
    data = np.frombuffer(explanation.attention_bytes(), np.uint8).reshape(2, 256, 256)
    np.testing.assert_array_equal(data[1, 7], to_byte(explanation.attention[1, 7]))


@pytest.mark.parametrize(
    ("share", "byte"), [(0, 0), (1 / 256, 0), (1 / 8, 80), (1 / 2, 112), (1, 128), (2, 144), (8, 176), (256, 255)]
)
def test_a_weight_has_the_same_byte_in_every_map(share: float, byte: int) -> None:
    """Whatever else a map holds: the scale is not stretched to it."""
    flat = np.full(256, 1 / 256)
    peaked = np.zeros(256)
    peaked[9] = 1
    for others in (flat, peaked):
        weights = others.copy()
        weights[0] = share / 256
        assert to_byte(weights)[0] == byte


def test_a_byte_keeps_a_weight_within_three_percent() -> None:
    weights = np.geomspace(1e-4, 0.9, 256)
    again = 2 ** ((to_byte(weights).astype(float) - 128) / 16) / 256
    np.testing.assert_allclose(again, weights, rtol=0.03)


def test_only_a_picture_is_explained() -> None:
    with pytest.raises(PictureError, match=r"got \(3, 64, 64\)"):
        explain(network(), torch.zeros(3, 64, 64, dtype=torch.uint8))
