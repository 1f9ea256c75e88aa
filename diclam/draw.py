"""An explanation as one picture: what was seen, the ten answers, where attention mixed information, the gates."""

from __future__ import annotations

import base64
import io
import math
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from diclam.data import CLASSES
from diclam.errors import ConfigError
from diclam.explain import EVEN, SHOWN, STEPS, Explanation, to_byte
from diclam.predict import Picture, Prediction, ranked

# Ten even stops of cividis (Nunez, Anderton and Renslow 2018), which reads the same with colour-blind eyes.
CIVIDIS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip
CAVEAT = "Attention shows where information was mixed, not why the network answered as it did."

BLUE, ORANGE = "#1f5fa8", "#b85c00"
EXPERTS = (BLUE, ORANGE, "#5c6370", "#1c1e21")
"""Colours of the experts; each always with its number."""
INK, QUIET, RULE, PAPER = "#1c1e21", "#5c6370", "#d5d9e0", "#ffffff"
WIDTH, MARGIN, GAP, CELL = 1000, 40, 24, 14
MAPS_A_ROW = 4


def percent(fraction: float) -> str:
    """0.931 -> '93.1 %'; never '0.0 %' or '100.0 %' for what is only close to it."""
    if 0 < fraction < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= fraction < 1:
        return "> 99.9 %"
    return f"{fraction * 100:.1f} %"


def points(change: float) -> str:
    """A difference of two fractions in percentage points: 0.031 -> '+3.1 points'; a real minus sign where it is below 0."""
    if abs(change) < 0.0005:
        return "less than 0.1 points"
    return f"{100 * change:+.1f} points".replace("-", "\N{MINUS SIGN}")


def whole_percent(fraction: float) -> str:
    """0.931 -> '93 %', for sentences; never '0 %' or '100 %' for what is only close to it."""
    rounded = round(fraction * 100)
    if rounded == 0 < fraction:
        return "< 1 %"
    if rounded == 100 and fraction < 1:
        return "> 99 %"
    return f"{rounded} %"


def sentence(probabilities: tuple[float, ...]) -> str:
    """The answer in words: 'Most likely a cat (71 %); it could be a dog (22 %).' Without the second when that rounds
    to nothing."""
    (first, p), (second, q) = ranked(probabilities)[:2]
    other = f"; it could be {with_article(second)} ({whole_percent(q)})" if round(100 * q) else ""
    return f"Most likely {with_article(first)} ({whole_percent(p)}){other}."


def answer_words(prediction: Prediction) -> str:
    """The answer in words: `sentence`, or, for a picture unlike those the network was trained on, that and the nearest."""
    if prediction.familiar is None or prediction.familiar.in_distribution:
        return sentence(prediction.probabilities)
    nearest = f"{prediction.label} ({whole_percent(prediction.confidence)})"
    return f"This does not look like anything it was trained on. Closest of the ten things it knows: {nearest}."


def doubt_words(prediction: Prediction) -> str:
    """What to make of that it looks like nothing known; '' where it does."""
    familiar = prediction.familiar
    if familiar is None or familiar.in_distribution:
        return ""
    return (
        "What the network computes of this picture is unlike what it computes of its training pictures. That may be a "
        f"mistake: {percent(familiar.false_alarms)} of the CIFAR-10 test pictures are taken for something unknown, too."
    )


def with_article(name: str) -> str:
    """cat -> a cat, airplane -> an airplane"""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def cividis(levels: np.ndarray) -> np.ndarray:
    """Levels (...) in 0..1 -> uint8 RGB (..., 3)."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in CIVIDIS])
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(levels, at, stops[:, k]) for k in range(3)], -1).round().astype(np.uint8)


def level(weights: np.ndarray) -> np.ndarray:
    """Attention weights (..., keys) -> their place on the colour scale, 0 (1/8 of an even share) .. 1 (8 times)."""
    reach = STEPS * math.log2(SHOWN)
    return ((to_byte(weights).astype(float) - EVEN) / (2 * reach) + 0.5).clip(0, 1)


def data_uri(image: Image.Image, kind: str = "PNG") -> str:
    """A picture as a `data:` address, for a page without a second file; PNG keeps every pixel, JPEG is smaller."""
    file = io.BytesIO()
    image.save(file, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def attention_image(weights: np.ndarray) -> Image.Image:
    """One map (rows, columns) in cividis, a pixel for each position."""
    return Image.fromarray(cividis(level(weights.reshape(-1)).reshape(weights.shape)))


def change_image(changes: np.ndarray, reach: float) -> Image.Image:
    """Changes (rows, columns) as a picture, a pixel each: blue below 0, orange above, white at 0, full colour at `reach`."""
    strength = np.clip(np.abs(changes) / reach, 0, 1)[..., None] if reach > 0 else np.zeros((*changes.shape, 1))
    ends = [np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) for colour in (BLUE, ORANGE)]
    full = np.where(changes[..., None] < 0, *ends)
    return Image.fromarray((255 + (full - 255) * strength).round().astype(np.uint8))


def render(explanation: Explanation, picture: Picture, query: tuple[int, int] = (8, 8)) -> Image.Image:
    """An RGB drawing, 1000 pixels wide. `query` is the position (row, column) whose attention is drawn, from 0.
    Raises ConfigError when it lies outside the explanation's grid."""
    rows, columns = explanation.grid
    check_query(query, explanation.grid)
    heads = len(explanation.attention)
    map_width, map_height = columns * CELL, rows * CELL
    lines = math.ceil((heads + 1) / MAPS_A_ROW)
    height = 560 + lines * (map_height + 56) + 420  # more than enough; cut to what was used at the end
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    pen = ImageDraw.Draw(sheet)

    y = _answer(sheet, pen, explanation, picture)
    y = _heading(pen, y, "Where attention mixed information")
    pen.text((MARGIN, y), _query_words(query), fill=QUIET, font=_font(15))
    y += 34
    seen = picture.seen.resize((map_width, map_height), Image.Resampling.NEAREST)
    tiles = [("the picture, the position marked", seen)]
    for head in range(heads):
        weights = explanation.map(head, query)
        drawn = attention_image(weights).resize(seen.size, Image.Resampling.NEAREST)
        tiles.append((f"head {head + 1}: {_strongest(weights)}", drawn))
    for i, (label, tile) in enumerate(tiles):
        x = MARGIN + i % MAPS_A_ROW * (map_width + 8)
        top = y + i // MAPS_A_ROW * (map_height + 56)
        sheet.paste(tile, (x, top))
        left, upper = x + query[1] * CELL, top + query[0] * CELL
        pen.rectangle((left - 2, upper - 2, left + CELL + 1, upper + CELL + 1), outline="black")
        pen.rectangle((left - 1, upper - 1, left + CELL, upper + CELL), outline="white")
        pen.text((x, top + map_height + 6), label, fill=QUIET, font=_font(13))
    y = _legend(sheet, pen, y + lines * (map_height + 56))
    pen.text((MARGIN, y), CAVEAT, fill=INK, font=_font(15))
    y = _heading(pen, y + 44, "Which expert answered")
    y = _gates(pen, y, explanation)
    return sheet.crop((0, 0, WIDTH, y + MARGIN))


def check_query(query: tuple[int, int], grid: tuple[int, int]) -> None:
    """Raises ConfigError when the position (row, column) lies outside the grid."""
    (row, column), (rows, columns) = query, grid
    if not (0 <= row < rows and 0 <= column < columns):
        raise ConfigError(
            f"The position must be a row in 0 .. {rows - 1} and a column in 0 .. {columns - 1}; got {row},{column}."
        )


def _answer(sheet: Image.Image, pen: ImageDraw.ImageDraw, explanation: Explanation, picture: Picture) -> int:
    probabilities = explanation.prediction.probabilities
    pen.multiline_text((MARGIN, MARGIN), "\n".join(wrap(answer_words(explanation.prediction), 76)), fill=INK, font=_font(24))
    top, side = MARGIN + 56, 320
    if doubt := doubt_words(explanation.prediction):
        pen.multiline_text((MARGIN, top + 14), "\n".join(wrap(doubt, 124)), fill=QUIET, font=_font(15))
        top += 64
    sheet.paste(picture.seen.resize((side, side), Image.Resampling.NEAREST), (MARGIN, top))
    pen.text((MARGIN, top + side + 8), "what the network sees: 32 x 32 pixels", fill=QUIET, font=_font(13))
    left, right, step = MARGIN + side + 130, WIDTH - MARGIN - 80, side / len(CLASSES)
    best = int(np.argmax(probabilities))
    for k, (name, p) in enumerate(zip(CLASSES, probabilities, strict=True)):
        y = top + k * step + step / 2
        ink = INK if k == best else QUIET
        pen.text((left - 12, y), name, fill=ink, font=_font(16), anchor="rm")
        pen.rectangle((left, y - 9, right, y + 9), fill="#eef0f4")
        pen.rectangle((left, y - 9, left + round((right - left) * p), y + 9), fill=ink if k == best else "#9aa3b2")
        pen.text((WIDTH - MARGIN, y), percent(p), fill=ink, font=_font(16), anchor="rm")
    return top + side + 44


def _legend(sheet: Image.Image, pen: ImageDraw.ImageDraw, y: int) -> int:
    width = 480
    ramp = cividis(np.linspace(0, 1, width))[None].repeat(14, 0)
    sheet.paste(Image.fromarray(ramp), (MARGIN, y))
    words = (f"1/{SHOWN:g} or less", "an even share", f"{SHOWN:g} times or more")
    for i, (word, anchor) in enumerate(zip(words, ("la", "ma", "ra"), strict=True)):
        pen.text((MARGIN + i * width / 2, y + 20), word, fill=QUIET, font=_font(13), anchor=anchor)
    pen.text((MARGIN + width + GAP, y), "the same scale for every picture and head", fill=QUIET, font=_font(13))
    return y + 52


def _gates(pen: ImageDraw.ImageDraw, y: int, explanation: Explanation) -> int:
    prediction = explanation.prediction
    rows, left = [], float(MARGIN)
    for k, (gate, alone) in enumerate(zip(prediction.gates, prediction.expert_probabilities, strict=True)):
        right, colour, name = left + (WIDTH - 2 * MARGIN) * gate, EXPERTS[k % len(EXPERTS)], f"expert {k + 1}"
        pen.rectangle((round(left), y, round(right), y + 22), fill=colour)
        along = k / (len(prediction.gates) - 1)
        x, anchor = MARGIN + along * (WIDTH - 2 * MARGIN), {0.0: "la", 1.0: "ra"}.get(along, "ma")
        pen.text((x, y + 30), f"{name}, gate {percent(gate)}", fill=colour, font=_font(16), anchor=anchor)
        rows.append((name, alone, colour))
        left = right
    y += 66
    for name, probabilities, colour in [("the mixture", prediction.probabilities, INK), *rows]:
        top_three = ", ".join(f"{label} {percent(p)}" for label, p in ranked(probabilities)[:3])
        words = name if name == "the mixture" else f"{name} alone"
        pen.text((MARGIN, y), words, fill=colour, font=_font(16))
        pen.text((MARGIN + 150, y), top_three, fill=INK, font=_font(16))
        y += 28
    return y


def _heading(pen: ImageDraw.ImageDraw, y: int, text: str) -> int:
    pen.line((MARGIN, y, WIDTH - MARGIN, y), fill=RULE)
    pen.text((MARGIN, y + 18), text, fill=INK, font=_font(20))
    return y + 54


def _query_words(query: tuple[int, int]) -> str:
    return (
        f"What the position in row {query[0] + 1}, column {query[1] + 1} took from every position. "
        "A position is 2 x 2 pixels of the picture."
    )


def _strongest(weights: np.ndarray) -> str:
    row, column = np.unravel_index(int(weights.argmax()), weights.shape)
    return f"most, {percent(float(weights.max()))}, from {row + 1},{column + 1}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
