"""An examination as one page that needs nothing beside it: no script, no second file, no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
from PIL import Image, ImageEnhance

from diclam.calibration import NOT_CALIBRATED
from diclam.data import CLASSES
from diclam.draw import (
    CAVEAT,
    answer_words,
    attention_image,
    change_image,
    check_query,
    data_uri,
    doubt_words,
    percent,
    points,
)
from diclam.examination import Examination
from diclam.explain import SHOWN
from diclam.hiding import PATCH, Deletion
from diclam.predict import Prediction, ranked

WHOLE = 360
"""Longest side of the whole picture on the page, in pixels."""
CURVES = (560, 220)
"""Width and height of the drawing of the deletion test."""


def page(examination: Examination, query: tuple[int, int] = (8, 8)) -> str:
    """The HTML. `query` is the position (row, column) whose attention is shown, from 0. Everything that comes from outside
    is escaped. Raises ConfigError when the position lies outside the grid."""
    check_query(query, examination.explanation.grid)
    title = answer_words(examination.explanation.prediction)
    doubt = doubt_words(examination.explanation.prediction)
    parts = [
        f"<h1>{escape(title)}</h1>",
        *([f"<p>{escape(doubt)}</p>"] if doubt else []),
        _answer(examination),
        f"<p>{_meaning(examination.explanation.prediction)}</p>",
        "<h2>Where attention mixed information</h2>",
        _attention(examination, query),
        "<h2>What hiding parts of the picture changes</h2>",
        _hiding(examination),
        "<h2>Which expert answered</h2>",
        _experts(examination),
        _foot(examination),
    ]
    return _FRAME.format(title=escape(title), style=_STYLE, body="\n".join(parts))


def _answer(examination: Examination) -> str:
    prediction = examination.explanation.prediction
    picture = examination.picture
    figures = [_figure(picture.seen, "The 32 by 32 pixels that the network sees", "what the network sees: 32 x 32 pixels")]
    if picture.square != (0, 0, *picture.original.size):
        figures.append(_whole(examination))
    bars = "".join(
        f"<tr{' class=best' if name == prediction.label else ''}><th scope=row>{name}</th>"
        f"<td class=track><i style='width:{100 * p:.2f}%'></i></td><td>{percent(p)}</td></tr>"
        for name, p in zip(CLASSES, prediction.probabilities, strict=True)
    )
    return f"<div class=row>{''.join(figures)}<table class=bars aria-label='Probability of each class'>{bars}</table></div>"


def _meaning(prediction: Prediction) -> str:
    """Whether the percentages are calibrated."""
    if prediction.temperature is None:
        return NOT_CALIBRATED
    return (
        "These percentages are calibrated: one temperature for all answers, fitted on pictures that were not trained on; "
        f"logits are divided by {prediction.temperature:.3f}."
    )


def _whole(examination: Examination) -> str:
    """The picture as it was brought, what was not kept of it darkened."""
    original, (left, top, right, bottom) = examination.picture.original, examination.picture.square
    dark = ImageEnhance.Brightness(original).enhance(0.4)
    dark.paste(original.crop((left, top, right, bottom)), (left, top))
    dark.thumbnail((WHOLE, WHOLE))
    words = "the square that was classified"
    return f"<figure><img src='{data_uri(dark, 'JPEG')}' alt='The whole picture'><figcaption>{words}</figcaption></figure>"


def _attention(examination: Examination, query: tuple[int, int]) -> str:
    explanation, knockouts = examination.explanation, examination.knockouts
    place = f"row {query[0] + 1}, column {query[1] + 1}"
    figures = []
    for head in range(len(explanation.attention)):
        words = f"head {head + 1}: {_strongest(explanation.map(head, query))}"
        words += f"; {explanation.entropy[head, query[0] * explanation.grid[1] + query[1]]:.2f} bits"
        if knockouts:
            words += f"; switched off, the answer's probability changes by {points(knockouts.head_changes[head])}"
        figures.append(_figure(attention_image(explanation.map(head, query)), f"Attention of head {head + 1}", words))
    mean = f"mean over all heads and positions: {_strongest(explanation.received)}"
    figures.append(_figure(attention_image(explanation.received), "Mean attention", mean))
    off = f" With all heads off the probability changes by {points(knockouts.heads_change)}." if knockouts else ""
    return (
        f"<p>What the position in {place} took from every position; a position is 2 x 2 pixels. Dark blue is 1/{SHOWN:g} of "
        f"an even share or less, yellow {SHOWN:g} times or more, grey an even share; spread evenly it would be "
        f"{explanation.entropy_even:.2f} bits.{off} {CAVEAT}</p><div class=row>{''.join(figures)}</div>"
    )


def _hiding(examination: Examination) -> str:
    changes, deletion = examination.occlusion.changes, examination.deletion
    reach = max(0.01, float(np.abs(changes).max()))
    label = CLASSES[examination.occlusion.answer]
    strongest = float(changes.ravel()[np.abs(changes).argmax()])
    caption = (
        f"each {PATCH} x {PATCH} pixels greyed out in turn: blue where the probability of {label} falls (it spoke for it), "
        f"orange where it rises; full colour at {points(reach).lstrip('+')}, the largest change {points(strongest)}"
    )
    map_ = _figure(change_image(changes, reach), "Change of the answer by hidden patch", caption)
    words = (
        f"The probability of {label} while more and more of the picture is greyed out, the positions first from which "
        f"attention took most: between this curve and {len(deletion.random)} random orders lie "
        f"{points(deletion.area(deletion.random))}, between it and the same map moved elsewhere "
        f"{points(deletion.area(deletion.moved))}. Above 0, attention points at what matters to the answer."
    )
    numbers = "".join(
        f"<tr><th scope=row>{100 * fraction:.0f} %</th><td>{percent(p)}</td><td>{percent(r)}</td><td>{percent(m)}</td></tr>"
        for fraction, p, r, m in zip(
            deletion.fractions, deletion.ranked, deletion.random.mean(0), deletion.moved.mean(0), strict=True
        )
    )
    table = (
        "<table><thead><tr><th scope=col>hidden</th><th scope=col>by attention</th><th scope=col>random</th>"
        f"<th scope=col>moved map</th></tr></thead>{numbers}</table>"
    )
    drawn = f"<figure class=wide>{_curves(deletion)}<figcaption>{words}</figcaption></figure>"
    return f"<div class=row>{map_}{drawn}{table}</div>"


def _curves(deletion: Deletion) -> str:
    """The deletion test as a drawing: a band for the random orders, lines for the mean of the moved maps and the own one."""
    width, height = CURVES

    def line(values: Iterable[float]) -> str:
        return " ".join(
            f"{width * x:.1f},{height * (1 - y):.1f}" for x, y in zip(deletion.fractions.tolist(), values, strict=True)
        )

    low, high = deletion.random.min(0).tolist(), deletion.random.max(0).tolist()
    back = line(low).split()[::-1]
    return (
        f"<svg viewBox='-4 -4 {width + 8} {height + 24}' role=img "
        "aria-label='Probability of the answer while more is hidden'>"
        f"<path d='M0 0V{height}H{width}' class=axis />"
        f"<polygon points='{line(high)} {' '.join(back)}' class=band />"
        f"<polyline points='{line(deletion.moved.mean(0).tolist())}' class=moved />"
        f"<polyline points='{line(deletion.ranked.tolist())}' class=own />"
        f"<text x=6 y=14>100 %</text><text x=6 y={height + 16}>nothing hidden</text>"
        f"<text x={width} y={height + 16} text-anchor=end>everything</text>"
        f"<text x={width} y=14 text-anchor=end>— by attention &#160; - - moved map &#160; ▒ random</text></svg>"
    )


def _experts(examination: Examination) -> str:
    prediction, knockouts = examination.explanation.prediction, examination.knockouts
    rows = [_expert("the mixture, which answered", prediction.probabilities, "100.0 %", "")]
    for k, (gate, alone) in enumerate(zip(prediction.gates, prediction.expert_probabilities, strict=True)):
        moved = f"{knockouts.contributions[k]:+.2f}".replace("-", "\N{MINUS SIGN}") if knockouts else "not measured"
        rows.append(_expert(f"expert {k + 1} alone", alone, percent(gate), moved))
    return (
        "<p>The gates weigh the experts for this picture. How far the gated output of an expert moves the logit of the "
        "answer says more than its gate: above 0 it speaks for the answer.</p>"
        "<table><thead><tr><th></th><th scope=col>gate</th><th scope=col>moves the logit by</th>"
        f"<th scope=col>says</th></tr></thead>{''.join(rows)}</table>"
    )


def _expert(name: str, probabilities: tuple[float, ...], gate: str, moved: str) -> str:
    said = ", ".join(f"{label} {percent(p)}" for label, p in ranked(probabilities)[:3])
    return f"<tr><th scope=row>{name}</th><td>{gate}</td><td>{moved}</td><td>{said}</td></tr>"


def _foot(examination: Examination) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in examination.versions.items())
    return f"<footer>Model: {escape(examination.model)}. Computed with {escape(versions)}.</footer>"


def _figure(image: Image.Image, alt: str, words: str) -> str:
    source = data_uri(image)
    return f"<figure><img class=cells src='{source}' alt='{alt}'><figcaption>{words}</figcaption></figure>"


def _strongest(weights: np.ndarray) -> str:
    row, column = np.unravel_index(int(weights.argmax()), weights.shape)
    return f"most, {percent(float(weights.max()))}, from row {row + 1}, column {column + 1}"


_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --quiet: #5c6370; --rule: #d5d9e0; --paper: #fff; --blue: #1f5fa8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --quiet: #a0a7b4; --rule: #3a3f47; --paper: #17191c; --blue: #7db4f0; }
}
body { max-width: 1080px; margin: 0 auto; padding: 16px; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.5rem; } h2 { margin-top: 32px; padding-top: 16px; border-top: 1px solid var(--rule); font-size: 1.2rem; }
.row { display: flex; flex-wrap: wrap; gap: 16px 24px; align-items: flex-start; }
figure { margin: 0; max-width: 256px; } figure.wide { flex: 1 1 360px; max-width: 560px; }
img { display: block; max-width: 100%; } .cells { width: 256px; image-rendering: pixelated; }
figcaption, footer, text { margin-top: 4px; font-size: 0.85rem; color: var(--quiet); fill: var(--quiet); }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 3px 10px 3px 0; text-align: left; font-weight: 400; }
thead th { color: var(--quiet); border-bottom: 1px solid var(--rule); }
.bars { flex: 1 1 280px; } .bars th { width: 1%; text-align: right; }
.bars td:last-child { width: 4.5em; text-align: right; }
.track i { display: block; min-width: 1px; height: 14px; background: var(--quiet); } .best * { font-weight: 650; }
.best .track i { background: var(--ink); }
svg { display: block; width: 100%; } svg * { fill: none; } svg text { fill: var(--quiet); stroke: none; }
.axis { stroke: var(--rule); } .band { fill: var(--quiet); fill-opacity: 0.25; }
.own { stroke: var(--blue); stroke-width: 2.5; } .moved { stroke: var(--ink); stroke-dasharray: 5 4; }
footer { margin-top: 32px; }
"""
_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
