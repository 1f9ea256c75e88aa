"""Figures hold the numbers they were given, and nothing that could not stand on any page."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from diclam import figures
from diclam.curves import smooth
from diclam.events import Finished, Step, Tested, Validated
from tests.conftest import random_evaluation

FINISHED, TESTED = Finished("time", 100, 2.0, 50.0, 1600, 0.5), Tested(0.614, 0.6, 0.6, 0.6, 3.0)


def step(k: int, value: float | None = 2.0, seconds: float | None = None) -> Step:
    return Step(k, k / 50, value, 1e-3, 1.0, 300.0, k * 0.5 if seconds is None else seconds, k / 100)


def validated(k: int, right: float) -> Validated:
    return Validated(k, k / 50, 2.0 - right, right, 500, k * 0.5, True)


STEPS, LOOKS = [step(k, 3.0 - k / 50) for k in range(1, 101)], [validated(40, 0.3), validated(80, 0.523)]


def all_of_them() -> list[Figure]:
    return [
        figures.confusion(random_evaluation().confusion),
        figures.loss(STEPS, LOOKS),
        figures.accuracy(STEPS, LOOKS, FINISHED, TESTED),
    ]


def lines(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    return {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines}  # pyright: ignore[reportArgumentType]


def test_the_matrix_says_every_count_in_its_place() -> None:
    counts = random_evaluation().confusion
    (axes,) = figures.confusion(counts).axes
    said = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert said == {(real, answer): str(counts[real, answer]) for real, answer in np.ndindex(10, 10)}
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first class is on top"


def test_the_loss_is_drawn_over_epochs_as_it_came_smoothed_and_on_held_out_pictures() -> None:
    drawn = lines(figures.loss(STEPS, LOOKS))
    losses = [event.loss for event in STEPS]
    assert drawn["training"] == ([event.epoch for event in STEPS], losses)
    assert drawn["training, smoothed"][1] == smooth(losses)
    assert drawn["validation"] == ([0.8, 1.6], [1.7, 2.0 - 0.523])


def test_a_loss_that_is_no_number_is_a_gap() -> None:
    _, values = lines(figures.loss([step(1), step(2, None), step(3)], []))["training"]
    assert np.isnan(values).tolist() == [False, True, False]


def test_accuracy_is_drawn_over_time_with_the_test_at_the_end() -> None:
    drawn = lines(figures.accuracy(STEPS, LOOKS, FINISHED, TESTED))
    times, shares = drawn["validation, at best 52.3 %"]
    assert times == [20.0, 40.0]
    assert shares == pytest.approx([30.0, 52.3])
    assert drawn["test, at the end: 61.4 %"] == ([50.0], [pytest.approx(61.4)])


@pytest.mark.parametrize(
    ("seconds", "unit", "at"), [(50.0, "seconds", 50.0), (600.0, "minutes", 10.0), (7.2e4, "hours", 20.0)]
)
def test_long_runs_count_in_minutes_or_hours(seconds: float, unit: str, at: float) -> None:
    figure = figures.accuracy([step(100, seconds=seconds)], LOOKS, None, None)
    assert figure.axes[0].get_xlabel() == f"training time in {unit}"
    assert figure.axes[0].get_xlim() == (0, pytest.approx(at))


def test_the_epochs_on_top_stand_where_each_was_reached() -> None:
    # The first epoch took 10 s, the second 30.
    steps = [step(50, seconds=10.0), step(100, seconds=40.0)]
    _, top = figures.accuracy(steps, LOOKS, None, None).axes
    places = {label.get_text(): place for place, label in zip(top.get_xticks(), top.get_xticklabels(), strict=True)}
    assert places["1.2"] == pytest.approx(16.0)
    assert places["2"] == pytest.approx(40.0)


def test_a_png_is_960_pixels_wide() -> None:
    with Image.open(io.BytesIO(figures.png(figures.loss(STEPS, [])))) as image:
        assert (image.format, image.width) == ("PNG", 960)


def test_an_svg_can_stand_beside_others_in_any_colours() -> None:
    texts = [figures.svg(figure) for figure in all_of_them()]
    used = set().union(*(re.findall(r"#[0-9a-f]{6}\b", text) for text in texts))
    assert used == set(figures.COLOURS.values())
    for text in texts:
        assert text.startswith("<svg")
        assert re.sub(r'xmlns(:xlink)?="[^"]+"', "", text).count("http") == 0
    # Ids stay only where something points to them; two figures share those of the same letters alone.
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in texts]
    shared = {name for k, names in enumerate(ids) for others in ids[:k] for name in names & others}
    assert all("DejaVu" in name for name in shared)


def test_an_empty_record_is_an_empty_pair_of_axes() -> None:
    for figure in (figures.loss([], []), figures.accuracy([], [], None, None)):
        assert figures.png(figure)


def test_what_mattered_most_is_on_top_and_each_bar_says_its_share() -> None:
    figure = figures.importance({"learning_rate": 0.7, "warmup": 0.2, "heads": 0.1}, 20)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["heads", "warmup", "learning_rate"]
    assert [text.get_text() for text in axes.texts] == ["10%", "20%", "70%"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([10, 20, 70])  # pyright: ignore[reportAttributeAccessIssue]
    assert "20 trials" in axes.get_xlabel()
