"""Figures of a run for paper and report: confusion matrix, loss over epochs, accuracy over time. Data in, figure out.

Each is a bare `matplotlib.figure.Figure`, without pyplot and its global state, so that a server may draw several at once.
Only five colours are used, each one as it is or, in the cells of the matrix, with an opacity: whoever embeds the SVG can
give them other values by their names (`COLOURS`), and so follow a page into the dark.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from diclam.confusion import per_real
from diclam.curves import smooth, thin
from diclam.data import CLASSES
from diclam.draw import BLUE, INK, ORANGE, QUIET, RULE, percent
from diclam.events import Finished, Step, Tested, Validated

COLOURS = {"ink": INK, "quiet": QUIET, "rule": RULE, "blue": BLUE, "orange": ORANGE}
"""Name -> the value that a figure has it in."""
INCHES = 4.8
"""Width of every figure: small, so that its letters stay readable where a phone shows it whole."""
DPI = 200
LINE, SMALL, LETTERS = 1.8, 7.5, 9.0


def confusion(counts_KK: np.ndarray) -> Figure:
    """Counts, rows the real classes, columns the answers; the darker, the larger a share of the row. Right answers are blue
    and bold on the diagonal, wrong ones orange."""
    figure, axes = _figure(height=INCHES)
    share_KK = per_real(counts_KK)
    for real, said in np.ndindex(*counts_KK.shape):
        right, count = real == said, int(counts_KK[real, said])
        if count:
            # Half of the scale is for shares up to a tenth, where nearly all mix-ups are.
            opacity = 0.1 + 0.46 * math.log1p(99 * share_KK[real, said]) / math.log(100)
            corner, tone = (said - 0.47, real - 0.47), BLUE if right else ORANGE
            axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=tone, alpha=opacity, linewidth=0))
        ink, weight = (INK if count else QUIET), ("bold" if right else "normal")
        axes.text(said, real, str(count), ha="center", va="center", fontsize=SMALL, color=ink, weight=weight)
    names, places = CLASSES[: len(counts_KK)], range(len(counts_KK))
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), aspect="equal")
    axes.set_xlabel("what the network said")
    axes.set_ylabel("what the picture really is")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def loss(steps: Sequence[Step], validations: Sequence[Validated]) -> Figure:
    """Training loss over epochs, as it came and smoothed, and the loss on held-out pictures. A loss that was no number is a
    gap."""
    figure, axes = _figure()
    curve = thin(list(zip(steps, smooth([step.loss for step in steps]), strict=True)))
    epochs = [step.epoch for step, _ in curve]
    axes.plot(epochs, _gaps([step.loss for step, _ in curve]), color=QUIET, linewidth=0.6, label="training")
    axes.plot(epochs, _gaps([value for _, value in curve]), color=INK, linewidth=LINE, label="training, smoothed")
    if looks := thin(validations):
        places, values = [look.epoch for look in looks], _gaps([look.loss for look in looks])
        axes.plot(places, values, "D", color=BLUE, markersize=4.5, label="validation")
    axes.set(xlabel="epochs", ylabel="loss")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    _legend(axes)
    return figure


def accuracy(
    steps: Sequence[Step], validations: Sequence[Validated], finished: Finished | None, tested: Tested | None
) -> Figure:
    """The training curve: accuracy on held-out pictures over training time, with the epochs along the top, and the one test
    at the end. From 0 to 100 %, so that two runs can be compared by eye."""
    figure, axes = _figure()
    looks = thin(validations)
    last = max([event.seconds for event in (*steps[-1:], *looks[-1:])] + ([finished.seconds] if finished else []), default=1)
    unit, name = _unit(last)
    if looks:
        best = percent(max(look.accuracy for look in validations))
        axes.plot(
            [look.seconds / unit for look in looks], [100 * look.accuracy for look in looks], "D-", color=BLUE,
            markersize=4.5, linewidth=LINE, label=f"validation, at best {best}",
        )  # fmt: skip
    if finished and tested:
        axes.plot(
            [finished.seconds / unit], [100 * tested.accuracy], "o", markerfacecolor="none", markeredgewidth=LINE,
            color=ORANGE, markersize=8, clip_on=False, label=f"test, at the end: {percent(tested.accuracy)}",
        )  # fmt: skip
    axes.axhline(10, color=QUIET, linewidth=0.8, linestyle=":", label="guessing")
    axes.set(xlabel=f"training time in {name}", ylabel="right answers in %", xlim=(0, last / unit), ylim=(0, 100))
    _legend(axes, loc="lower right", bbox_to_anchor=(1, 0.1))
    _epochs_on_top(axes, steps, unit)
    return figure


def importance(shares: dict[str, float], trials: int) -> Figure:
    """What mattered in a search for settings: a bar for each one's share, the first on top."""
    figure, axes = _figure(height=0.8 + 0.26 * len(shares))
    names = list(reversed(shares))
    bars = axes.barh(names, [100 * shares[name] for name in names], height=0.6, color=BLUE)
    labels = [f"{shares[name]:.0%}" for name in names]
    axes.bar_label(bars, labels, padding=3, fontsize=LETTERS - 1, color=INK)
    axes.set_xlabel(f"share in what sets the best quarter of {trials} trials apart, in %")
    axes.margins(x=0.1)
    axes.tick_params(axis="y", length=0)
    return figure


def png(figure: Figure) -> bytes:
    """On white, 960 pixels wide."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, facecolor="white")
    return file.getvalue()


def svg(figure: Figure) -> str:
    """The <svg> element alone, on nothing, its letters as outlines: it looks the same everywhere and asks for no font."""
    file = io.StringIO()
    # Without metadata: it would name a web address, and the time.
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = file.getvalue()
    # Names of groups are the same in each figure; two of them on one page would not be valid.
    return re.sub(r'<g id="\w+(\.\w+)?">', "<g>", text[text.index("<svg") :])


def _figure(height: float = 0.68 * INCHES) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(False)
    for name, side in axes.spines.items():
        side.set_color(RULE)
        side.set_visible(name in ("left", "bottom"))
    _quiet_ticks(axes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=INK, fontsize=LETTERS)
    return figure, axes


def _quiet_ticks(axes: Axes) -> None:
    axes.tick_params(color=RULE, labelcolor=INK, labelsize=LETTERS - 1)


def _legend(axes: Axes, **place: Any) -> None:
    axes.legend(frameon=False, fontsize=LETTERS - 1, labelcolor=INK, **place)


def _epochs_on_top(axes: Axes, steps: Sequence[Step], unit: float) -> None:
    """Ticks at whole epochs, or parts of them in a short run: where on the time axis each was reached."""
    if not steps:
        return
    epochs = [0.0, *(step.epoch for step in steps)]
    seconds = [0.0, *(step.seconds for step in steps)]
    ticks = [tick for tick in MaxNLocator(6).tick_values(0, epochs[-1]) if tick <= epochs[-1]]
    top = axes.twiny()
    top.set_xlim(axes.get_xlim())
    top.set_xticks(np.interp(ticks, epochs, seconds) / unit, [f"{tick:g}" for tick in ticks])
    top.set_xlabel("epochs", color=INK, fontsize=LETTERS)
    for side in top.spines.values():
        side.set_visible(False)
    _quiet_ticks(top)


def _gaps(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _unit(seconds: float) -> tuple[float, str]:
    """What a time axis of this length is counted in."""
    if seconds < 180:
        return 1.0, "seconds"
    return (60.0, "minutes") if seconds < 3 * 3600 else (3600.0, "hours")
