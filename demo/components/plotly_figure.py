"""A Plotly figure that is redrawn in place: a visitor's zoom, and the page around it, stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import plotly
import plotly.graph_objects as go

from demo.components.part import Part

# Plotly's own browser library, from the installed package: the page asks no other host.
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class PlotlyFigure(Part):
    """Value: a `plotly.graph_objects.Figure`, or None to leave the place empty.

    A zoom survives new values as long as `layout.uirevision` is the same. Colours come from the page, so that they follow
    its light and dark theme: a trace says with `meta` = 'accent', 'other', 'text' or 'quiet' which one it has; axes, shapes
    and words are grey. `layout.meta` is a sentence that says what there is to see, for those who cannot.
    """

    def __init__(self, heading: str, **options: Any) -> None:
        gr.set_static_paths([PLOTLY_JS])  # opens this one file
        super().__init__(
            html_template=_TEMPLATE.format(heading=heading),
            head=f'<script src="gradio_api/file={PLOTLY_JS.as_posix()}"></script>',
            **options,
        )

    def postprocess(self, value: go.Figure | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None if value is None else value.to_plotly_json()

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


_TEMPLATE = '<figure class="pf"><figcaption>{heading}</figcaption><div class="pf-plot" role="img"></div></figure>'
