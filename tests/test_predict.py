"""Any file becomes exactly the 32 x 32 pixels that a person expects, or a message that says what is wrong with it."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from diclam.augment import normalize
from diclam.data import CLASSES
from diclam.errors import PictureError
from diclam.model import DiCLAM
from diclam.predict import MAX_BYTES, Picture, load_picture, picture_of, predict
from diclam.square import Square

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(image: Image.Image, kind: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file


def halves(first: tuple[int, ...], second: tuple[int, ...], mode: str = "RGB", side: int = 64) -> Image.Image:
    """Left half one colour, right half another."""
    image = Image.new(mode, (side, side), first)
    image.paste(second, (side // 2, 0, side, side))
    return image


def colour(picture: Picture, x: int, y: int) -> tuple[int, ...]:
    return tuple(picture.pixels[:, y, x].tolist())


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def png_header(width: int, height: int, depth: int = 8) -> bytes:
    """A PNG with a header, one byte of data and nothing else: whoever decodes it finds it broken."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x")


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_a_32_by_32_picture_keeps_its_pixels(kind: str, options: dict[str, object]) -> None:
    pixels = noise()
    picture = load_picture(saved(picture_of(pixels).original, kind, **options))
    assert torch.equal(picture.pixels, pixels)
    assert picture.square == (0, 0, 32, 32)


def test_a_data_set_picture_is_taken_as_it_is() -> None:
    picture = picture_of(noise())
    assert torch.equal(picture.pixels, noise())
    assert np.array_equal(np.asarray(picture.seen), np.asarray(picture.original))


@pytest.mark.parametrize("wrong", [torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3, 32, 32)])
def test_only_3_by_32_by_32_bytes_are_a_picture(wrong: Tensor) -> None:
    with pytest.raises(PictureError, match=r"Expected one picture of \(3, 32, 32\) bytes"):
        picture_of(wrong)
    with pytest.raises(PictureError, match="got"):
        predict(DiCLAM().eval(), wrong)


def test_keeps_the_centred_square() -> None:
    image = Image.new("RGB", (300, 100), RED)
    image.paste(GREEN, (100, 0, 200, 100))
    picture = load_picture(saved(image, "PNG"))
    assert picture.square == (100, 0, 200, 100)
    assert picture.original.size == (300, 100)
    assert {colour(picture, x, 16) for x in range(32)} == {GREEN}


def quarters() -> Image.Image:
    """200 x 100 pixels: red, green, blue and white from left to right."""
    image = Image.new("RGB", (200, 100), WHITE)
    for i, part in enumerate((RED, GREEN, BLUE)):
        image.paste(part, (50 * i, 0, 50 * i + 50, 100))
    return image


def test_keeps_the_square_that_was_chosen() -> None:
    picture = load_picture(saved(quarters(), "PNG"), Square(0.5, 0.25, 0.5))
    assert picture.square == (100, 25, 150, 75)
    assert {colour(picture, x, y) for x in range(32) for y in range(32)} == {BLUE}


def test_the_middle_is_a_choice_like_any_other() -> None:
    file = saved(Image.effect_noise((301, 200), 90).convert("RGB"), "PNG")
    chosen, default = load_picture(file, Square(50 / 301, 0, 1)), load_picture(file)
    assert chosen.square == default.square == (50, 0, 250, 200)
    assert torch.equal(chosen.pixels, default.pixels)


def test_a_square_of_32_by_32_pixels_keeps_them() -> None:
    image = Image.effect_noise((96, 64), 90).convert("RGB")
    picture = load_picture(saved(image, "PNG"), Square(16 / 96, 8 / 64, 0.5))
    assert np.array_equal(np.asarray(picture.seen), np.asarray(image.crop((16, 8, 48, 40))))


def test_a_part_of_a_32_by_32_picture_is_scaled_up() -> None:
    picture = load_picture(saved(halves(RED, GREEN, side=32), "PNG"), Square(0.5, 0.5, 0.5))
    assert picture.square == (16, 16, 32, 32)
    assert {colour(picture, x, 16) for x in range(32)} == {GREEN}


def test_a_square_is_chosen_on_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    stored = quarters().transpose(Image.Transpose.ROTATE_90)
    picture = load_picture(saved(stored, "JPEG", exif=exif, quality=95), Square(0.25, 0.25, 0.5))
    assert picture.original.size == (200, 100)
    np.testing.assert_allclose(colour(picture, 16, 16), GREEN, atol=12)


def test_a_small_square_of_a_large_photograph_is_sharp() -> None:
    """A JPEG decoder that skips details must not skip those of the square."""
    image = Image.new("RGB", (4096, 4096), WHITE)
    stripes = Image.fromarray(np.full((60, 60), 255 * (np.arange(60) % 6 < 3), np.uint8))
    image.paste(stripes.convert("RGB"), (2048, 2048))
    picture = load_picture(saved(image, "JPEG", quality=95), Square(0.5, 0.5, 0.01))  # 41 pixels, 7 pairs of stripes
    assert picture.original.size == (2048, 2048)
    row = picture.pixels[0, 16].float()
    assert row.std() > 60
    assert ((row[1:] > 128) != (row[:-1] > 128)).sum() >= 12


def test_a_square_outside_the_picture_is_a_readable_error() -> None:
    with pytest.raises(PictureError, match=r"must lie inside the picture, which is 200 x 100 pixels.* 50 pixels wide"):
        load_picture(saved(quarters(), "PNG"), Square(0.9, 0, 0.5))


def test_a_large_picture_is_shown_smaller_with_its_square_in_place() -> None:
    picture = load_picture(saved(Image.new("RGB", (6000, 3000), BLUE), "PNG"))
    assert picture.original.size == (2000, 1000)
    assert picture.square == (500, 0, 1500, 1000)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (33, 31)])
def test_odd_sizes_become_32_by_32(size: tuple[int, int]) -> None:
    picture = load_picture(saved(Image.new("RGB", size, RED), "PNG"))
    assert picture.pixels.shape == (3, 32, 32)
    assert colour(picture, 5, 5) == RED


def test_a_gif_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), c) for c in (RED, GREEN, BLUE)]
    picture = load_picture(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert colour(picture, 16, 16) == RED


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    picture = load_picture(saved(halves((0, 255, 255, 0), (255, 255, 0, 0), "CMYK"), "JPEG", quality=95))
    np.testing.assert_allclose(colour(picture, 6, 16), RED, atol=12)
    np.testing.assert_allclose(colour(picture, 26, 16), BLUE, atol=12)


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.repeat(np.linspace(0, 65535, 32)[None], 32, 0).astype(np.uint16)
    picture = load_picture(saved(Image.fromarray(ramp), "PNG"))
    np.testing.assert_allclose(picture.pixels[0, 0].numpy(), np.linspace(0, 255, 32), atol=0.51)
    assert torch.equal(picture.pixels[0], picture.pixels[2])


def test_16_bit_colour_is_scaled_and_not_clipped() -> None:
    row = b"\0" + b"".join(struct.pack(">HHH", 512 * x, 32768, 65535) for x in range(32))
    whole = png_header(32, 32, depth=16)
    start = whole.index(b"IDAT") - 4
    data = zlib.compress(row * 32)
    chunk = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    picture = load_picture(io.BytesIO(whole[:start] + chunk))
    assert colour(picture, 31, 3) == (62, 128, 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (64, 64), (*RED, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 64))
    picture = load_picture(saved(image if mode == "RGBA" else image.convert("LA"), "PNG"))
    assert colour(picture, 28, 16) == WHITE
    assert colour(picture, 3, 16) == (0, 0, 0)


def test_half_transparent_is_half_white() -> None:
    picture = load_picture(saved(Image.new("RGBA", (32, 32), (0, 0, 0, 128)), "PNG"))
    np.testing.assert_allclose(colour(picture, 9, 9), (127, 127, 127), atol=1)


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = halves(RED, GREEN).quantize(2)
    picture = load_picture(saved(image, "GIF", transparency=image.getpixel((0, 0))))
    assert colour(picture, 3, 3) == WHITE
    np.testing.assert_allclose(colour(picture, 28, 3), GREEN, atol=4)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_become_colour(mode: str) -> None:
    picture = load_picture(saved(halves(WHITE, (0, 0, 0)).convert(mode), "PNG"))
    assert colour(picture, 3, 3) == WHITE
    assert colour(picture, 28, 28) == (0, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_picture_stands_upright(orientation: int) -> None:
    upright = Image.new("RGB", (64, 96), RED)
    upright.paste(BLUE, (0, 0, 32, 48))
    turns = Image.Transpose
    # How a camera stores an upright scene when it notes the orientation: the inverse of what a viewer must do.
    stored = {
        2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180, 4: turns.FLIP_TOP_BOTTOM, 5: turns.TRANSPOSE,
        6: turns.ROTATE_90, 7: turns.TRANSVERSE, 8: turns.ROTATE_270,
    }  # fmt: skip
    image = upright.transpose(stored[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = load_picture(saved(image, "JPEG", exif=exif, quality=95))
    assert picture.original.size == (64, 96)
    np.testing.assert_allclose(colour(picture, 5, 5), BLUE, atol=12)
    for x, y in [(26, 5), (5, 26), (26, 26)]:
        np.testing.assert_allclose(colour(picture, x, y), RED, atol=12)


def test_a_phone_file_of_several_pictures_shows_the_first() -> None:
    first, second = Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 64), BLUE)
    file = saved(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_allclose(colour(load_picture(file), 16, 16), RED, atol=6)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just some words",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!doctype html><title>404</title>",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_picture_names_the_formats(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=r"picture\.png is not a picture .* PNG, JPEG, WebP, GIF or BMP"):
        load_picture(path)


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "ICO", "TGA"])
def test_other_formats_are_not_decoded(kind: str) -> None:
    with pytest.raises(PictureError, match="is not a picture"):
        load_picture(saved(Image.new("RGB", (32, 32), RED), kind))


def test_81_megapixels_are_refused() -> None:
    with pytest.raises(PictureError, match=r"9,000 x 9,000 = 81 megapixels, at most 50 megapixels are read"):
        load_picture(saved(Image.new("1", (9000, 9000)), "PNG"))


@pytest.mark.parametrize("side", [9000, 10_000, 20_000])
def test_a_large_picture_is_refused_from_its_header_alone(side: int) -> None:
    """The data behind the header are broken, so the message shows which of the two was looked at first. Above 89 and
    above 179 megapixels Pillow has limits of its own."""
    with pytest.raises(PictureError, match=r"too large: it has .* at most 50 megapixels"):
        load_picture(io.BytesIO(png_header(side, side)))
    with pytest.raises(PictureError, match="damaged or cut short"):
        load_picture(io.BytesIO(png_header(100, 100)))


def test_more_than_20_megabytes_are_refused() -> None:
    whole = saved(Image.new("RGB", (32, 32), RED), "PNG").getvalue()
    with pytest.raises(PictureError, match=r"it has 20\.0 MB, at most 20 MB are read"):
        load_picture(io.BytesIO(whole + b"\0" * (MAX_BYTES + 1 - len(whole))))


@pytest.mark.parametrize("path", ["no-such-picture.png", "."])
def test_a_file_that_cannot_be_opened_is_named(path: str) -> None:
    with pytest.raises(PictureError, match=r"Cannot open .*(No such file|directory)"):
        load_picture(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_picture_cut_short_is_a_readable_error(kind: str) -> None:
    whole = saved(Image.effect_noise((200, 200), 90).convert("RGB"), kind).getvalue()
    with pytest.raises(PictureError, match="damaged"):
        load_picture(io.BytesIO(whole[: len(whole) // 2]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_damaged_bytes_give_a_picture_or_a_readable_error(kind: str) -> None:
    dice = random.Random(kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP") else {}
    whole = saved(Image.effect_noise((24, 40), 90).convert("RGB"), kind, **options).getvalue()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(min(len(data), 200))] = dice.randrange(256)
        with suppress(PictureError):  # anything else that is raised is a bug
            assert load_picture(io.BytesIO(data)).pixels.shape == (3, 32, 32)


def test_an_answer_is_the_model_s_own() -> None:
    torch.manual_seed(0)
    model = DiCLAM().eval()
    prediction = predict(model, noise())
    with torch.inference_mode():
        x = normalize(noise()[None])
        logits = model(x)
        gates = model.get_submodule("block2.2.router")(model.block2[:2](model.block1(model.stem(x))))
    np.testing.assert_allclose(prediction.probabilities, logits.softmax(1)[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(prediction.gates, gates[0].numpy(), atol=1e-5)
    assert prediction.label == CLASSES[int(logits.argmax())]
    assert prediction.confidence == max(prediction.probabilities)
    for probabilities in (prediction.probabilities, *prediction.expert_probabilities):
        assert sum(probabilities) == pytest.approx(1)


def test_an_expert_alone_is_the_model_with_only_that_expert() -> None:
    torch.manual_seed(0)
    model = DiCLAM().eval()
    with torch.no_grad():
        bias = model.get_parameter("block2.2.router.gate.bias")
        bias.copy_(torch.tensor([60.0, -60.0]))  # the gate picks expert 1 whatever comes
    prediction = predict(model, noise())
    assert prediction.gates == pytest.approx((1, 0))
    assert prediction.expert_probabilities[0] == pytest.approx(prediction.probabilities, abs=1e-6)
    assert prediction.expert_probabilities[1] != pytest.approx(prediction.probabilities, abs=1e-6)


def test_an_answer_does_not_depend_on_the_mode_and_leaves_it() -> None:
    torch.manual_seed(0)
    model = DiCLAM().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = predict(model, noise()), predict(model, noise())
    assert first == second == predict(model.eval(), noise())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    model.train()
    predict(model, noise())
    assert model.training


def test_json_holds_plain_numbers_by_class() -> None:
    content = json.loads(json.dumps(predict(DiCLAM().eval(), noise()).to_json()))
    assert set(content) == {
        "label", "confidence", "probabilities", "gates", "expert_probabilities", "in_distribution", "familiarity",
        "temperature",
    }  # fmt: skip
    assert list(content["probabilities"]) == list(CLASSES)
    assert content["probabilities"][content["label"]] == content["confidence"]
    assert len(content["gates"]) == len(content["expert_probabilities"]) == 2
