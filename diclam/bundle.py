"""Test pictures that ship with a checkpoint, so that its confusion matrix can be looked into without the data set.

All pictures the model gets wrong, and some that it gets right of each class, as one lossless WebP sheet of 32 x 32 tiles
beside a list of their numbers in the test set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from diclam.errors import CheckpointError
from diclam.evaluate import Evaluation
from diclam.files import replacing

SHEET, INDICES = "pictures.webp", "pictures.json"
SIDE = 32
TILES_A_ROW = 48


@dataclass(frozen=True, eq=False)
class Bundle:
    """Pictures and where they stand in the test set."""

    indices: np.ndarray
    """(n,) int64, ascending"""
    images: Tensor
    """(n, 3, 32, 32) uint8"""

    def get(self, index: int) -> Tensor | None:
        """The picture (3, 32, 32) with this number in the test set; None when it is not here."""
        place = int(np.searchsorted(self.indices, index))
        return self.images[place] if place < len(self.indices) and self.indices[place] == index else None


def choose(evaluation: Evaluation, per_class: int) -> np.ndarray:
    """Numbers of all pictures with a wrong answer and of the first `per_class` right ones of each class, ascending."""
    right = evaluation.true == evaluation.predicted
    kept = [np.flatnonzero(~right)]
    kept += [np.flatnonzero(right & (evaluation.true == k))[:per_class] for k in range(10)]
    return np.sort(np.concatenate(kept))


def save(folder: Path, test_images_N3HW: Tensor, evaluation: Evaluation, per_class: int = 100) -> None:
    """Writes the sheet and its list. `test_images_N3HW` are bytes in the order of the evaluation."""
    indices = choose(evaluation, per_class)
    rows = -(-len(indices) // TILES_A_ROW)
    tiles = np.zeros((rows * TILES_A_ROW, SIDE, SIDE, 3), dtype=np.uint8)
    tiles[: len(indices)] = test_images_N3HW[torch.from_numpy(indices)].permute(0, 2, 3, 1).numpy()
    grid = tiles.reshape(rows, TILES_A_ROW, SIDE, SIDE, 3).swapaxes(1, 2).reshape(rows * SIDE, TILES_A_ROW * SIDE, 3)
    with replacing(folder / SHEET) as path:
        Image.fromarray(grid).save(path, format="WEBP", lossless=True, quality=100, method=6)
    with replacing(folder / INDICES) as path:
        path.write_text(json.dumps(indices.tolist(), separators=(",", ":")) + "\n", encoding="utf-8")


def load(folder: Path) -> Bundle:
    """Raises CheckpointError when the sheet or its list is missing or damaged."""
    try:
        indices = np.array(json.loads((folder / INDICES).read_text(encoding="utf-8")), dtype=np.int64)
        with Image.open(folder / SHEET, formats=["WEBP"]) as image:
            grid = np.asarray(image.convert("RGB"))
        rows, columns = grid.shape[0] // SIDE, grid.shape[1] // SIDE
        tiles = grid.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
        if indices.ndim != 1 or len(indices) > len(tiles) or (np.diff(indices) <= 0).any():
            raise ValueError(f"{len(indices)} numbers for {len(tiles)} tiles")
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"The pictures in {folder} cannot be read ({error}); copy the folder anew.") from error
    return Bundle(indices, torch.from_numpy(tiles[: len(indices)].copy()).permute(0, 3, 1, 2))
