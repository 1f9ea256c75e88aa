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

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from diclam import full, left_out
from diclam.attention import attend, attention_weights
from diclam.errors import ConfigError

CLASSES = 10
EXPERTS = 2
"""Of the light network."""
# Normalised CIFAR-10 pixels lie in -1.99 .. 2.13; raw bytes or wildly scaled floats do not.
INPUT_RANGE = 4.0
CHOICES: dict[str, tuple[str, ...]] = {"blocks": ("light", "full"), "activation": ("relu", "gelu")}
"""The settings that are one of a few values, and which."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What the parameter count of the report leaves open, and which blocks there are. Of these fields only `blocks`,
    `attention` and `experts` change the count."""

    blocks: str = "light"
    """'light' (the report's simplified attention and mixture: the network this project is about) or 'full' (the standard
    ones in their places, to measure what the light ones cost: an encoder block with projections and feed-forward part, and
    4 experts 8 times as wide)."""
    attention: bool = True
    """Mix information between the positions of block 1; left out, the network is the same without that layer."""
    experts: bool = True
    """Add what the mixture of experts says in block 2; left out, the network is the same without that layer."""
    heads: int = 2
    """Heads of the attention; divides 64. Two, because at equal time on a CPU two heads learn more than
    four: a step of four costs 19 % more."""
    activation: str = "gelu"
    """'relu' or 'gelu' after each 3x3 convolution."""
    dropout_input: float = 0.1
    """Chance to drop one of the 1024 inputs of the classifier, 0 to 1 (exclusive). Low, since a network this small
    that is trained for a few epochs underfits."""
    dropout_hidden: float = 0.1
    """Chance to drop one of the 64 hidden units of the classifier, 0 to 1 (exclusive)."""

    def __post_init__(self) -> None:
        if isinstance(self.heads, bool) or not isinstance(self.heads, int) or self.heads < 1 or 64 % self.heads:
            raise ConfigError(f"heads must be a whole number that divides 64 (1, 2, 4, ...); got {self.heads!r}.")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} must be {' or '.join(map(repr, choices))}; got {getattr(self, name)!r}.")
        for name in ("attention", "experts"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be False or True; got {getattr(self, name)!r}.")
        for name in ("dropout_input", "dropout_hidden"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
                raise ConfigError(f"{name} must be at least 0 and below 1; got {value!r}.")

    @property
    def light(self) -> bool:
        """Whether this is the report's network, with its light attention and its two experts."""
        return self.blocks == "light" and self.attention and self.experts

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Raises ConfigError when `values` holds a key that is no field."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(f"The model config holds unknown settings: {', '.join(unknown)}.")
        return cls(**values)


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


class LayerRow(NamedTuple):
    """One line of the network as it is drawn or listed."""

    part: str
    layer: str
    output: str
    parameters: int


class LightMHA(nn.Module):
    """Multi-head self-attention over all positions, made light as in the report: queries, keys and values come from
    1x1 convolutions without bias instead of fully connected layers, and there is no output projection and no
    feed-forward part. Residual connection, then BatchNorm."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, channels, 1, bias=False)
        self.key = nn.Conv2d(channels, channels, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def _split(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, M, N, D). A view when the memory layout is channels-last."""
        batch, channels = x_BCHW.shape[:2]
        tokens_BNC = x_BCHW.permute(0, 2, 3, 1).reshape(batch, -1, channels)
        return tokens_BNC.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _merge(self, mixed_BMND: Tensor, like_BCHW: Tensor) -> Tensor:
        batch, channels, height, width = like_BCHW.shape
        mixed_BHWC = mixed_BMND.transpose(1, 2).reshape(batch, height, width, channels)
        return self.norm(like_BCHW + mixed_BHWC.permute(0, 3, 1, 2))

    def _qkv(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._split(self.query(x_BCHW)), self._split(self.key(x_BCHW)), self._split(self.value(x_BCHW))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self._merge(attend(*self._qkv(x_BCHW)), x_BCHW)

    def trace(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The same output, and the weights (B, M, N, N) that the fused kernel of `forward` does not hand out."""
        q, k, v = self._qkv(x_BCHW)
        weights_BMNN = attention_weights(q, k)
        return self._merge((weights_BMNN @ v.float()).to(v.dtype), x_BCHW), weights_BMNN


class Router(nn.Module):
    """The gating network of the report: global average pool, 1x1 convolution, softmax -> (B, E), rows sum to 1."""

    def __init__(self, channels: int, experts: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, experts, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        scores_BE = self.gate(x_BCHW.mean(dim=(2, 3), keepdim=True)).flatten(1)
        # float32: in bfloat16 the gates of a picture need not sum to 1.
        return scores_BE.float().softmax(dim=1)


class MoE(nn.Module):
    """A mixture of experts, each 1x1 conv -> ReLU -> 1x1 conv, weighted by the router's gates for the whole picture (soft
    mixture: all experts always run). Residual connection, then BatchNorm."""

    def __init__(self, channels: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1)) for _ in range(experts)
        )
        self.router = Router(channels, experts)
        self.norm = nn.BatchNorm2d(channels)

    def combine(self, x_BCHW: Tensor, outputs_BECHW: Tensor, gates_BE: Tensor) -> Tensor:
        """Residual plus gated sum of the experts' outputs, normalised. Any gates may be given, not only the router's."""
        weights_BE111 = gates_BE.to(outputs_BECHW.dtype)[:, :, None, None, None]
        # One expert after the other: the gradient of a sum over E costs 5 % of a training step on a CPU.
        for output_BCHW, weight_B111 in zip(outputs_BECHW.unbind(1), weights_BE111.unbind(1), strict=True):
            x_BCHW = torch.addcmul(x_BCHW, output_BCHW, weight_B111)
        return self.norm(x_BCHW)

    def parts(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """-> each expert's output (B, E, C, H, W) and the gates (B, E)."""
        return torch.stack([expert(x_BCHW) for expert in self.experts], dim=1), self.router(x_BCHW)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.combine(x_BCHW, *self.parts(x_BCHW))


class LightMoE(MoE):
    """The mixture of the report: two experts."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__(channels, hidden, EXPERTS)


class ConvBlock(nn.Sequential):
    """3x3 convolution without bias, BatchNorm, activation."""

    def __init__(self, inputs: int, outputs: int, activation: str) -> None:
        act = nn.GELU() if activation == "gelu" else nn.ReLU()
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), act)


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
        return self.classifier(self.features(x_B3HW))

    def features(self, x_B3HW: Tensor) -> Tensor:
        """-> (B, 1024), what the classifier makes the logits of. Raises as `forward` does."""
        self._check(x_B3HW)
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
        return list(self._layers())

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

    @torch.no_grad()
    def _layers(self) -> Iterator[LayerRow]:
        was_training = self.training
        self.eval()
        weight = next(self.parameters())
        x = torch.zeros(1, 3, 32, 32, device=weight.device, dtype=weight.dtype)
        for part in ("stem", "block1", "block2", "block3", "classifier"):
            for module in self.get_submodule(part).children():
                x = module(x)
                count = sum(p.numel() for p in module.parameters())
                yield LayerRow(part, _describe(module), " x ".join(str(n) for n in x.shape[1:]), count)
        self.train(was_training)


@lru_cache(maxsize=64)
def parameters(config: ModelConfig) -> int:
    """How many a network of these settings has; nothing is computed for it."""
    with torch.device("meta"):
        return sum(p.numel() for p in DiCLAM(config).parameters())


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


def _ends(gates_BE: Tensor) -> Tensor:
    """-> (B, E, E): in turn each expert's gate at 1 and the others' at 0."""
    return torch.eye(gates_BE.shape[1], device=gates_BE.device, dtype=gates_BE.dtype).expand(len(gates_BE), -1, -1)
