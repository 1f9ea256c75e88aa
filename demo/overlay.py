"""Several runs in one figure: data in, Plotly figure out. Each line has a dash and a marker of its own beside its colour."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from diclam.curves import smooth, thin
from diclam.draw import percent
from diclam.events import Step, Validated

AXES = {"time": "seconds", "epochs": "epochs"}
"""What the curves can be drawn over, and its unit."""
LOOKS = (
    ("accent", "solid", "circle"),
    ("other", "dash", "square"),
    ("text", "dot", "diamond"),
    ("accent", "dashdot", "x"),
    ("other", "longdash", "triangle-up"),
)
"""Colour, dash and marker of the first run, the second, ..."""
POINTS = 120
MARKERS = 8
LETTERS = 40


@dataclass(frozen=True)
class Curves:
    """What a run has told of how it learned."""

    title: str
    """As somebody typed it."""
    steps: list[Step]
    validations: list[Validated]


def accuracy(runs: Sequence[Curves], axis: str) -> go.Figure:
    """Accuracy on held-out pictures of each run, over one of AXES."""
    at = _place(axis)
    figure = _figure(axis, len(runs))
    found = []
    for look, run in zip(LOOKS, runs, strict=False):
        points = thin(run.validations, POINTS)
        values = [round(100 * point.accuracy, 2) for point in points]
        _line(figure, run.title, look, [at(point) for point in points], values, f"%{{x:.4g}} {AXES[axis]}: %{{y:.1f}} %")
        best = max((point.accuracy for point in run.validations), default=None)
        found.append(f"{run.title} {'was not validated' if best is None else f'at best {percent(best)}'}")
    figure.update_yaxes(range=[0, 100], ticksuffix=" %")
    figure.layout.meta = f"Accuracy on held-out pictures over {AXES[axis]}: {'; '.join(found)}."
    return figure


def loss(runs: Sequence[Curves], axis: str) -> go.Figure:
    """Training loss of each run, smoothed, over one of AXES."""
    at = _place(axis)
    figure = _figure(axis, len(runs))
    found = []
    for look, run in zip(LOOKS, runs, strict=False):
        curve = thin(list(zip(run.steps, smooth([step.loss for step in run.steps]), strict=True)), POINTS)
        values = [None if value is None else round(value, 4) for _, value in curve]
        _line(figure, run.title, look, [at(step) for step, _ in curve], values, f"%{{x:.4g}} {AXES[axis]}: %{{y:.3f}}")
        last = next((value for value in reversed(values) if value is not None), None)
        found.append(f"{run.title} {'has none' if last is None else f'{last:.2f} at the end'}")
    figure.update_yaxes(rangemode="tozero")
    figure.layout.meta = f"Training loss, smoothed, over {AXES[axis]}: {'; '.join(found)}."
    return figure


def shortened(title: str) -> str:
    """What fits beside a curve's sign on a phone."""
    return title if len(title) <= LETTERS else f"{title[: LETTERS - 1].rstrip()}…"


def _place(axis: str) -> Callable[[Step | Validated], float]:
    return lambda event: round(event.seconds if axis == "time" else event.epoch, 3)


def _line(figure: go.Figure, title: str, look: tuple[str, str, str], x: list[float], y: list[Any], hover: str) -> None:
    colour, dash, symbol = look
    figure.add_scatter(
        x=x, y=y, name=html.escape(shortened(title)), meta=colour, mode="lines+markers", line={"width": 2, "dash": dash},
        marker={"symbol": symbol, "size": 8, "maxdisplayed": MARKERS}, hovertemplate=hover,
    )  # fmt: skip


def _figure(axis: str, runs: int) -> go.Figure:
    """The titles lie above the curves, on a phone each on a line of its own."""
    legend = {"orientation": "h", "xref": "container", "x": 0, "yref": "container", "y": 1, "yanchor": "top"}
    margin = {"l": 48, "r": 20, "t": 16 + 19 * runs, "b": 40}
    figure = go.Figure(
        layout={"template": "none", "uirevision": axis, "showlegend": True, "legend": legend, "margin": margin}
    )
    figure.update_xaxes(title_text=AXES[axis], rangemode="tozero")
    return figure
