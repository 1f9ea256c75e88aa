"""Several runs in one figure can be told apart without colour, and titles stay text."""

from __future__ import annotations

import pytest

from demo import overlay
from demo.components.runs_table import MOST
from demo.overlay import Curves
from diclam.events import Step, Validated


def run(title: str, length: int = 3) -> Curves:
    steps = [Step(k, k / 10, 2.0 - k / length, 1e-3, 1.0, 300.0, float(k), k / length) for k in range(length)]
    return Curves(title, steps, [Validated(k, k / 10, 2.0, k / length, 500, float(k), True) for k in range(length)])


@pytest.mark.parametrize("draw", [overlay.accuracy, overlay.loss])
def test_each_run_has_its_own_dash_and_marker(draw) -> None:
    figure = draw([run(str(k), 5000) for k in range(MOST)], "time")
    assert len(figure.data) == MOST
    for looks in ([line.line.dash for line in figure.data], [line.marker.symbol for line in figure.data]):
        assert len(set(looks)) == MOST
    assert all(len(line.x) <= overlay.POINTS for line in figure.data)


def test_the_axis_is_time_or_epochs() -> None:
    assert overlay.loss([run("a")], "time").data[0]["x"] == (0, 1, 2)
    assert overlay.loss([run("a")], "epochs").data[0]["x"] == (0, 0.1, 0.2)


def test_a_title_is_text_and_read_out() -> None:
    figure = overlay.accuracy([run("<b>mine</b>"), Curves("new", [], [])], "time")
    assert [line["name"] for line in figure.data] == ["&lt;b&gt;mine&lt;/b&gt;", "new"]
    assert overlay.accuracy([run("x" * 60)], "time").data[0]["name"] == "x" * 39 + "…"
    assert figure.to_plotly_json()["layout"]["meta"] == (
        "Accuracy on held-out pictures over seconds: <b>mine</b> at best 66.7 %; new was not validated."
    )
