"""The blocks of the network against the same by hand."""

from __future__ import annotations

import torch

from diclam.blocks import ACTIVATIONS, LIKE_GELU, ConvBlock, LightMHA, LightMoE, Router
from diclam.model_config import CHOICES


def test_the_mixture_is_the_gated_sum_of_its_experts() -> None:
    torch.manual_seed(0)
    moe = LightMoE(8, 4).eval()
    x = torch.randn(3, 8, 5, 5)
    gates = moe.router(x)
    by_hand = x + sum(gates[:, e, None, None, None] * moe.experts[e](x) for e in range(2))
    torch.testing.assert_close(moe(x), moe.norm(by_hand))


def test_attention_matches_a_loop_over_heads_and_queries() -> None:
    torch.manual_seed(0)
    layer = LightMHA(8, heads=2).eval()
    x = torch.randn(1, 8, 3, 4)
    out, weights = layer.trace(x)
    q, k, v = (conv(x)[0].flatten(1).T for conv in (layer.query, layer.key, layer.value))
    mixed = torch.zeros(12, 8)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for query in range(12):
            row = torch.softmax(k[:, part] @ q[query, part] / 2.0, dim=0)
            torch.testing.assert_close(weights[0, head, query], row)
            mixed[query, part] = row @ v[:, part]
    torch.testing.assert_close(out, layer.norm(x + mixed.T.reshape(1, 8, 3, 4)))
    torch.testing.assert_close(layer(x), out)


def test_each_activation_that_may_be_chosen_is_there() -> None:
    assert tuple(ACTIVATIONS) == CHOICES["activation"]


def test_silu_starts_close_to_gelu() -> None:
    x = torch.randn(4, 3, 8, 8)
    blocks = {name: ConvBlock(3, 16, name) for name in ("gelu", "silu", "relu")}
    for block in blocks.values():
        block.get_parameter("0.weight").data.copy_(blocks["gelu"].get_parameter("0.weight"))
    gelu, silu, relu = (block(x) for block in blocks.values())
    assert (silu / LIKE_GELU - gelu).abs().max() < 0.03 < (relu - gelu).abs().max()


def test_gates_are_float32_whatever_goes_in() -> None:
    assert Router(8, 2).bfloat16()(torch.randn(2, 8, 4, 4).bfloat16()).dtype == torch.float32
