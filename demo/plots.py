"""Data in, Plotly figure out. Colours and sizes are the page's: see `demo.components.plotly_figure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from demo.components.growth import Growth
from diclam.curves import smooth, thin
from diclam.draw import percent
from diclam.events import Step, Validated

# About a thousand are all that a run tells (`diclam.train`), and smoothing means the same with all of them only.
STEPS = 1200
DIAMOND = {"symbol": "diamond", "size": 9}
GUESSING = {
    "type": "line",
    "x0": 0,
    "x1": 1,
    "xref": "x domain",
    "y0": 10,
    "y1": 10,
    "yref": "y",
    "line": {"width": 1, "dash": "dot"},
}
GUESSING_WORD = {
    "x": 1, "xref": "paper", "xanchor": "right", "y": 10, "yanchor": "top", "text": "guessing", "showarrow": False,
}  # fmt: skip


def loss(steps: Sequence[Step], validations: Sequence[Validated], *, key: str) -> go.Figure:
    """Training loss over epochs, and the loss on held-out pictures; the page smooths the first as its visitor likes. The
    axis reaches as far as the run will come at its present pace. A zoom is kept between figures with the same `key`."""
    curve, looks = thin(steps, STEPS), thin(validations)
    hover = {"type": "scatter", "hovertemplate": "epoch %{x:.2f}: %{y:.3f}"}
    training = {
        "x": [round(step.epoch, 4) for step in curve], "y": [_rounded(step.loss) for step in curve], "name": "training",
        "meta": "quiet", "mode": "lines", "line": {"width": 1}, "opacity": 0.45,
    }  # fmt: skip
    smoothed = {"x": [], "y": [], "name": "smoothed", "meta": "text", "mode": "lines", "line": {"width": 2.5}}
    validation = {
        "x": [round(look.epoch, 4) for look in looks], "y": [_rounded(look.loss) for look in looks], "name": "validation",
        "meta": "accent", "mode": "markers", "marker": DIAMOND,
    }  # fmt: skip
    until = {"autorangeoptions": {"include": [0, _end(steps)]}}
    layout = {
        "meta": _loss_words(steps),
        "xaxis": {"title": {"text": "epochs"}, **until, **({} if steps else {"range": [0, 1]})},
        "yaxis": {"rangemode": "tozero", **({} if steps else {"range": [0, 2.5]})},
    }
    return figure([curve | hover for curve in (training, smoothed, validation)], layout, key, len(steps) + len(validations))


def loss_growth(steps: Sequence[Step], validations: Sequence[Validated], *, key: str, after: tuple[int, int]) -> Growth:
    """What follows so many steps and validations in the figure of `loss`."""
    new, looks = steps[after[0] :], validations[after[1] :]
    epochs = [round(step.epoch, 4) for step in new]
    points = [
        {"x": epochs, "y": [_rounded(step.loss) for step in new]},
        {"x": [], "y": []},
        {"x": [round(look.epoch, 4) for look in looks], "y": [_rounded(look.loss) for look in looks]},
    ]
    layout = {"meta": _loss_words(steps), "include": [0, _end(steps)]}
    return Growth(key, sum(after), len(steps) + len(validations), points, layout)


def _end(steps: Sequence[Step]) -> float:
    """The epoch that the run will come to at its present pace."""
    return round(steps[-1].epoch / max(steps[-1].fraction, 0.01), 4) if steps else 1.0


def _loss_words(steps: Sequence[Step]) -> str:
    newest = next((value for value in reversed(smooth([step.loss for step in steps])) if value is not None), None)
    found = "nothing to show yet" if newest is None else f"{newest:.2f} after {steps[-1].epoch:.2f} epochs, smoothed"
    return f"Training loss over epochs: {found}."


def accuracy(validations: Sequence[Validated], *, budget: float, key: str) -> go.Figure:
    """Accuracy on held-out pictures over the training time in seconds. Both axes are fixed from the start: the whole budget,
    and 0 to 100 %, so that a curve grows into them. A zoom is kept between figures with the same `key`."""
    looks = thin(validations)
    best = max((k for k, look in enumerate(looks) if look.best), default=None)
    curve = {
        "type": "scatter", "x": [round(look.seconds, 2) for look in looks],
        "y": [round(100 * look.accuracy, 2) for look in looks],
        "text": [percent(look.accuracy) if k == best else "" for k, look in enumerate(looks)], "textposition": "top center",
        "name": "validation", "meta": "accent", "mode": "lines+markers+text", "line": {"width": 2}, "marker": DIAMOND,
        "cliponaxis": False, "hovertemplate": "after %{x:.0f} s: %{y:.1f} %",
    }  # fmt: skip
    layout = {
        "meta": _accuracy_words(looks),
        "xaxis": {"title": {"text": "seconds"}, "range": _seconds(validations, budget)},
        "yaxis": {"range": [0, 100], "ticksuffix": " %"},
        "shapes": [GUESSING],
        "annotations": [GUESSING_WORD],
    }
    return figure([curve], layout, key, len(validations))


def accuracy_growth(validations: Sequence[Validated], *, budget: float, key: str, after: int) -> Growth:
    """What follows so many validations in the figure of `accuracy`. The words beside the best of all come with it, or stay
    where they are."""
    new = validations[after:]
    best = max((k for k, look in enumerate(new) if look.best), default=None)
    points: dict[str, list[Any]] = {
        "x": [round(look.seconds, 2) for look in new],
        "y": [round(100 * look.accuracy, 2) for look in new],
    }
    if best is not None:
        points["text"] = [percent(look.accuracy) if k == best else "" for k, look in enumerate(new)]
    layout = {"meta": _accuracy_words(validations), "range": _seconds(validations, budget)}
    return Growth(key, after, len(validations), [points], layout)


def _accuracy_words(looks: Sequence[Validated]) -> str:
    best = next((look for look in reversed(looks) if look.best), None)
    found = "nothing to show yet" if best is None else f"at best {percent(best.accuracy)}, after {best.seconds:.0f} s"
    return f"Accuracy on held-out pictures over time: {found}."


def _seconds(validations: Sequence[Validated], budget: float) -> list[float]:
    return [0, max(budget, *(look.seconds for look in validations), 0)]


def figure(curves: list[dict[str, Any]], layout: dict[str, Any], key: str, count: int) -> go.Figure:
    """These curves with what is alike in all figures, for the page to dress; `count` is of the events that it shows. Made
    in one go, as each change to a figure that is there costs Plotly some milliseconds, and a page that opens waits."""
    legend = {"orientation": "h", "xref": "container", "x": 0, "yref": "container", "y": 1, "yanchor": "top"}
    margin = {"l": 48, "r": 20, "t": 48, "b": 40}
    alike = {"template": "none", "uirevision": key, "datarevision": count, "legend": legend, "margin": margin}
    return go.Figure({"data": curves, "layout": alike | layout})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
