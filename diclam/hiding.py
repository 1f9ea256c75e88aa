"""What changes in the answer when parts of the picture are hidden: the map of occlusion, and the test by deletion.

Hidden is grey, the mean colour of the training set, which reaches the network as zero. Both ask the whole network about
changed pictures, so they say what matters to the answer, where attention says only what was mixed. Neither is the last
word: a picture with holes is unlike anything the network was trained on, and holes alone can change its mind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diclam.data import CLASSES
from diclam.errors import ConfigError
from diclam.model import DiCLAM
from diclam.predict import SIDE, answering, network_input, probabilities_of

PATCH = 4
"""Side of the patches of the occlusion map, in pixels."""
HIDDEN = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
"""Fractions of the picture that the deletion test hides, one after the other: dense where the cells that rank highest go."""
DRAWS = 5
BATCH = 32
"""Pictures at a time: small enough for their activations to stay in a processor's cache."""


@dataclass(frozen=True, eq=False)
class Occlusion:
    """The answer's probability with one patch hidden at a time."""

    answer: int
    """Number of the class that the network says for the whole picture."""
    whole: float
    """Its probability then."""
    hidden: np.ndarray
    """(8, 8) float64: its probability with this patch of 4 x 4 pixels hidden."""

    @property
    def changes(self) -> np.ndarray:
        """(8, 8): the change when the patch is hidden; below 0 where it spoke for the answer."""
        return self.hidden - self.whole

    def to_json(self) -> dict[str, Any]:
        return {"answer": CLASSES[self.answer], "probability": self.whole, "changes": self.changes.tolist()}


@dataclass(frozen=True, eq=False)
class Deletion:
    """The answer's probability while more and more of the picture is hidden, in the order of a map and in others.

    Two kinds of orders are there to compare with. Random cells are the plain one, but they lie scattered, and scattered
    holes hurt a convolutional network more than the same number in one place, wherever that is. The moved map, mirrored and
    shifted at random, hides cells that lie together just as the map's own do, only elsewhere.
    """

    answer: int
    """Number of the class that the network says for the whole picture."""
    fractions: np.ndarray
    """(steps,) float64, ascending from 0 to 1: how much of the picture is hidden."""
    ranked: np.ndarray
    """(steps,) float64: the answer's probability when the cells that rank highest go first."""
    random: np.ndarray
    """(draws, steps): when random cells go first."""
    moved: np.ndarray
    """(draws, steps): when the cells that rank highest on the moved map go first."""

    def area(self, others: np.ndarray) -> float:
        """Mean height of the other curves (draws, steps) over the map's own, in probability. Above 0 when hiding what the
        map ranks highest hurts the answer more."""
        over = others.mean(0) - self.ranked
        return float(((over[1:] + over[:-1]) / 2 * np.diff(self.fractions)).sum())

    def to_json(self) -> dict[str, Any]:
        return {
            "answer": CLASSES[self.answer],
            "hidden": self.fractions.tolist(),
            "ranked": self.ranked.tolist(),
            "random": self.random.tolist(),
            "moved": self.moved.tolist(),
            "area_to_random": self.area(self.random),
            "area_to_moved": self.area(self.moved),
        }


def occlude(model: DiCLAM, pixels_3HW: Tensor) -> Occlusion:
    """Hides each patch of one picture, (3, 32, 32) uint8, in turn. The model's mode is left as it was. Raises PictureError
    for another shape or type."""
    count = SIDE // PATCH
    seen_PHW = 1 - torch.eye(count * count).view(-1, count, count)
    whole = torch.ones(1, count, count)
    table, answer = _probabilities(model, pixels_3HW, torch.cat([whole, seen_PHW]))
    return Occlusion(answer, float(table[0]), table[1:].reshape(count, count))


def delete(model: DiCLAM, pixels_3HW: Tensor, importance: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> Deletion:
    """Hides one picture, (3, 32, 32) uint8, step by step in the order of `importance`, a square map of one number a cell,
    such as `Explanation.received`.

    That one, the mean over heads and queries, because the answer is one for the whole picture: a single query says what one
    position took, and most positions say nothing about the answer. The same seed gives the same other orders. The model's
    mode is left as it was. Raises ConfigError when the map does not divide the picture, PictureError for a wrong picture.
    """
    side = len(importance)
    if importance.shape != (side, side) or not side or SIDE % side:
        raise ConfigError(f"Expected a square map whose side divides {SIDE}; got one of {importance.shape}.")
    dice = np.random.default_rng(seed)
    maps = [importance]
    maps += [dice.random(importance.shape) for _ in range(draws)]
    maps += [_moved(importance, dice) for _ in range(draws)]
    rank_OC = torch.from_numpy(np.stack([_ranks(values) for values in maps]))
    hidden_S = torch.tensor([round(fraction * side * side) for fraction in HIDDEN[1:-1]])
    seen_OSC = (rank_OC[:, None] >= hidden_S[:, None]).float()
    ends = torch.stack([torch.ones(side, side), torch.zeros(side, side)])
    table, answer = _probabilities(model, pixels_3HW, torch.cat([ends, seen_OSC.view(-1, side, side)]))
    curves = np.empty((len(maps), len(HIDDEN)))
    curves[:, 0], curves[:, -1] = table[:2]
    curves[:, 1:-1] = table[2:].reshape(len(maps), -1)
    ranked, random, moved = np.split(curves, [1, 1 + draws])
    return Deletion(answer, np.array(HIDDEN), ranked[0], random, moved)


def _ranks(importance: np.ndarray) -> np.ndarray:
    """A map -> the rank of each cell, row by row: 0 for the highest."""
    return (-importance).ravel().argsort(kind="stable").argsort(kind="stable")


def _moved(importance: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Mirrored along either axis or not, then shifted; what leaves on one side comes back on the other."""
    mirrored = importance[:: dice.choice([1, -1]), :: dice.choice([1, -1])]
    shift = dice.integers(0, len(importance), 2)
    return np.roll(mirrored, tuple(int(n) for n in shift), axis=(0, 1))


def _probabilities(model: DiCLAM, pixels_3HW: Tensor, seen_PHW: Tensor) -> tuple[np.ndarray, int]:
    """Masks of cells, 1 seen and 0 hidden, the first one all 1 -> the answer's probability under each mask, (P,) float64,
    and the number of the answer's class."""
    x_1CHW = network_input(model, pixels_3HW)
    scale = SIDE // seen_PHW.shape[-1]
    with answering(model):
        logits = []
        for seen_BHW in seen_PHW.to(x_1CHW.device).split(BATCH):
            seen_B1HW = F.interpolate(seen_BHW[:, None], scale_factor=scale, mode="nearest")
            logits.append(model((x_1CHW * seen_B1HW).contiguous(memory_format=torch.channels_last)))
        logits_PK = torch.cat(logits)
    answer = int(logits_PK[0].argmax())
    return probabilities_of(logits_PK, model.temperature)[:, answer], answer
