"""Figures hold the numbers they were given, in few enough points, on axes that let a curve grow."""

from __future__ import annotations

from typing import Any

import pytest

from demo import plots
from diclam.events import Step, Validated

# Plotly's figures take their attributes at run time; to a type checker they are anything.


def loss(*arguments: Any, **options: Any) -> Any:
    return plots.loss(*arguments, **options)


def accuracy(*arguments: Any, **options: Any) -> Any:
    return plots.accuracy(*arguments, **options)


def step(k: int, value: float | None = 2.0, total: int = 100) -> Step:
    return Step(k, k / 50, value, 1e-3, 1.0, 300.0, k * 0.5, k / total)


def validated(k: int, right: float, best: bool = True) -> Validated:
    return Validated(k, k / 50, 2.0 - right, right, 500, k * 0.5, best)


def test_a_loss_that_is_no_number_is_a_gap() -> None:
    figure = loss([step(1, 1.0), step(2, None)], [], key="run")
    assert list(figure.data[0].y) == [1.0, None]


def test_the_loss_figure_shows_every_kind_of_loss_over_epochs() -> None:
    steps = [step(k, 3.0 - k / 10) for k in range(1, 11)]
    figure = loss(steps, [validated(5, 0.4)], key="run")
    raw, smoothed, validation = figure.data
    assert list(raw.x) == [k / 50 for k in range(1, 11)]
    assert list(raw.y) == pytest.approx([s.loss for s in steps])
    assert (smoothed.name, list(smoothed.x)) == ("smoothed", [])  # the page's own
    assert (list(validation.x), list(validation.y)) == ([0.1], [1.6])
    assert len({trace.name for trace in figure.data}) == 3
    assert "after 0.20 epochs" in figure.layout.meta


def test_a_figure_that_grows_becomes_the_whole_one() -> None:
    steps, looks = [step(k, 3.0 - k / 10) for k in range(1, 11)], [validated(5, 0.4), validated(9, 0.5)]
    before, whole = loss(steps[:6], looks[:1], key="run"), loss(steps, looks, key="run")
    growth = plots.loss_growth(steps, looks, key="run", after=(6, 1))
    assert (growth.start, growth.count) == (before.layout.datarevision, whole.layout.datarevision)
    for old, new, all_of_it in zip(before.data, growth.points, whole.data, strict=True):
        assert [*old.x, *new["x"]] == list(all_of_it.x)
        assert [*old.y, *new["y"]] == list(all_of_it.y)
    assert growth.layout["meta"] == whole.layout.meta
    assert growth.layout["include"] == list(whole.layout.xaxis.autorangeoptions.include)


@pytest.mark.parametrize("best", [0.6, 0.4])
def test_an_accuracy_that_grows_becomes_the_whole_one(best: float) -> None:
    looks = [validated(10, 0.3), validated(20, 0.5), validated(70, best, best=best > 0.5)]
    before, whole = accuracy(looks[:2], budget=30.0, key="run"), accuracy(looks, budget=30.0, key="run")
    growth = plots.accuracy_growth(looks, budget=30.0, key="run", after=2)
    assert (growth.key, growth.start, growth.count) == ("run", before.layout.datarevision, whole.layout.datarevision)
    [points], [drawn] = growth.points, whole.data
    assert [*before.data[0].x, *points["x"]] == list(drawn.x)
    assert [*before.data[0].y, *points["y"]] == list(drawn.y)
    words = ["", "", *points["text"]] if "text" in points else [*before.data[0].text, ""]
    assert words == list(drawn.text)
    assert growth.layout == {"meta": whole.layout.meta, "range": list(whole.layout.xaxis.range)}


def test_the_epoch_axis_reaches_to_where_the_run_will_come() -> None:
    figure = loss([step(10)], [], key="run")  # a tenth of the way, after 0.2 epochs
    assert list(figure.layout.xaxis.autorangeoptions.include) == [0, pytest.approx(2.0)]


def test_the_accuracy_axes_are_fixed_from_the_start() -> None:
    looks = [validated(10, 0.3), validated(20, 0.5)]
    empty, grown = accuracy([], budget=60.0, key="run"), accuracy(looks, budget=60.0, key="run")
    for figure in (empty, grown):
        assert list(figure.layout.xaxis.range) == [0, 60.0]
        assert list(figure.layout.yaxis.range) == [0, 100]
        assert figure.layout.uirevision == "run"
    assert (list(grown.data[0].x), list(grown.data[0].y)) == ([5.0, 10.0], [30.0, 50.0])


def test_the_best_validation_is_the_one_that_says_its_figure() -> None:
    figure = accuracy([validated(10, 0.3), validated(20, 0.523), validated(30, 0.4, best=False)], budget=60.0, key="run")
    assert list(figure.data[0].text) == ["", "52.3 %", ""]
    assert "52.3 %" in figure.layout.meta


@pytest.mark.parametrize("figure", [loss([], [], key=""), accuracy([], budget=60.0, key="")])
def test_nothing_yet_is_an_empty_pair_of_axes_that_says_so(figure: Any) -> None:
    layout = figure.layout
    assert layout.xaxis.range is not None
    assert layout.yaxis.range is not None
    assert "nothing to show yet" in layout.meta


def test_a_long_run_is_sent_in_few_bytes() -> None:
    steps = [step(k, 2.345678912345 / (1 + k / 1000), total=4000) for k in range(1, 4001)]
    figure = loss(steps, [validated(k * 100, 0.5) for k in range(1, 41)], key="run")
    assert all(len(trace.x) <= plots.STEPS for trace in figure.data)
    assert len(figure.to_json()) < 18_000


def test_colours_are_left_to_the_page() -> None:
    for figure in (
        loss([step(1)], [validated(1, 0.1)], key=""),
        accuracy([validated(1, 0.1)], budget=9, key=""),
    ):
        assert {trace.meta for trace in figure.data} <= {"accent", "text", "quiet"}
        assert all(trace.line.color is None and trace.marker.color is None for trace in figure.data)


def test_a_validation_that_ends_after_the_limit_is_on_the_accuracy_figure() -> None:
    late = Validated(30, 0.1, 1.4, 0.48, 500, 15.2, True)
    assert accuracy([late], budget=15, key="run").layout.xaxis.range == (0, 15.2)
    assert accuracy([], budget=15, key="run").layout.xaxis.range == (0, 15)
