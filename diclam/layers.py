"""The network as a list, measured on the very object: each layer, what comes out of it, how many parameters it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from diclam import full, left_out
from diclam.blocks import ConvBlock, LightMHA, LightMoE, MoE

PARTS = ("stem", "block1", "block2", "block3", "classifier")


class LayerRow(NamedTuple):
    """One line of the network as it is drawn or listed."""

    part: str
    layer: str
    output: str
    parameters: int


@torch.no_grad()
def layers(model: nn.Module) -> Iterator[LayerRow]:
    """Of a network with these parts: output shapes from a 32 x 32 picture, parameters counted."""
    was_training = model.training
    model.eval()
    weight = next(model.parameters())
    x = torch.zeros(1, 3, 32, 32, device=weight.device, dtype=weight.dtype)
    for part in PARTS:
        for module in model.get_submodule(part).children():
            x = module(x)
            count = sum(p.numel() for p in module.parameters())
            yield LayerRow(part, _describe(module), " x ".join(str(n) for n in x.shape[1:]), count)
    model.train(was_training)


def _describe(module: nn.Module) -> str:
    match module:
        case ConvBlock():
            conv = module[0]
            assert isinstance(conv, nn.Conv2d)
            act = type(module[2]).__name__
            return f"conv 3x3 {conv.in_channels}->{conv.out_channels}, BN, {act}"
        case LightMHA():
            return f"light multi-head attention, {module.heads} heads"
        case LightMoE():
            return f"light mixture of {len(module.experts)} experts"
        case left_out.NoAttention():
            return "no attention"
        case left_out.NoExperts():
            return "no experts"
        case full.EncoderBlock():
            return f"encoder block: multi-head attention, {module.heads} heads, and feed-forward"
        case MoE():
            return f"mixture of {len(module.experts)} experts"
        case nn.MaxPool2d():
            return f"max-pool {module.kernel_size}"
        case nn.AdaptiveAvgPool2d():
            return f"average pool to {module.output_size} x {module.output_size}"
        case nn.Linear():
            return f"linear {module.in_features}->{module.out_features}"
        case nn.Dropout():
            return f"dropout {module.p:g}"
        case nn.ReLU():
            return "ReLU"
        case _:
            return type(module).__name__.lower()
