"""From expert 1 alone, over what the network chose, to expert 2 alone: one slider through all mixtures of two experts.

In the middle stand the network's own gates for the picture, at the ends one expert has all the weight, and between them the
gates move in equal steps. Every picture has its own middle, so on a data set the middle is the network as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diclam.augment import normalize
from diclam.blocks import EXPERTS
from diclam.checkpoint import digest
from diclam.data import CLASSES
from diclam.errors import CheckpointError
from diclam.files import replacing
from diclam.model import DiCLAM, Trace
from diclam.predict import answering, network_input, probabilities_of

TABLE = "fader.json"
STEPS = 10
"""Steps on each side of the middle."""
POSITIONS = 2 * STEPS + 1
WHAT = "The slider between two experts"


@dataclass(frozen=True, eq=False)
class Fader:
    """The answers for one picture at every position; position 10 is the network's own."""

    gates: np.ndarray
    """(21, 2) float32, rows sum to 1; from (1, 0) to (0, 1)."""
    logits: np.ndarray
    """(21, 10) float32"""
    temperature: float | None = None
    """The model's, for the probabilities."""

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(21, 10) float64, rows sum to 1."""
        return probabilities_of(torch.from_numpy(self.logits), self.temperature)

    def to_json(self) -> dict[str, Any]:
        return {"gates": self.gates.tolist(), "logits": self.logits.tolist(), "probabilities": self.probabilities.tolist()}


@dataclass(frozen=True, eq=False)
class FaderTable:
    """How many test pictures are answered right at every position."""

    right: np.ndarray
    """(21, 10) counts by real class."""
    pictures: np.ndarray
    """(10,) pictures of each class."""

    @property
    def accuracy(self) -> np.ndarray:
        """(21,), fractions of 1."""
        return self.right.sum(1) / self.pictures.sum()

    @property
    def by_class(self) -> np.ndarray:
        """(21, 10), fractions of each class's pictures; not a number where a class has none."""
        return np.divide(self.right, self.pictures, out=np.full(self.right.shape, np.nan), where=self.pictures > 0)

    def save(self, folder: Path) -> None:
        """Writes fader.json beside the weights of a checkpoint, with their digest."""
        content = {
            "weights_sha256": digest(folder),
            "classes": list(CLASSES),
            "pictures": self.pictures.tolist(),
            "right": self.right.tolist(),
        }
        with replacing(folder / TABLE) as path:
            path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> FaderTable:
        """Raises CheckpointError when a checkpoint has no table, a damaged one, or one that was made of other weights."""
        advice = f"Make it with `python -m benchmarks.fader {folder}`."
        try:
            content = json.loads((folder / TABLE).read_text(encoding="utf-8"))
            table = cls(np.array(content["right"], np.int64), np.array(content["pictures"], np.int64))
            of_these_weights = content["weights_sha256"] == digest(folder)
        except FileNotFoundError as error:
            raise CheckpointError(f"There is no {TABLE} beside weights in {folder}. {advice}") from error
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{folder / TABLE} is damaged ({error}). {advice}") from error
        if table.right.shape != (POSITIONS, len(CLASSES)) or table.pictures.shape != (len(CLASSES),):
            raise CheckpointError(f"{folder / TABLE} is damaged (a shape of {table.right.shape}). {advice}")
        if not of_these_weights:
            raise CheckpointError(f"{folder / TABLE} was made of other weights than those beside it. {advice}")
        return table


def fade(model: DiCLAM, pixels_3HW: Tensor, traced: Trace | None = None) -> Fader:
    """The answers for one picture, (3, 32, 32) uint8; `traced` is the pass for it if it was made already. The model's mode
    is left as it was. Raises PictureError for another shape or type, ConfigError for a network with more than two
    experts."""
    model.require_light(WHAT)
    x_B3HW = network_input(model, pixels_3HW)
    with answering(model):
        logits_BGK, gates_BGE = model.mixtures(x_B3HW, positions, traced)
    return Fader(gates_BGE[0].float().cpu().numpy(), logits_BGK[0].float().cpu().numpy(), model.temperature)


def fade_all(
    model: DiCLAM,
    images_B3HW: Tensor,
    labels_B: Tensor,
    *,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> FaderTable:
    """Answers byte pictures (N, 3, 32, 32) at every position. `progress(done, total)` is called after each batch. The
    model's mode is left as it was. Raises ConfigError for a network with more than two experts."""
    model.require_light(WHAT)
    device = next(model.parameters()).device
    right = torch.zeros(POSITIONS, len(CLASSES), dtype=torch.int64)
    done = 0
    with answering(model):
        for images, labels in zip(images_B3HW.split(batch_size), labels_B.cpu().split(batch_size), strict=True):
            x = normalize(images.to(device)).contiguous(memory_format=torch.channels_last)
            right_BG = model.mixtures(x, positions)[0].argmax(-1).cpu() == labels[:, None]
            right.index_add_(1, labels.long(), right_BG.T.long())
            done += len(images)
            if progress:
                progress(done, len(images_B3HW))
    return FaderTable(right.numpy(), np.bincount(labels_B.cpu().numpy(), minlength=len(CLASSES)))


def positions(gates_BE: Tensor) -> Tensor:
    """A picture's own gates -> the gates at every position, (B, 21, 2), rows sum to 1."""
    ends_EE = torch.eye(EXPERTS, device=gates_BE.device, dtype=gates_BE.dtype)
    share_G1 = torch.linspace(0, 1, STEPS + 1, device=gates_BE.device, dtype=gates_BE.dtype)[:, None]
    own_B1E = gates_BE[:, None]
    up_BGE = torch.lerp(ends_EE[0].expand_as(own_B1E), own_B1E, share_G1)
    down_BGE = torch.lerp(own_B1E, ends_EE[1].expand_as(own_B1E), share_G1[1:])
    return torch.cat([up_BGE, down_BGE], dim=1)
