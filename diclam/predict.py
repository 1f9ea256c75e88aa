"""An untrusted picture -> the 32 x 32 pixels that the network sees -> its answer.

Every picture that a person brings goes through `load_picture`, and nothing else decodes one. The size is read from the
header and refused before a single pixel is decoded: a PNG of 194 KB can hold 169 million pixels.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from diclam.augment import normalize
from diclam.data import CLASSES
from diclam.errors import PictureError
from diclam.familiarity import Familiar, Familiarity
from diclam.model import DiCLAM, Trace
from diclam.square import Square, centred

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
MAX_BYTES = 20_000_000
SIDE = 32
"""Width and height of what the network sees, in pixels."""
LONG_SIDE = 1024
"""A JPEG is decoded at least this long or high, in pixels, where it is as large."""
KEPT_SIDE = 2 * LONG_SIDE
"""The whole picture is kept at most this long or high, in pixels."""
ENOUGH = 2 * SIDE
"""Pixels that a side of the square is decoded with at least, where the picture has them: what is finer is lost in 32."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as a person gave it, and what of it the network sees."""

    original: Image.Image
    """RGB, upright, the whole picture, at most 2048 pixels on its long side."""
    square: tuple[int, int, int, int]
    """Left, top, right, bottom of the square that is kept, in pixels of `original`."""
    pixels: Tensor
    """(3, 32, 32) uint8, RGB: exactly what the network sees."""

    @property
    def seen(self) -> Image.Image:
        """`pixels` as a picture of 32 x 32."""
        return Image.fromarray(self.pixels.permute(1, 2, 0).numpy())

    def cut(self, square: Square) -> Picture:
        """The same picture with another square, cut from `original` without reading the file again. Raises PictureError when
        the square reaches outside."""
        square.check(self.original.size)
        return _picture(self.original, square)


@dataclass(frozen=True)
class Prediction:
    """One answer. Probabilities and gates are plain floats in 0..1; each list of probabilities sums to 1, and so do the
    gates."""

    probabilities: tuple[float, ...]
    """Ten, in the order of `diclam.data.CLASSES`."""
    gates: tuple[float, ...]
    """How much of each expert goes into the answer; two in the light network."""
    expert_probabilities: tuple[tuple[float, ...], ...]
    """What each expert would have answered alone, its gate at 1 and the others' at 0."""
    familiar: Familiar | None = None
    """Whether it looks like the training pictures; None when nothing is known of that."""
    temperature: float | None = None
    """What the logits were divided by, see `diclam.calibration`; None: the probabilities are not calibrated."""

    @property
    def label(self) -> str:
        return self.ranked[0][0]

    @property
    def confidence(self) -> float:
        """The probability of `label`."""
        return self.ranked[0][1]

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """All ten (class, probability), the most probable first."""
        return ranked(self.probabilities)

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(zip(CLASSES, self.probabilities, strict=True)),
            "gates": list(self.gates),
            "expert_probabilities": [dict(zip(CLASSES, p, strict=True)) for p in self.expert_probabilities],
            "in_distribution": self.familiar.in_distribution if self.familiar else None,
            "familiarity": self.familiar.to_json() if self.familiar else None,
            "temperature": self.temperature,
        }


def ranked(probabilities: tuple[float, ...]) -> list[tuple[str, float]]:
    """Ten probabilities in the order of CLASSES -> (class, probability), the most probable first."""
    return sorted(zip(CLASSES, probabilities, strict=True), key=lambda pair: -pair[1])


def load_picture(source: str | Path | BinaryIO, square: Square | None = None) -> Picture:
    """Reads a PNG, JPEG, WebP, GIF (first frame) or BMP: turned upright as its EXIF data says, transparency laid on
    white, 16 bits scaled to 8, cut to `square`, by default the largest one in the middle, scaled to 32 x 32. A square of
    32 x 32 pixels keeps them.

    Raises PictureError when the file cannot be opened, is none of these formats, is larger than 20 MB or 50 megapixels
    (found out without decoding), or is damaged, and when the square reaches outside the upright picture.
    """
    if isinstance(source, str | Path):
        try:
            with open(source, "rb") as file:
                return _read(file, str(source), square)
        except OSError as error:
            raise PictureError(f"Cannot open {source} ({error.strerror or error}).") from error
    return _read(source, "The file", square)


def picture_of(pixels_3HW: Tensor) -> Picture:
    """A picture of the data set, (3, 32, 32) uint8, as it is. Raises PictureError for other shapes and types."""
    pixels = _checked(pixels_3HW).cpu()
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    return Picture(image, (0, 0, SIDE, SIDE), pixels)


def predict(model: DiCLAM, pixels_3HW: Tensor, familiarity: Familiarity | None = None) -> Prediction:
    """The answer for one picture, (3, 32, 32) uint8, at the model's temperature; `familiarity` is the model's. Raises
    PictureError for another shape or type."""
    return prediction_of(trace(model, pixels_3HW), model.temperature, familiarity)


def trace(model: DiCLAM, pixels_3HW: Tensor) -> Trace:
    """One pass in eval mode for one picture, (3, 32, 32) uint8; B is 1. The model's mode is left as it was. Raises
    PictureError for another shape or type."""
    x_B3HW = network_input(model, pixels_3HW)
    with answering(model):
        return model.trace(x_B3HW)


def network_input(model: DiCLAM, pixels_3HW: Tensor) -> Tensor:
    """One picture, (3, 32, 32) uint8 -> (1, 3, 32, 32) normalised float32 on the model's device. Raises PictureError for
    another shape or type."""
    return normalize(_checked(pixels_3HW)[None].to(next(model.parameters()).device))


@contextmanager
def answering(model: DiCLAM) -> Iterator[None]:
    """Eval mode and no gradients inside the block; the model's mode is left as it was, and not even touched when it is in
    eval mode already, so that threads may share it."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            model.train()


def probabilities_of(logits: Tensor, temperature: float | None) -> np.ndarray:
    """Logits (..., 10) -> float64 in 0..1, each ten sum to 1. Here alone logits are divided by a model's `temperature`."""
    return (logits.double() / (temperature or 1.0)).softmax(-1).cpu().numpy()


def prediction_of(traced: Trace, temperature: float | None, familiarity: Familiarity | None = None) -> Prediction:
    """The answer that a pass for one picture gave."""

    def numbers(logits_K: Tensor) -> tuple[float, ...]:
        return tuple(probabilities_of(logits_K, temperature).tolist())

    alone = tuple(numbers(logits_K) for logits_K in traced.expert_logits_BEK[0])
    familiar = familiarity.of(traced.features_BF[0]) if familiarity else None
    return Prediction(numbers(traced.logits_BK[0]), tuple(traced.gates_BE[0].tolist()), alone, familiar, temperature)


def _read(file: BinaryIO, name: str, square: Square | None) -> Picture:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > MAX_BYTES:
        raise PictureError(_too_large(name, f"{size / 1e6:.1f} MB", f"{MAX_BYTES / 1e6:.0f} MB"))
    limit = f"{MAX_PIXELS / 1e6:.0f} megapixels"
    try:
        image = Image.open(file, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(_too_large(name, f"more than {limit}", limit)) from error
    except Exception as error:  # broken headers make Pillow raise nearly any type
        raise PictureError(
            f"{name} is not a picture that can be read, or it is damaged: expected PNG, JPEG, WebP, GIF or BMP. "
            "Save it as one of these and try again."
        ) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        got = f"{width:,} x {height:,} = {width * height / 1e6:.0f} megapixels"
        raise PictureError(_too_large(name, got, limit))
    try:
        long_side = LONG_SIDE if square is None else max(LONG_SIDE, _long_side(image.size, square))
        image.draft(None, (long_side, long_side))  # lets a JPEG decoder skip what will be thrown away
        image.load()
        image = _upright(image)
        if square:
            square.check(image.size)
        return _picture(_rgb(image), square)
    except PictureError:
        raise
    except Exception as error:  # broken data make Pillow's decoders raise nearly any type
        raise PictureError(f"{name} is damaged or cut short and cannot be decoded. Try another copy of it.") from error


def _too_large(name: str, got: str, limit: str) -> str:
    return f"{name} is too large: it has {got}, at most {limit} are read. Make it smaller and try again."


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode -> RGB."""
    if image.mode.startswith("I"):  # 16-bit grey; `convert` would clip it instead of scaling it
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(clear, mask=clear.getchannel("A"))
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data beside good pixels
        return image


def _long_side(size: tuple[int, int], square: Square) -> int:
    """How long the whole picture must be so that the square has `ENOUGH` pixels a side."""
    return math.ceil(ENOUGH / square.size * max(size) / min(size))


def _picture(image: Image.Image, square: Square | None) -> Picture:
    # Only by a whole number: another scale takes as long as the network; only what is cut later sees a difference.
    original = image.reduce(math.ceil(max(image.size) / KEPT_SIDE))
    box = square.box if square else centred
    # Cut before scaling: a resize with `box` and `reducing_gap` takes in pixels from outside the box.
    seen = image.crop(box(image.size))
    if seen.size != (SIDE, SIDE):
        seen = seen.resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    pixels = torch.from_numpy(np.array(seen)).permute(2, 0, 1).contiguous()
    return Picture(original, box(original.size), pixels)


def _checked(pixels: Tensor) -> Tensor:
    if pixels.shape != (3, SIDE, SIDE) or pixels.dtype != torch.uint8:
        raise PictureError(
            f"Expected one picture of (3, {SIDE}, {SIDE}) bytes; got {tuple(pixels.shape)} of {pixels.dtype}. "
            "Load it with diclam.predict.load_picture."
        )
    return pixels
