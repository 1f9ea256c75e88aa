"""The quieter curves of a run: how far it steps, how long its gradients are, who answers, how fast it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from demo import plots
from demo.components.growth import Growth
from demo.components.plotly_figure import PlotlyFigure
from diclam.curves import thin
from diclam.events import Step


@dataclass(frozen=True)
class Measure:
    """One number of each step."""

    title: str
    of: Callable[[Step], float | None]
    hover: str
    axis: dict[str, Any]


MEASURES = {
    "dc-rate": Measure("Learning rate", lambda step: step.learning_rate, "%{y:.2g}", {"rangemode": "tozero"}),
    "dc-norm": Measure("Length of the gradient", lambda step: step.gradient_norm, "%{y:.2f}", {"rangemode": "tozero"}),
    "dc-gate": Measure(
        "Share of expert 1 in the answers",
        lambda step: None if step.gates is None else 100 * step.gates[0],
        "%{y:.0f} %",
        {"range": [0, 100], "ticksuffix": " %"},
    ),
    "dc-speed": Measure("Pictures a second", lambda step: step.pictures_per_second, "%{y:.0f}", {"rangemode": "tozero"}),
}
"""By the elem_id of the figure."""


def build() -> list[PlotlyFigure]:
    """Builds the figures in the current Blocks, in the order of MEASURES."""
    with gr.Accordion("More curves", open=False, elem_id="dc-more-curves"), gr.Row(elem_id="dc-measures"):
        return [
            PlotlyFigure(measure.title, elem_id=elem_id, elem_classes="dc-measure", value=figure(measure, [], key=""))
            for elem_id, measure in MEASURES.items()
        ]


def figures(steps: Sequence[Step], *, key: str) -> list[go.Figure]:
    """All of them, whole."""
    return [figure(measure, steps, key=key) for measure in MEASURES.values()]


def growths(steps: Sequence[Step], *, key: str, after: int) -> list[Growth]:
    """What follows the first `after` steps in each of them."""
    return [Growth(key, after, len(steps), [_points(measure, steps[after:])], {}) for measure in MEASURES.values()]


def figure(measure: Measure, steps: Sequence[Step], *, key: str) -> go.Figure:
    """One number over the training time in seconds."""
    curve = _points(measure, thin(steps)) | {
        "type": "scatter", "name": measure.title, "meta": "text", "mode": "lines", "line": {"width": 1.5},
        "showlegend": False, "hovertemplate": f"after %{{x:.0f}} s: {measure.hover}<extra></extra>",
    }  # fmt: skip
    layout = {
        "meta": f"{measure.title} over the training time.",
        "xaxis": {"title": {"text": "seconds"}, "rangemode": "tozero"},
        "yaxis": measure.axis,
        "margin": {"l": 48, "r": 20, "t": 10, "b": 40},
    }
    return plots.figure([curve], layout, key, len(steps))


def _points(measure: Measure, steps: Sequence[Step]) -> dict[str, list[Any]]:
    values = [measure.of(step) for step in steps]
    return {
        "x": [round(step.seconds, 2) for step in steps],
        "y": [None if value is None else float(f"{value:.4g}") for value in values],
    }
