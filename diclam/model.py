"""DiCLAM: a distilled CNN with light multi-head attention and a light mixture of two experts.

The list of layers and the total of 1,837,452 parameters come from the report this project rebuilds; the widths are
ours: a natural set that gives exactly that number.

    part         layers                                                     output          parameters
    stem         conv 3x3 3->64, BN, act; conv 3x3 64->64, BN, act;
                 max-pool 2                                                 64 x 16 x 16        38,848
    block1       conv 3x3 64->64, BN, act; LightMHA(64);
                 conv 3x3 64->128, BN, act                                  128 x 16 x 16      123,392
    block2       max-pool 2; conv 3x3 128->256, BN, act; LightMoE(256);
                 conv 3x3 256->256, BN, act                                 256 x 8 x 8      1,018,626
    block3       max-pool 2; conv 3x3 256->256, BN, act;
                 adaptive average pool 2 x 2; flatten                       1024               590,336
    classifier   dropout, linear 1024->64, ReLU, dropout, linear 64->10     10                  66,250
    all                                                                                      1,837,452

The *full* network, `ModelConfig(blocks="full")`, has the blocks that LightMHA and LightMoE simplify (`diclam.full`) in
their places, and is otherwise the same: 3,845,966 parameters. Either may also be left out (`diclam.left_out`), to measure
what it is worth.

Letters of shapes: B pictures, C channels, H height, W width, N tokens (= positions of a feature map), M heads,
D channels of a head, E experts (2; the full network has 4), G settings of the gates, K classes (10).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from diclam import full, left_out
from diclam.blocks import ConvBlock, LightMHA, LightMoE, MoE
from diclam.errors import ConfigError
from diclam.layers import LayerRow, layers
from diclam.model_config import ModelConfig

CLASSES = 10
# Normalised CIFAR-10 pixels lie in -1.99 .. 2.13; raw bytes or wildly scaled floats do not.
INPUT_RANGE = 4.0


class Trace(NamedTuple):
    """Everything one forward pass computed on its way to the answer."""

    logits_BK: Tensor
    """(B, 10), equal to `model(x)`."""
    attention_BMNN: Tensor
    """(B, heads, queries, keys), each row of keys sums to 1; positions row by row over an H/2 x W/2 grid."""
    gates_BE: Tensor
    """(B, E), in 0..1, rows sum to 1."""
    expert_outputs_BECHW: Tensor
    """(B, E, 256, H/4, W/4), each expert's output before its gate."""
    expert_logits_BEK: Tensor
    """(B, E, 10): the logits if one expert alone had answered, its gate at 1 and the others' at 0."""
    features_BF: Tensor
    """(B, 1024), what the classifier made the logits of."""
    attended_BCHW: Tensor
    """(B, 64, H/2, W/2), what the attention was given."""
    mixed_BCHW: Tensor
    """(B, 256, H/4, W/4), what the mixture of experts was given."""
    alone_BECHW: Tensor
    """(B, E, 256, H/4, W/4), what the convolution after the mixture, with its BatchNorm, made of each expert alone."""


class DiCLAM(nn.Module):
    """The network. `model(x_B3HW) -> logits_B10`, where x holds normalised floats (`diclam.augment.normalize`) and H and
    W divide by 8; 32 x 32 is what it is trained for. 1,837,452 parameters with every `ModelConfig` of light blocks."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.temperature: float | None = None
        """What `diclam.predict` divides the logits by to read them as probabilities; None: not calibrated. The logits that
        come out of the network are never divided."""
        act, light = config.activation, config.blocks == "light"

        def attention() -> nn.Module:
            if not config.attention:
                return left_out.NoAttention()
            return LightMHA(64, config.heads) if light else full.EncoderBlock(64, config.heads)

        def mixture() -> nn.Module:
            if not config.experts:
                return left_out.NoExperts()
            return LightMoE(256, 128) if light else MoE(256, full.WIDENING * 256, full.EXPERTS)

        self.stem = nn.Sequential(ConvBlock(3, 64, act), ConvBlock(64, 64, act), nn.MaxPool2d(2))
        self.block1 = nn.Sequential(ConvBlock(64, 64, act), attention(), ConvBlock(64, 128, act))
        self.block2 = nn.Sequential(nn.MaxPool2d(2), ConvBlock(128, 256, act), mixture(), ConvBlock(256, 256, act))
        self.block3 = nn.Sequential(nn.MaxPool2d(2), ConvBlock(256, 256, act), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Dropout(config.dropout_input),
            nn.Linear(1024, 64),
            nn.ReLU(),
            nn.Dropout(config.dropout_hidden),
            nn.Linear(64, CLASSES),
        )

    def forward(self, x_B3HW: Tensor) -> Tensor:
        """-> logits (B, 10). Raises ValueError when the shape, the type or (in eval mode only, as looking at the
        values stalls a GPU) the range of `x_B3HW` is wrong."""
        self._check(x_B3HW)
        return self.unchecked(x_B3HW)

    def unchecked(self, x_B3HW: Tensor) -> Tensor:
        """As `forward`, for pictures that are known to be right."""
        return self.classifier(self._features(x_B3HW))

    def features(self, x_B3HW: Tensor) -> Tensor:
        """-> (B, 1024), what the classifier makes the logits of. Raises as `forward` does."""
        self._check(x_B3HW)
        return self._features(x_B3HW)

    def _features(self, x_B3HW: Tensor) -> Tensor:
        return self.block3(self.block2(self.block1(self.stem(x_B3HW))))

    def mixtures(
        self, x_B3HW: Tensor, gates_of: Callable[[Tensor], Tensor], traced: Trace | None = None
    ) -> tuple[Tensor, Tensor]:
        """-> logits (B, G, 10) and gates (B, G, E) at G settings of the gates, in eval mode: `gates_of` is given the
        router's own gates (B, E) and returns those to answer with, (B, G, E), rows summing to 1. What `traced`, the trace of
        the same pictures, holds already is not computed again.

        From the gates up to the next activation every step is affine, and gates sum to 1: there each mixture is the mean of
        the experts alone, weighted by their gates. So the largest convolution runs once an expert instead of G times.
        """
        self._check(x_B3HW)
        moe, (_, _, activation) = self._mixture()
        if traced:
            alone_BECHW, own_BE = traced.alone_BECHW, traced.gates_BE
        else:
            x_BCHW = self.block2[:2](self.block1(self.stem(x_B3HW)))
            outputs_BECHW, own_BE = moe.parts(x_BCHW)
            alone_BECHW = self._after_mixture(x_BCHW, outputs_BECHW, _ends(own_BE))
        gates_BGE = gates_of(own_BE)
        first_B1CHW, *others = (output_BCHW[:, None] for output_BCHW in alone_BECHW.unbind(1))
        _, weight_BG111, *weights = gates_BGE[..., None, None, None].unbind(2)
        mixed_BGCHW = torch.lerp(first_B1CHW, others[0], weight_BG111)
        for other_B1CHW, weight_BG111 in zip(others[1:], weights, strict=True):
            mixed_BGCHW = torch.addcmul(mixed_BGCHW, other_B1CHW - first_B1CHW, weight_BG111)
        logits_SK = self.classifier(self.block3(activation(mixed_BGCHW.flatten(0, 1))))
        return logits_SK.unflatten(0, gates_BGE.shape[:2]), gates_BGE

    def trace(self, x_B3HW: Tensor) -> Trace:
        """The same pass, by the same modules, with everything it computed on its way. Raises as `forward` does."""
        self._check(x_B3HW)
        conv_in, attention, conv_out = self.block1
        moe, (_, _, activation) = self._mixture()
        attended_BCHW = conv_in(self.stem(x_B3HW))
        told_BCHW, attention_BMNN = cast("LightMHA | full.EncoderBlock", attention).trace(attended_BCHW)
        x_BCHW = self.block2[:2](conv_out(told_BCHW))
        outputs_BECHW, gates_BE = moe.parts(x_BCHW)
        # The experts alone, and last the network itself.
        settings_BGE = torch.cat([_ends(gates_BE), gates_BE[:, None]], dim=1)
        after_BGCHW = self._after_mixture(x_BCHW, outputs_BECHW, settings_BGE)
        features_BGF = self.block3(activation(after_BGCHW.flatten(0, 1))).unflatten(0, settings_BGE.shape[:2])
        logits_BGK = self.classifier(features_BGF)
        return Trace(
            logits_BGK[:, -1], attention_BMNN, gates_BE, outputs_BECHW, logits_BGK[:, :-1], features_BGF[:, -1],
            attended_BCHW, x_BCHW, after_BGCHW[:, :-1],
        )  # fmt: skip

    def _after_mixture(self, x_BCHW: Tensor, outputs_BECHW: Tensor, gates_BGE: Tensor) -> Tensor:
        """What the convolution after the mixture, with its BatchNorm, makes of it at G settings of the gates
        -> (B, G, 256, H/4, W/4)."""
        moe, (conv, norm, _) = self._mixture()
        settings = gates_BGE.shape[1]
        mixed = [moe.combine(x_BCHW, outputs_BECHW, gates_BE) for gates_BE in gates_BGE.unbind(1)]
        after_SCHW = norm(conv(torch.cat(mixed)))
        return after_SCHW.unflatten(0, (settings, len(x_BCHW))).transpose(0, 1)

    def require_light(self, what: str) -> None:
        """Raises ConfigError when this is not the light network, which `what` is made for."""
        if not self.config.light:
            missing = [name for name in ("attention", "experts") if not getattr(self.config, name)]
            this = f"one without {' and '.join(missing)}" if missing else f"the {self.config.blocks} one"
            raise ConfigError(
                f"{what} is made for the light network, with its two experts; this is {this}. "
                "Choose a model that was trained with --blocks light."
            )

    def layers(self) -> list[LayerRow]:
        """The network as a list, measured on this very object: output shapes from a 32 x 32 picture, parameters counted."""
        return list(layers(self))

    def _mixture(self) -> tuple[MoE, ConvBlock]:
        """The mixture of experts, and the part of block 2 that follows it."""
        return cast("MoE", self.block2[2]), cast("ConvBlock", self.block2[3])

    def _check(self, x: Tensor) -> None:
        if x.dim() != 4 or x.shape[1] != 3 or x.shape[2] % 8 or x.shape[3] % 8 or 0 in x.shape:
            raise ValueError(f"Expected pictures (B, 3, H, W) with H and W dividing by 8; got {tuple(x.shape)}.")
        if not x.is_floating_point():
            raise ValueError(f"Expected normalised floats, see diclam.augment.normalize; got {x.dtype}.")
        if not self.training and not x.abs().amax() <= INPUT_RANGE:
            raise ValueError(
                f"Expected normalised pixels within -{INPUT_RANGE:g} .. {INPUT_RANGE:g}, see diclam.augment.normalize; "
                f"got {x.amin():g} .. {x.amax():g}."
            )


@lru_cache(maxsize=64)
def parameters(config: ModelConfig) -> int:
    """How many a network of these settings has; nothing is computed for it."""
    with torch.device("meta"):
        return sum(p.numel() for p in DiCLAM(config).parameters())


def _ends(gates_BE: Tensor) -> Tensor:
    """-> (B, E, E): in turn each expert's gate at 1 and the others' at 0."""
    return torch.eye(gates_BE.shape[1], device=gates_BE.device, dtype=gates_BE.dtype).expand(len(gates_BE), -1, -1)
