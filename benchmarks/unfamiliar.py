"""Pictures of none of the ten classes, to see whether a model notices: noise, drawings, writing, textures, other things.

Each source gives as many pictures as are asked for, (N, 3, 32, 32) uint8, the same for the same seed. What is larger than
32 x 32 is cut to a square and scaled down as the page does it. The photographs and the stamps are those of the packages that
`benchmarks.photographs` fetches; many squares are cut from each of the few photographs, so they are no independent sample.
"""

from __future__ import annotations

import io
import string
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from benchmarks.photographs import PACKAGES, fetched, pictures
from demo.examples import PHOTOGRAPHS
from diclam.predict import SIDE, Picture, load_picture
from diclam.square import Square

Draw = Callable[[np.random.Generator], Tensor]
CANVAS = 4 * SIDE
"""Side of what is drawn before it is scaled down, in pixels."""
TEXTURES = ("brick.png", "grass.png", "gravel.png")
OTHERS = (
    "astronaut.png", "camera.png", "cell.png", "coffee.png", "coins.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
"""scikit-image's photographs and microscope pictures that show none of the ten classes."""
STAMPS = ("clothes", "food", "hobbies", "household", "medical", "plants", "seasonal", "space")
"""Folders of Tux Paint's stamps without animals and vehicles: things on white, cut out of photographs or drawn."""


def uniform_noise(dice: np.random.Generator) -> Tensor:
    return _tensor(dice.integers(0, 256, (SIDE, SIDE, 3)))


def gaussian_noise(dice: np.random.Generator) -> Tensor:
    """With about the mean and spread of CIFAR-10's pixels."""
    return _tensor(dice.normal(120, 64, (SIDE, SIDE, 3)))


def smooth_noise(dice: np.random.Generator) -> Tensor:
    """From a gradient to clouds: 2 to 6 random colours a side, and what lies between them."""
    few = torch.from_numpy(dice.uniform(0, 255, (1, 3, *[dice.integers(2, 7)] * 2)))
    return F.interpolate(few, (SIDE, SIDE), mode="bicubic").clamp(0, 255)[0].to(torch.uint8)


def flat_colours(dice: np.random.Generator) -> Tensor:
    return _tensor(np.broadcast_to(dice.integers(0, 256, 3), (SIDE, SIDE, 3)))


def drawings(dice: np.random.Generator) -> Tensor:
    """One to six filled or outlined shapes and lines on a plain ground."""
    image, pen = _canvas(dice)
    for _ in range(dice.integers(1, 7)):
        (left, right), (top, bottom) = np.sort(dice.integers(0, CANVAS, (2, 2)), axis=1).tolist()
        box, fill, width = (left, top, right + 1, bottom + 1), _colour(dice), int(dice.integers(2, 10))
        match dice.integers(5):
            case 0:
                pen.ellipse(box, fill=fill)
            case 1:
                pen.rectangle(box, fill=fill)
            case 2:
                pen.ellipse(box, outline=fill, width=width)
            case 3:
                pen.line(box, fill=fill, width=width)
            case _:
                pen.polygon([tuple(corner) for corner in dice.integers(0, CANVAS, (3, 2)).tolist()], fill=fill)
    return _scaled(image)


def digits_and_letters(dice: np.random.Generator) -> Tensor:
    """One large character, by Pillow's own font."""
    image, pen = _canvas(dice)
    middle = tuple((CANVAS / 2 + dice.uniform(-10, 10, 2)).tolist())
    letter = dice.choice(list(string.digits + string.ascii_letters))
    pen.text(middle, letter, fill=_colour(dice), font=ImageFont.load_default(int(dice.integers(60, 130))), anchor="mm")
    return _scaled(image)


def writing(dice: np.random.Generator) -> Tensor:
    """Lines of made-up words, dark on light or light on dark."""
    light = bool(dice.integers(2))
    (image, pen), ink = _canvas(dice, light), "black" if light else "white"
    size = int(dice.integers(12, 40))
    words = ["".join(dice.choice(list(string.ascii_lowercase), dice.integers(2, 9))) for _ in range(60)]
    lines = "\n".join(" ".join(words[start : start + 6]) for start in range(0, 60, 6))
    pen.multiline_text((4, 4), lines, fill=ink, font=ImageFont.load_default(size))
    return _scaled(image)


def textures(dice: np.random.Generator) -> Tensor:
    """Squares of brick, grass and gravel."""
    return _part([f"scikit-image:{name}" for name in TEXTURES], dice, least=0.1)


def photographs(dice: np.random.Generator) -> Tensor:
    """Squares of photographs of something else, at least half as wide as the short side."""
    return _part([*(f"scikit-image:{name}" for name in OTHERS), *_examples()], dice, least=0.5)


def stamps(dice: np.random.Generator) -> Tensor:
    """Things on white: food, plants, tools, ..."""
    names = sorted(name for name in _files() if name.startswith(tuple(f"stamps:{folder}/" for folder in STAMPS)))
    return load_picture(io.BytesIO(_files()[dice.choice(names)])).pixels


SOURCES: dict[str, Draw] = {
    "uniform noise": uniform_noise, "Gaussian noise": gaussian_noise, "smooth noise": smooth_noise,
    "flat colours": flat_colours, "drawn shapes": drawings, "digits and letters": digits_and_letters, "writing": writing,
    "textures": textures, "photographs of other things": photographs, "things on white": stamps,
}  # fmt: skip


def draw(source: Draw, count: int, seed: int) -> Tensor:
    """-> (count, 3, 32, 32) uint8"""
    dice = np.random.default_rng(seed)
    return torch.stack([source(dice) for _ in range(count)])


def shuffled(images_N3HW: Tensor, seed: int, side: int = 8) -> Tensor:
    """Each picture cut into squares of side x side pixels, which are put together in another order, none in its place; side
    1 leaves nothing of it but its colours."""
    generator = torch.Generator().manual_seed(seed)
    count = SIDE // side
    patches_NPSS = F.unfold(images_N3HW.float(), side, stride=side)
    ring_NP = torch.stack([torch.randperm(count * count, generator=generator) for _ in images_N3HW])
    order_NP = torch.empty_like(ring_NP).scatter_(1, ring_NP, ring_NP.roll(1, 1))
    mixed = patches_NPSS.gather(2, order_NP[:, None].expand_as(patches_NPSS))
    return F.fold(mixed, (SIDE, SIDE), side, stride=side).to(torch.uint8)


@cache
def _files() -> dict[str, bytes]:
    packages = ("scikit-image", "tuxpaint-stamps-default")
    return {name: content for package in packages for name, content in pictures(fetched(package, PACKAGES[package]))}


def _examples() -> list[str]:
    return [str(photograph.path) for photograph in PHOTOGRAPHS if photograph.shows is None]


def _part(names: list[str], dice: np.random.Generator, least: float) -> Tensor:
    """A random square of a random one of them, its side `least` to 1 of the short side."""
    name = str(dice.choice(names))
    return _whole(name).cut(_square(_whole(name).original.size, dice, least)).pixels


@cache
def _whole(name: str) -> Picture:
    return load_picture(io.BytesIO(_files()[name]) if name in _files() else name)


def _square(size: tuple[int, int], dice: np.random.Generator, least: float) -> Square:
    part = dice.uniform(least, 1)
    left, top = (dice.uniform(0, 1 - part * min(size) / length) for length in size)
    return Square(left, top, part)


def _canvas(dice: np.random.Generator, light: bool | None = None) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    low, high = {None: (0, 256), True: (200, 256), False: (0, 60)}[light]
    image = Image.new("RGB", (CANVAS, CANVAS), tuple(dice.integers(low, high, 3).tolist()))
    return image, ImageDraw.Draw(image)


def _colour(dice: np.random.Generator) -> tuple[int, ...]:
    return tuple(dice.integers(0, 256, 3).tolist())


def _scaled(image: Image.Image) -> Tensor:
    return _tensor(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)))


def _tensor(values_HW3: np.ndarray) -> Tensor:
    return torch.from_numpy(values_HW3.round().clip(0, 255).astype(np.uint8)).permute(2, 0, 1).contiguous()
