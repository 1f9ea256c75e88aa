"""How a network is trained: `TrainConfig`, its ranges, and the one text for help of flags and forms."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from diclam.errors import ConfigError
from diclam.model_config import ModelConfig

FIRST_SIDE = 16
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


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > 4096:
        raise ConfigError(f"{name} must be a text; got {value!r}.")


def _choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    # True == 1, so the type counts as well.
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        raise ConfigError(f"{name} must be {' or '.join(map(repr, choices))}; got {value!r}.")


CHOICES: dict[str, tuple[Any, ...]] = {
    "optimizer": ("adamw", "muon"),
    "schedule": ("one-cycle", "linear"),
    "whiten": (False, True),
    "dirac": (False, True),
    "flip": ("random", "alternating", "none"),
    "crop_mode": ("reflect", "zero"),
    "early_side": (16, 24, 32),
    "precision": ("auto", "float32", "bfloat16"),
    "compile": ("auto", "yes", "no"),
}
"""The settings that are one of a few values, and which."""


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
    """Stop after as many pictures as this many passes over the training set have. When it is set, learning rate and
    validations follow the steps instead of the clock, which makes a run repeatable; the time limit still ends it."""
    seed: int = 0
    """Seed of the first weights, the order of the pictures and their augmentation; 0 or more."""
    batch_size: int = 128
    """Pictures in one step, 1 to 4096."""
    optimizer: str = "adamw"
    """'adamw' for all weights, or 'muon': Muon for the convolution filters and AdamW for the rest."""
    learning_rate: float = 2e-3
    """AdamW's highest learning rate; above 0."""
    weight_decay: float = 0.05
    """AdamW's decoupled weight decay of the convolution and linear weights (not of biases and BatchNorm); 0 or more."""
    muon_learning_rate: float = 0.085
    """Muon's highest learning rate, for filters of mean norm 1; above 0. Only with 'muon'. Where it is not set, 'fast' takes
    0.12 in runs of up to a minute, less in longer ones, and 0.0848 from ten minutes on, or when epochs are given."""
    muon_momentum: float = 0.6
    """Muon's Nesterov momentum, 0 to 1 (exclusive). Only with 'muon'."""
    schedule: str = "one-cycle"
    """How learning rates follow the budget: 'one-cycle' (cosine up and down) or 'linear' (straight up and down to 0)."""
    warmup: float = 0.25
    """Fraction of the budget in which the learning rate rises to its highest; between 0 and 1."""
    start_from: str = ""
    """A trained model whose weights are the first ones: a run's folder or name, or 'bundled'; random ones when empty. The
    held-out accuracy is a fair one only if that model was not trained on the held-out pictures either."""
    whiten: bool = False
    """Start the first convolution as whitening filters made of the training pictures, and leave it so."""
    dirac: bool = False
    """Start the other 3x3 convolutions close to passing their input on unchanged."""
    head_scale: float = 1.0
    """Scale of the last layer's first weights and steps, above 0; below 1 the answers start less sure."""
    norm_momentum: float = 0.1
    """Weight of the newest batch in BatchNorm's moving averages, above 0 to 1; short runs need a larger one."""
    label_smoothing: float = 0.0
    """Share of the target that is spread evenly over all classes, 0 to 1 (exclusive)."""
    teacher: str = ""
    """A trained model from whose answers the network learns as well (Hinton et al. 2015): a run's folder or name, or
    'bundled'; none when empty. It answers each picture and its mirror image once, within the time limit, so with random
    crops the answer is that to the picture before it was shifted; with cutout it answers each picture as it was changed,
    each time. The held-out accuracy is fair only when the teacher has not learned from the held-out pictures either."""
    teacher_weight: float = 0.9
    """Weight of the teacher's answers in the loss, 0 to 1; the labels have the rest. Only with a teacher. This and the
    temperature are what Zagoruyko and Komodakis (2017) took on CIFAR-10, and not tuned here."""
    teacher_temperature: float = 4.0
    """Temperature that softens the answers of both networks before they are compared, 0.1 to 100; the higher it is, the more
    counts what the teacher says of the less probable classes. Only with a teacher."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient over all weights; longer ones are scaled down. Above 0."""
    weight_average: float = 0.0
    """What the moving average of the weights, kept in place of the last ones, keeps of itself in a step (it begins when 0.6
    of the run is over, and looks back over a twentieth of the steps at the most), 0 to 0.9999; 0 averages nothing."""
    flip: str = "random"
    """Mirror each training picture: 'random' (with a chance of one half), 'alternating' (every other time that it is
    seen) or 'none'."""
    crop_padding: int = 4
    """Pixels of padding on each side before a random 32 x 32 window is cut, 0 to 16; 0 cuts nothing."""
    crop_mode: str = "reflect"
    """What the padding is filled with: 'reflect' (the mirrored border) or 'zero' (black)."""
    cutout: int = 0
    """Side of a random square that is blanked in each training picture, 0 to 32 pixels; 0 blanks nothing."""
    skip_easy: float = 0.0
    """Share of the pictures seen in the epoch before that the next one leaves out, those that were answered best, from the
    second epoch on; 0 to 0.9. They come back in the epoch after it, so an epoch that leaves pictures out is shorter. Where
    it is not set, 'fast' takes 0.5 in runs of up to 200 s, more in longer ones, and 0.7 from ten minutes on, or when epochs
    are given."""
    early_side: int = 32
    """Side in pixels of the training pictures in the early part of the run, 16, 24 or 32; smaller ones are learnt faster."""
    early_part: float = 0.0
    """Fraction of the budget that is the early part, 0 to 1. Where it is not set, 'fast' takes 0.5 in runs of up to 200 s,
    less in longer ones, and 0.35 from ten minutes on, or when epochs are given."""
    first_part: float = 0.0
    """Fraction of the budget in which the pictures are smaller still, 16 pixels, 0 to 1: what is learnt first is coarse.
    Where it is not set, 'fast' takes 0.15 in runs of up to a minute, less in longer ones, and none from 200 s on, or when
    epochs are given."""
    freeze_stem: float = 1.0
    """Fraction of the run after which the stem, the first two convolutions, stays as it is, 0 to 1; 1 trains it to the end.
    It settles before the other layers do, and steps without its gradients are a fifth less arithmetic. Several processes
    and compiled steps make them nevertheless, and do not use them."""
    holdout: int = 10_000
    """Training pictures that are kept for validation, the same share of each class. 0 trains on all of them, validates
    nothing and keeps the last weights."""
    train_share: float = 1.0
    """Share of the other training pictures that the network learns from, the same of each class, 0.001 to 1. An epoch is one
    pass over these."""
    validate_epochs: float = 3.0
    """Validate at the latest after this many epochs; a fifth of the budget comes first in short runs. Above 0."""
    patience: int = 10
    """Stop as converged when this many validations in a row improved neither accuracy nor loss; 0 never does."""
    device: str = "auto"
    """'auto' (CUDA, then Apple's MPS, then CPU) or a torch device such as 'cpu' or 'cuda:1'."""
    precision: str = "auto"
    """'float32', 'bfloat16' (autocast), or 'auto': a short timing decides, since bfloat16 without hardware for it is many
    times slower."""
    compile: str = "auto"
    """Whether torch.compile makes the training steps: 'yes', 'no', or 'auto': on a CUDA GPU with three minutes to go. It
    takes up to a minute of the time limit, and is not used where it turns out not to be faster. Only in one process."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """What the network leaves open."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "budget", _number("budget", self.budget, MIN_BUDGET, MAX_BUDGET, "seconds"))
        if self.epochs is not None:
            _number("epochs", self.epochs, 1e-6, 1e6)
        _whole("seed", self.seed, 0, 2**63 - 1)
        _text("recipe", self.recipe)
        _text("start_from", self.start_from)
        _whole("batch_size", self.batch_size, 1, 4096)
        _number("learning_rate", self.learning_rate, 1e-9, 10)
        _number("weight_decay", self.weight_decay, 0, 10)
        _number("muon_learning_rate", self.muon_learning_rate, 1e-9, 10)
        _number("muon_momentum", self.muon_momentum, 0, 0.999)
        _number("warmup", self.warmup, 0.001, 0.999)
        _number("head_scale", self.head_scale, 1e-6, 1e6)
        _number("norm_momentum", self.norm_momentum, 1e-6, 1)
        _number("label_smoothing", self.label_smoothing, 0, 0.999)
        _text("teacher", self.teacher)
        _number("teacher_weight", self.teacher_weight, 0, 1)
        _number("teacher_temperature", self.teacher_temperature, 0.1, 100)
        _number("gradient_clip", self.gradient_clip, 1e-9, 1e9)
        _number("weight_average", self.weight_average, 0, 0.9999)
        _whole("crop_padding", self.crop_padding, 0, 16)
        _whole("cutout", self.cutout, 0, 32)
        _number("skip_easy", self.skip_easy, 0, 0.9)
        _whole("holdout", self.holdout, 0, 49_990)
        _number("train_share", self.train_share, 0.001, 1)
        _number("validate_epochs", self.validate_epochs, 1e-6, 1e6)
        _whole("patience", self.patience, 0, 1_000_000)
        _number("early_part", self.early_part, 0, 1)
        _number("first_part", self.first_part, 0, 1)
        _number("freeze_stem", self.freeze_stem, 0, 1)
        for name, choices in CHOICES.items():
            _choice(name, getattr(self, name), choices)
        if not isinstance(self.model, ModelConfig):
            raise ConfigError(f"model must be the settings of a network; got {self.model!r}.")

    def side(self, fraction: float, whole: int) -> int:
        """Of the training pictures when so much of the run is over; they are `whole` pixels by themselves."""
        if fraction < self.first_part:
            return FIRST_SIDE
        return self.early_side if fraction < self.early_part else whole

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
