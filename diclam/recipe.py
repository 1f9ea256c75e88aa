"""How a network is trained: `TrainConfig`, the named recipes, and the optimizer and schedule they stand for."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch
from torch import nn

from diclam.errors import ConfigError
from diclam.model import DiCLAM, ModelConfig

MIN_BUDGET = 1.0
MAX_BUDGET = 86_400.0


def _number(name: str, value: Any, low: float, high: float, unit: str = "") -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}{' ' + unit if unit else ''}; got {value!r}.")
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low:,} to {high:,}; got {value!r}.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Every setting of a training run. The defaults are the recipe `report`: what the report states (AdamW, OneCycleLR,
    cross-entropy, gradient clipping, random flip, random crop, normalisation, dropout, validation after every three
    epochs on 10,000 held-out pictures) with values of ours where it gives none."""

    recipe: str = "report"
    """Name of the recipe that these settings started from."""
    budget: float = 600.0
    """Time limit in seconds, 1 to 86,400. It covers everything from the first batch to the final weights, validations
    included; fetching the data set and the final test come on top."""
    epochs: float | None = None
    """Stop after this many passes over the training pictures. When it is set, learning rate and validations follow the
    steps instead of the clock, which makes a run repeatable; the time limit still ends it."""
    seed: int = 0
    """Seed of the first weights, the order of the pictures and their augmentation; 0 or more."""
    batch_size: int = 128
    """Pictures in one step, 1 to 4096."""
    learning_rate: float = 2e-3
    """Highest learning rate of the one-cycle schedule; above 0."""
    weight_decay: float = 0.05
    """AdamW's decoupled weight decay of the convolution and linear weights (not of biases and BatchNorm); 0 or more."""
    warmup: float = 0.25
    """Fraction of the budget in which the learning rate rises to its highest; between 0 and 1."""
    label_smoothing: float = 0.0
    """Share of the target that is spread evenly over all classes, 0 to 1 (exclusive)."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient over all weights; longer ones are scaled down. Above 0."""
    flip: bool = True
    """Mirror each training picture with a chance of one half."""
    crop_padding: int = 4
    """Pixels of padding on each side before a random 32 x 32 window is cut, 0 to 16; 0 cuts nothing."""
    crop_mode: str = "reflect"
    """What the padding is filled with: 'reflect' (the mirrored border) or 'zero' (black)."""
    cutout: int = 0
    """Side of a random square that is blanked in each training picture, 0 to 32 pixels; 0 blanks nothing."""
    holdout: int = 10_000
    """Training pictures that are kept for validation, the same share of each class. 0 trains on all of them, validates
    nothing and keeps the last weights."""
    validate_epochs: float = 3.0
    """Validate at the latest after this many epochs; a fifth of the budget comes first in short runs. Above 0."""
    patience: int = 10
    """Stop as converged when this many validations in a row improved neither accuracy nor loss; 1 or more."""
    device: str = "auto"
    """'auto' (CUDA, then Apple's MPS, then CPU) or a torch device such as 'cpu' or 'cuda:1'."""
    precision: str = "auto"
    """'float32', 'bfloat16' (autocast), or 'auto': a short timing decides, since bfloat16 without hardware for it is many
    times slower."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """What the network leaves open."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "budget", _number("budget", self.budget, MIN_BUDGET, MAX_BUDGET, "seconds"))
        if self.epochs is not None:
            _number("epochs", self.epochs, 1e-6, 1e6)
        _whole("seed", self.seed, 0, 2**63 - 1)
        _whole("batch_size", self.batch_size, 1, 4096)
        _number("learning_rate", self.learning_rate, 1e-9, 10)
        _number("weight_decay", self.weight_decay, 0, 10)
        _number("warmup", self.warmup, 0.001, 0.999)
        _number("label_smoothing", self.label_smoothing, 0, 0.999)
        _number("gradient_clip", self.gradient_clip, 1e-9, 1e9)
        _whole("crop_padding", self.crop_padding, 0, 16)
        _whole("cutout", self.cutout, 0, 32)
        _whole("holdout", self.holdout, 0, 49_990)
        _number("validate_epochs", self.validate_epochs, 1e-6, 1e6)
        _whole("patience", self.patience, 1, 1_000_000)
        if self.crop_mode not in ("reflect", "zero"):
            raise ConfigError(f"crop_mode must be 'reflect' or 'zero'; got {self.crop_mode!r}.")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ConfigError(f"precision must be 'auto', 'float32' or 'bfloat16'; got {self.precision!r}.")
        if not isinstance(self.flip, bool):
            raise ConfigError(f"flip must be true or false; got {self.flip!r}.")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """Raises ConfigError for an unknown or impossible setting."""
        values = dict(values)
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"Unknown settings: {', '.join(unknown)}. See `python -m diclam train --help`.")
        if isinstance(values.get("model"), dict):
            values["model"] = ModelConfig.from_dict(values["model"])
        return cls(**values)


RECIPES: dict[str, TrainConfig] = {"report": TrainConfig()}


def config(recipe: str, **changes: Any) -> TrainConfig:
    """The named recipe with some settings changed. Raises ConfigError for an unknown recipe or setting."""
    if recipe not in RECIPES:
        raise ConfigError(f"Unknown recipe {recipe!r}; there are: {', '.join(RECIPES)}.")
    return TrainConfig.from_dict(RECIPES[recipe].to_dict() | changes)


def with_model(train_config: TrainConfig, **changes: Any) -> TrainConfig:
    """The same settings with a changed network. Raises ConfigError as `ModelConfig` does."""
    return replace(train_config, model=ModelConfig.from_dict(train_config.model.to_dict() | changes))


def build_model(train_config: TrainConfig) -> DiCLAM:
    """A fresh network whose first weights follow from the seed alone; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(train_config.seed)
        return DiCLAM(train_config.model)


def build_optimizer(model: nn.Module, train_config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); one-dimensional weights, that is biases and BatchNorm, do not decay."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": train_config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=train_config.learning_rate, fused=True)


def one_cycle(fraction: float, warmup: float) -> tuple[float, float]:
    """The shape of torch's OneCycleLR with its default settings (Smith and Topin 2018), over a fraction 0..1 of the budget
    instead of a number of steps that nobody knows beforehand.

    Returns the learning rate as a fraction of the highest (from 1/25, up to 1 at `warmup`, down to 1/250,000, both ways
    along a cosine) and the momentum (AdamW's first beta; from 0.95 down to 0.85 and back).
    """
    fraction = min(max(fraction, 0.0), 1.0)
    if fraction < warmup:
        part = fraction / warmup
        return _cosine(1 / 25, 1.0, part), _cosine(0.95, 0.85, part)
    part = (fraction - warmup) / (1 - warmup)
    return _cosine(1.0, 1 / 25 / 1e4, part), _cosine(0.85, 0.95, part)


def field_docs(cls: type) -> dict[str, str]:
    """The doc string below each field of a dataclass, by name: the one text for help of flags and forms."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=text)):
                docs[name] = " ".join(str(text).split())
    return docs


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
