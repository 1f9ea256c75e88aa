"""A Plotly figure that is redrawn in place: a visitor's zoom, and the page around it, stay as they are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
import plotly
import plotly.graph_objects as go

from demo.components.growth import Growth
from demo.components.part import Part

# Plotly's own browser library, from the installed package: the page asks no other host.
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class PlotlyFigure(Part):
    """Value: a `plotly.graph_objects.Figure`, a `Growth` of the one before, or None to leave the place empty. The event
    `lost` says that a growth did not fit what is drawn: then the whole figure is wanted.

    A zoom survives new values as long as `layout.uirevision` is the same. Colours come from the page, so that they follow
    its light and dark theme: a trace says with `meta` = 'accent', 'other', 'text' or 'quiet' which one it has; axes, shapes
    and words are grey. `layout.meta` is a sentence that says what there is to see, for those who cannot.
    """

    def __init__(self, heading: str, *, smoothing: float | None = None, **options: Any) -> None:
        """With `smoothing`, the share of the past in each point at first, there is a slider for it, and a switch for a
        logarithmic axis. Then the page fills the trace named 'smoothed' from the one named 'training'."""
        gr.set_static_paths([PLOTLY_JS])  # opens this one file
        super().__init__(
            html_template=_TEMPLATE.format(
                heading=heading, tools="" if smoothing is None else _TOOLS.format(smoothing=smoothing)
            ),
            head=f'<script src="gradio_api/file={PLOTLY_JS.as_posix()}"></script>',
            **options,
        )

    def postprocess(self, value: go.Figure | Growth | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if isinstance(value, Growth):
            return {"growth": asdict(value)}
        return None if value is None else value.to_plotly_json()

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


# The slider's range and steps are TensorBoard's.
_TOOLS = """<span class="pf-tools"><button type="button" aria-pressed="false">log axis</button>
<label>smoothing <input type="range" min="0" max="0.99" step="0.01" value="{smoothing}">
<output aria-live="off"></output></label></span>"""
_TEMPLATE = '<figure class="pf"><figcaption>{heading}{tools}</figcaption><div class="pf-plot" role="img"></div></figure>'
