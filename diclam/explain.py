"""Where attention mixed information and which expert answered, from the very pass that gave the answer.

Attention weights say from which positions a head took information. They do not say why the network answered as it did
(Jain and Wallace 2019): the residual connection carries every position past the attention, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from diclam.familiarity import Familiarity
from diclam.model import DiCLAM, Trace
from diclam.predict import Prediction, prediction_of, trace

EVEN = 128
"""The byte of an even share, that is of the weight 1 / keys."""
STEPS = 16
"""Bytes between a weight and its double."""
SIGHT = 2
"""Positions on each side of a position that it has seen before attention: with its own 2 x 2 pixels, 10 x 10 of them."""
SHOWN = 8.0
"""Drawings reach from 1/8 of an even share to 8 times an even share; what lies outside gets the colour of the end."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One answer and what the network computed on its way to it."""

    prediction: Prediction
    attention: np.ndarray
    """(heads, queries, keys) float32, each row of keys sums to 1; positions row by row over `grid`."""
    grid: tuple[int, int]
    """Rows and columns of positions; (16, 16) for a picture of 32 x 32."""

    def map(self, head: int, query: tuple[int, int]) -> np.ndarray:
        """What one head mixed into the position (row, column) -> `grid` float32, sums to 1."""
        row, column = query
        return self.attention[head, row * self.grid[1] + column].reshape(self.grid)

    @property
    def received(self) -> np.ndarray:
        """How much each position gave to all others -> `grid` float32, sums to 1: the mean over heads and queries."""
        return self.attention.mean(axis=(0, 1)).reshape(self.grid)

    @property
    def mean(self) -> np.ndarray:
        """(queries, keys) float32, rows sum to 1: the mean over the heads."""
        return self.attention.mean(0)

    @property
    def entropy(self) -> np.ndarray:
        """How widely each head spread each query's attention, in bits -> (heads, queries) float64. 0 when all comes from one
        position, `entropy_even` when every position gives the same."""
        return _bits(self.attention)

    @property
    def entropy_of_mean(self) -> np.ndarray:
        """The same of the mean over the heads -> (queries,) float64."""
        return _bits(self.mean)

    @property
    def entropy_even(self) -> float:
        """The entropy of an even share in bits, the most there can be; 8 for 256 positions."""
        return math.log2(self.attention.shape[-1])

    def to_json(self) -> dict[str, Any]:
        """The answer, and the attention as nested lists (heads, queries, keys) to six places."""
        return {
            **self.prediction.to_json(),
            "grid": list(self.grid),
            "attention": self.attention.astype(np.float64).round(6).tolist(),
            "entropy_bits": self.entropy.round(4).tolist(),
            "entropy_even_bits": self.entropy_even,
        }

    def attention_bytes(self) -> bytes:
        """All weights, one byte each, heads then queries then keys. See `to_byte`."""
        return to_byte(self.attention).tobytes()


def to_byte(weights: np.ndarray) -> np.ndarray:
    """Weights (..., keys) in 0..1 -> uint8 on a scale that is the same for every picture, head and model.

    The scale is logarithmic around an even share: byte = 128 + 16 log2(weight x keys), so 128 is 1 / keys, 144 twice as
    much, 112 half of it. It spans 1/256 to 245 times an even share in steps of 4.4 %; what lies outside gets the end.
    Attention of this network stays within a few times an even share, which a linear scale from 0 to 1 would hide, and
    a scale stretched to each map would make drama of a flat one.
    """
    share = np.asarray(weights, np.float32) * np.shape(weights)[-1]
    with np.errstate(divide="ignore"):
        octaves = np.log2(share)
    return (EVEN + STEPS * octaves).round().clip(0, 255).astype(np.uint8)


def explain(
    model: DiCLAM, pixels_3HW: Tensor, familiarity: Familiarity | None = None, traced: Trace | None = None
) -> Explanation:
    """The answer for one picture, (3, 32, 32) uint8, as `diclam.predict.predict` gives it, and its attention; `traced` is
    the pass for that picture if it was made already. Raises PictureError for other shapes."""
    traced = traced or trace(model, pixels_3HW)
    rows, columns = (int(side) // 2 for side in pixels_3HW.shape[1:])  # after the one max-pool before the attention
    attention = traced.attention_BMNN[0].float().cpu().numpy()
    return Explanation(prediction_of(traced, model.temperature, familiarity), attention, (rows, columns))


def _bits(weights: np.ndarray) -> np.ndarray:
    """Entropy of the last axis of weights that sum to 1."""
    exact = weights.astype(np.float64)
    logs = np.log2(exact, out=np.zeros_like(exact), where=exact > 0)
    return -(exact * logs).sum(-1)
