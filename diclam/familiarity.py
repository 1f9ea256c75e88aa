"""Whether a picture looks like anything the network was trained on.

A classifier names one of its classes whatever it is shown. What it computes on the way tells more: pictures of the ten
classes lie close together in the space of its features, noise, writing and most other things further away. The score is the
cosine between the features of a picture and those of the twentieth most similar of 1,900 training pictures (Sun et al. 2022,
"Out-of-Distribution Detection with Deep Nearest Neighbors"). A picture below the threshold, which 95 % of held-out pictures
pass, is called unlike all of them. `benchmarks/familiarity.py` sets the threshold and measures how often that is right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from diclam.checkpoint import digest
from diclam.errors import CheckpointError
from diclam.files import replacing

TABLE = "familiarity.json"
BANK = "familiarity.safetensors"
NEIGHBOURS = 20
"""Which one counts: the most similar ones may be odd themselves."""
CHANNELS = 256
"""Length of a direction: the channels of the last convolution."""


@dataclass(frozen=True)
class Familiar:
    """How much one picture looks like the training pictures."""

    score: float
    """At most 1; the higher, the more alike."""
    threshold: float
    false_alarms: float
    """Share of pictures of the ten classes, never trained on, that lie below the threshold all the same; a fraction of 1."""

    @property
    def in_distribution(self) -> bool:
        """Whether the picture looks like those the network was trained on."""
        return self.score >= self.threshold

    def to_json(self) -> dict[str, Any]:
        return {"score": self.score, "threshold": self.threshold, "false_alarms": self.false_alarms}


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What a model's pictures are compared with. Belongs to its weights: features of other ones mean something else."""

    bank_NC: Tensor
    """(N, 256) float32, the directions of N training pictures, on the CPU."""
    threshold: float
    false_alarms: float
    """See `Familiar`."""
    source: str
    """In words: which pictures threshold and false alarms were measured on."""

    def scores(self, features_BF: Tensor) -> Tensor:
        """What the classifier is given, `diclam.model.Trace.features_BF` -> (B,) float32 on the CPU."""
        return similarity(directions(features_BF), self.bank_NC)

    def of(self, features_F: Tensor) -> Familiar:
        """One picture's."""
        return Familiar(float(self.scores(features_F[None])[0]), self.threshold, self.false_alarms)

    def save(self, folder: Path) -> None:
        """Writes familiarity.safetensors, a megabyte, and familiarity.json beside the weights of a checkpoint, with
        their digest."""
        with replacing(folder / BANK) as path:
            save_file({"bank": self.bank_NC.half().contiguous()}, path)
        content = {
            "weights_sha256": digest(folder),
            "threshold": self.threshold,
            "false_alarms": self.false_alarms,
            "source": self.source,
        }
        with replacing(folder / TABLE) as path:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Familiarity | None:
        """None when a checkpoint has none. Raises CheckpointError when it is damaged, or was made of other weights."""
        if not (folder / TABLE).exists():
            return None
        advice = f"Delete it, or make it with `python -m benchmarks.familiarity TWIN {folder}`."
        try:
            content = json.loads((folder / TABLE).read_text(encoding="utf-8"))
            bank_NC = load_file(folder / BANK)["bank"].float()
            numbers = [float(content[name]) for name in ("threshold", "false_alarms")]
            found = cls(bank_NC, *numbers, source=str(content["source"]))
            of_these_weights = content["weights_sha256"] == digest(folder)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise CheckpointError(f"{folder / TABLE}, or what lies beside it, is damaged ({error}). {advice}") from error
        if bank_NC.dim() != 2 or bank_NC.shape[1] != CHANNELS or len(bank_NC) < NEIGHBOURS:
            raise CheckpointError(f"{folder / BANK} is damaged (a shape of {tuple(bank_NC.shape)}). {advice}")
        if not all(0 <= number <= 1 for number in numbers):
            raise CheckpointError(f"{folder / TABLE} is damaged (numbers outside 0 to 1). {advice}")
        if not of_these_weights:
            raise CheckpointError(f"{folder / TABLE} was made of other weights than those beside it. {advice}")
        return found


def directions(features_BF: Tensor) -> Tensor:
    """Features (B, 1024), 256 channels of 2 x 2 -> (B, 256) float32 on the CPU: the mean of each channel, each row scaled to
    length 1, as how strong features are says more of contrast than of what is seen."""
    means_BC = features_BF.detach().float().cpu().unflatten(1, (CHANNELS, -1)).mean(2)
    return F.normalize(means_BC, dim=1)


def similarity(directions_BC: Tensor, bank_NC: Tensor) -> Tensor:
    """-> (B,): the cosine to the twentieth most similar row of the bank."""
    return torch.topk(directions_BC @ bank_NC.T, NEIGHBOURS, dim=1).values[:, -1]
