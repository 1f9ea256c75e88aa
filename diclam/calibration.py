"""How far a probability can be believed: one temperature for all logits, and how often answers were right.

A trained network may be surer than it is right, or, taught with smoothed labels, less sure. Dividing its logits by one
number, the temperature, changes no answer and makes the probabilities fit (Guo et al. 2017, "On Calibration of Modern Neural
Networks"). It is fitted on pictures that the network did not learn from and that are no test pictures.
`diclam.predict.probabilities_of` is the one place that divides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from diclam import checkpoint
from diclam.augment import normalize
from diclam.errors import CheckpointError
from diclam.files import replacing
from diclam.model import DiCLAM
from diclam.predict import answering, probabilities_of

TABLE = "calibration.json"
BINS = 15
"""Equal ranges of the probability, as Guo et al. have them."""
ENOUGH = 30
"""Pictures that a share is told of at least."""
REACH = 1
"""Ranges on each side that a range with fewer is joined with."""
BOUNDS = 0.05, 20.0
"""Between which a temperature is looked for."""
NOT_CALIBRATED = (
    "These percentages are not calibrated: how often an answer of, say, 70 % is right was not measured for this model."
)


@dataclass(frozen=True, eq=False)
class Share:
    """The pictures whose answer came with a probability in some range."""

    low: float
    high: float
    """Ends of the range."""
    pictures: int
    said: float
    """Mean probability of their answers."""
    right: int


@dataclass(frozen=True, eq=False)
class Reliability:
    """The probabilities of the answers to many pictures, in 15 equal ranges, beside how often they are right."""

    pictures: np.ndarray
    """(15,) int64"""
    said: np.ndarray
    """(15,) float64: the probabilities of their answers added up; so many would be right if each meant what it says."""
    right: np.ndarray
    """(15,) int64"""
    nll: float
    """Mean negative logarithm of the real class's probability, in nats."""

    @property
    def ece(self) -> float:
        """Expected calibration error, fraction of 1: how far shares and probabilities lie apart, by pictures."""
        return float(np.abs(self.right - self.said).sum() / self.pictures.sum())

    def near(self, probability: float) -> Share | None:
        """The range that a probability falls in, joined with its neighbours when too few pictures are in it; None when there
        are too few in these, too."""
        own = int(_bins(np.array([probability]))[0])
        for reach in range(REACH + 1):
            first, last = max(0, own - reach), min(BINS - 1, own + reach)
            joined = slice(first, last + 1)
            if (count := int(self.pictures[joined].sum())) >= ENOUGH:
                said = float(self.said[joined].sum()) / count
                return Share(first / BINS, (last + 1) / BINS, count, said, int(self.right[joined].sum()))
        return None

    def to_json(self) -> dict[str, Any]:
        columns = {name: getattr(self, name).tolist() for name in ("pictures", "said", "right")}
        return {"ece": self.ece, "nll": self.nll, **columns}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Reliability:
        """Raises KeyError, TypeError or ValueError for what `to_json` did not write."""
        pictures, right = (np.array(content[name], np.int64) for name in ("pictures", "right"))
        said, nll = np.array(content["said"], np.float64), float(content["nll"])
        if any(column.shape != (BINS,) for column in (pictures, said, right)) or not np.isfinite(nll):
            raise ValueError(f"expected {BINS} ranges and a number")
        inside = (right >= 0) & (right <= pictures) & (said >= 0) & (said <= pictures + 1e-6)
        if not inside.all() or not pictures.sum():
            raise ValueError("counts that cannot be")
        return cls(pictures, said, right, nll)


@dataclass(frozen=True, eq=False)
class Calibration:
    """A temperature, and what it does. Belongs to the weights of a model."""

    temperature: float
    """What its logits are divided by."""
    source: str
    """In words: the pictures that it was fitted on, which both tables are about."""
    before: Reliability
    after: Reliability
    checked_on_test: tuple[Reliability, Reliability] | None = None
    """The same two, of this model on the test pictures, looked at once; None when that was not done."""

    def save(self, folder: Path) -> None:
        """Writes calibration.json beside the weights of a checkpoint, with their digest."""
        checked = self.checked_on_test
        content = {
            "weights_sha256": checkpoint.digest(folder),
            "temperature": self.temperature,
            "source": self.source,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "checked_on_test": {"before": checked[0].to_json(), "after": checked[1].to_json()} if checked else None,
        }
        with replacing(folder / TABLE) as path:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Calibration | None:
        """None when a checkpoint has none. Raises CheckpointError when it is damaged, or was made of other weights."""
        if not (folder / TABLE).exists():
            return None
        advice = f"Delete it, or make it with `python -m benchmarks.calibrate TWIN {folder}`."
        try:
            content = json.loads((folder / TABLE).read_text(encoding="utf-8"))
            checked = content["checked_on_test"]
            found = cls(
                temperature=float(content["temperature"]),
                source=str(content["source"]),
                before=Reliability.from_json(content["before"]),
                after=Reliability.from_json(content["after"]),
                checked_on_test=_pair(checked) if checked is not None else None,
            )
            if not BOUNDS[0] <= found.temperature <= BOUNDS[1]:
                raise ValueError(f"a temperature of {found.temperature:g}")
            of_these_weights = content["weights_sha256"] == checkpoint.digest(folder)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{folder / TABLE} is damaged ({error}). {advice}") from error
        if not of_these_weights:
            raise CheckpointError(f"{folder / TABLE} was made of other weights than those beside it. {advice}")
        return found


def load_model(folder: Path, device: str | torch.device = "cpu") -> DiCLAM:
    """The model of a folder, as `checkpoint.load` gives it, with its temperature where it has one. Raises CheckpointError,
    for a damaged calibration, too."""
    model, found = checkpoint.load(folder, device), Calibration.load(folder)
    model.temperature = found.temperature if found else None
    return model


def logits_of(model: DiCLAM, images_N3HW: Tensor, batch_size: int = 250) -> Tensor:
    """Byte pictures -> (N, 10) float32 on the CPU. The model's mode is left as it was."""
    device = next(model.parameters()).device
    with answering(model):
        batches = (
            model(normalize(images.to(device)).contiguous(memory_format=torch.channels_last))
            for images in images_N3HW.split(batch_size)
        )
        return torch.cat([logits_BK.float().cpu() for logits_BK in batches])


def fit(logits_NK: Tensor, labels_N: Tensor, source: str) -> Calibration | None:
    """The temperature under which the real classes are likeliest. `source` says which pictures these are. None when a logit
    is no number."""
    if not logits_NK.isfinite().all():
        return None
    temperature = fit_temperature(logits_NK, labels_N)
    before, after = (reliability(logits_NK, labels_N, each) for each in (None, temperature))
    return Calibration(temperature, source, before, after)


def fit_temperature(logits_NK: Tensor, labels_N: Tensor) -> float:
    """Minimises the mean negative log-likelihood, which has one minimum, over the logarithm of the temperature."""
    exact_NK, labels_N = logits_NK.double(), labels_N.long()

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(exact_NK / np.exp(log_temperature), labels_N))

    found = minimize_scalar(loss, bounds=tuple(np.log(BOUNDS)), method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))  # pyright: ignore[reportAttributeAccessIssue]


def reliability(logits_NK: Tensor, labels_N: Tensor, temperature: float | None) -> Reliability:
    """What the answers that these logits give at a temperature say, and how often they are right."""
    table_NK, true = probabilities_of(logits_NK, temperature), labels_N.cpu().numpy()
    said, right = table_NK.max(1), table_NK.argmax(1) == true
    bins, real = _bins(said), table_NK[np.arange(len(true)), true]
    return Reliability(
        pictures=np.bincount(bins, minlength=BINS),
        said=np.bincount(bins, said, BINS),
        right=np.bincount(bins, right, BINS).astype(np.int64),
        nll=float(-np.log(np.maximum(real, np.finfo(float).tiny)).mean()),
    )


def _pair(content: dict[str, Any]) -> tuple[Reliability, Reliability]:
    return Reliability.from_json(content["before"]), Reliability.from_json(content["after"])


def _bins(probabilities: np.ndarray) -> np.ndarray:
    """Number of the range of each; an end belongs to the range below it."""
    return (np.ceil(probabilities * BINS).astype(np.int64) - 1).clip(0, BINS - 1)
