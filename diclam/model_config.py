"""Which network: the settings of `diclam.model.DiCLAM`, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from diclam.errors import ConfigError

CHOICES: dict[str, tuple[str, ...]] = {"blocks": ("light", "full"), "activation": ("relu", "gelu", "silu")}
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
    """'relu', 'gelu' or 'silu' after each 3x3 convolution. SiLU starts close to GELU here, on inputs 1.7 times as
    large, and takes little more than half of GELU's time on a CPU."""
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
