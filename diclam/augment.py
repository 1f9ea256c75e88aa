"""Random changes to a whole batch at once, on the device the pictures are on; no DataLoader, no workers.

Every change takes pictures (B, C, H, W) of any type, returns a new tensor of the same shape and type, and draws its
randomness from the generator it is given, which must live on the pictures' device. Working on bytes until the last step
moves a quarter of the memory that floats would.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from diclam.errors import ConfigError

# Mean and standard deviation of the 50,000 training pictures, for red, green and blue, as fractions of 1.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)


def normalize(images_B3HW: Tensor) -> Tensor:
    """Bytes 0..255, or floats 0..1, to float32 with mean 0 and deviation 1 over the training set -> (B, 3, H, W)."""
    mean_1311, std_1311 = _statistics(images_B3HW.device)
    x_B3HW = images_B3HW if images_B3HW.is_floating_point() else images_B3HW.float() / 255
    return (x_B3HW.float() - mean_1311) / std_1311


@lru_cache
@torch.inference_mode(False)
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Made once for each device: to send numbers to a GPU is to wait for it, in each training step. As usual tensors, also
    when somebody asks first who needs no gradients."""
    mean_1311, std_1311 = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return mean_1311, std_1311


def mirror(images_BCHW: Tensor, which_B: Tensor) -> Tensor:
    """Mirrors the pictures that `which_B` (true or false) names, left to right."""
    return torch.where(which_B[:, None, None, None], images_BCHW.flip(-1), images_BCHW)


def random_turn(count: int, generator: Generator) -> Tensor:
    """Who of so many pictures is mirrored now: each with a chance of one half -> (B,) true or false."""
    return torch.rand(count, generator=generator, device=generator.device) < 0.5


def alternating_turn(indices_B: Tensor, seen_B: Tensor) -> Tensor:
    """Who is mirrored: each picture every other time that it is seen, one half of them at first (Jordan 2024) -> (B,) true
    or false. Of two times the network sees both views of each picture, where a random flip shows the same view twice to
    every second one. `indices_B` are the pictures' numbers in the training set, which decide who is at first; `seen_B` is
    how often each was seen before."""
    # A multiplicative hash, so that no order in the data set decides who is mirrored together.
    return ((indices_B * 2_654_435_761 >> 16) + seen_B) % 2 == 1


def random_crop(images_BCHW: Tensor, padding: int, generator: Generator, *, mode: str = "reflect") -> Tensor:
    """Pads by `padding` pixels on each side, then cuts a window of the old size at a random place, one for each picture.

    `mode` is 'reflect' (the border mirrored) or 'zero' (black). Raises ConfigError for another mode, or when the
    padding is negative or as large as the picture.
    """
    if mode not in ("reflect", "zero"):
        raise ConfigError(f"The crop padding must be 'reflect' or 'zero'; got {mode!r}.")
    batch, _, height, width = images_BCHW.shape
    if not 0 <= padding < min(height, width):
        raise ConfigError(f"The crop padding must be 0 .. {min(height, width) - 1} pixels; got {padding}.")
    if padding == 0:
        return images_BCHW.clone()
    device = images_BCHW.device
    top_B, left_B = torch.randint(0, 2 * padding + 1, (2, batch), generator=generator, device=device)
    # All windows of the padded pictures as a view without copying; indexing then copies only the chosen ones.
    windows = _pad(images_BCHW, padding, mode).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(batch, device=device), :, top_B, left_B]


def cutout(images_BCHW: Tensor, size: int, generator: Generator, *, fill: int | float = 0) -> Tensor:
    """Fills one square of `size` pixels a picture, its centre drawn anywhere, so it may hang over the border
    (DeVries and Taylor 2017). Raises ConfigError when `size` is negative."""
    if size < 0:
        raise ConfigError(f"The cutout size must be at least 0 pixels; got {size}.")
    batch, _, height, width = images_BCHW.shape
    device = images_BCHW.device
    centre_y_B = torch.randint(0, height, (batch,), generator=generator, device=device)
    centre_x_B = torch.randint(0, width, (batch,), generator=generator, device=device)
    inside_y_BH = _within(torch.arange(height, device=device), centre_y_B, size)
    inside_x_BW = _within(torch.arange(width, device=device), centre_x_B, size)
    hole_B1HW = (inside_y_BH[:, :, None] & inside_x_BW[:, None, :])[:, None]
    return images_BCHW.masked_fill(hole_B1HW, fill)


def _within(positions: Tensor, centre_B: Tensor, size: int) -> Tensor:
    start_B1 = centre_B[:, None] - size // 2
    return (positions >= start_B1) & (positions < start_B1 + size)


def _pad(images_BCHW: Tensor, padding: int, mode: str) -> Tensor:
    if mode == "zero":
        return F.pad(images_BCHW, (padding,) * 4)
    # F.pad reflects floats only; indexing reflects bytes too.
    rows, columns = (_reflected(n, padding, images_BCHW.device) for n in images_BCHW.shape[-2:])
    return images_BCHW.index_select(2, rows).index_select(3, columns)


def _reflected(length: int, padding: int, device: torch.device) -> Tensor:
    """0 1 2 3 with padding 2 -> 2 1 0 1 2 3 2 1."""
    positions = torch.arange(-padding, length + padding, device=device).abs()
    return torch.where(positions >= length, 2 * (length - 1) - positions, positions)
