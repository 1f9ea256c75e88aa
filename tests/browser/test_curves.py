"""What a visitor has set in a figure stays as new points come in: a run is a folder, so one that grows by hand will do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from diclam.curves import SMOOTHING
from diclam.events import Event, Started, Step, Validated
from diclam.runs import EVENTS, Run
from tests.browser.conftest import App
from tests.browser.test_train import is_drawn, zoom

pytestmark = pytest.mark.opens(None)
LOSSES = [2.3 - 0.03 * k + 0.2 * (k % 3) for k in range(40)]
DRAWN = """() => {
  const { data, _fullLayout } = document.querySelector('#dc-loss .js-plotly-plot');
  const { x, y } = Object.fromEntries(data.map((trace) => [trace.name, trace])).smoothed;
  return { x, y, range: _fullLayout.xaxis.range, type: _fullLayout.yaxis.type };
}"""


def step(k: int) -> Step:
    return Step(k + 1, k / 10, LOSSES[k], 1e-4, 1.0, 300.0, 0.5 * k, k / 100)


def mean(losses: list[float], past: float) -> list[float]:
    weights = [[past ** (k - i) for i in range(k + 1)] for k in range(len(losses))]
    return [sum(w * one for w, one in zip(row, losses, strict=False)) / sum(row) for row in weights]


def write(run: Run, *events: Event) -> None:
    with (run.path / EVENTS).open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)


@pytest.fixture
def growing(app: App) -> Iterator[Run]:
    """A run of 30 steps whose process is there, and will never write."""
    run = Run(app.runs / "2001-grows")
    run.path.mkdir(parents=True)
    write(run, Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452), *map(step, range(30)))
    with subprocess.Popen(["sleep", "600"]) as trainer:
        run.claim(trainer.pid)
        yield run
        trainer.kill()
    shutil.rmtree(run.path)


def test_the_best_validation_alone_says_its_figure_as_more_come(page: Page, app: App, growing: Run) -> None:
    drawn = (
        "() => { const [{ text, y }] = document.querySelector('#dc-accuracy .js-plotly-plot').data; return { text, y }; }"
    )
    page.goto(f"{app.url}/?tab=train&run={growing.name}")
    is_drawn(page)
    shown: list[str] = []
    for k, (accuracy, best) in enumerate([(0.3, True), (0.2, False), (0.4, True), (0.35, False)], start=1):
        write(growing, Validated(40 * k, 4.0 * k, 1.9, accuracy, 500, 5.0 * k, best))
        shown = [*shown, ""] if not best else [*[""] * len(shown), f"{100 * accuracy:.1f} %"]
        page.wait_for_function(f"(count) => ({drawn})().y?.length === count", arg=k)
        assert page.evaluate(drawn)["text"] == shown


def test_zoom_log_axis_and_smoothing_stay_as_points_come_in(page: Page, app: App, growing: Run) -> None:
    def shows(points: int) -> dict[str, Any]:
        page.wait_for_function(f"(points) => ({DRAWN})().x?.length === points", arg=points)
        return page.evaluate(DRAWN)

    page.goto(f"{app.url}/?tab=train&run={growing.name}")
    is_drawn(page)
    assert shows(30)["y"] == pytest.approx(mean(LOSSES[:30], SMOOTHING), abs=1e-4)
    page.get_by_role("button", name="log axis").click()
    slider = page.get_by_role("slider", name=re.compile("smoothing"))
    slider.fill("0.49")
    slider.press("ArrowRight")
    expect(page.locator("#dc-loss output")).to_have_text("0.50")
    zoomed = zoom(page)
    write(growing, *map(step, range(30, 40)), Validated(40, 4.0, 1.9, 0.3, 500, 21.0, True))
    after = shows(40)
    assert (after["range"], after["type"]) == (zoomed, "log")
    assert after["y"] == pytest.approx(mean(LOSSES, 0.5), abs=1e-4)
    slider.press("Home")
    expect(page.locator("#dc-loss .legend")).not_to_contain_text("smoothed")
    assert page.evaluate(DRAWN)["range"] == zoomed
    slider.fill("0.3")
    page.reload()
    is_drawn(page)
    again = shows(40)
    assert (again["type"], again["y"]) == ("log", pytest.approx(mean(LOSSES, 0.3), abs=1e-4))
    expect(page.locator("#dc-loss output")).to_have_text("0.30")
    expect(page.get_by_role("button", name="log axis")).to_have_attribute("aria-pressed", "true")
