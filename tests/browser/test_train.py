"""What a visitor does in the Train tab: real runs on the real data set, each in a process of its own, but tested on few of
its pictures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.interface import FIRST_EXAMPLE
from demo.queue_panel import TEST
from diclam import calibration, checkpoint, runs
from diclam.draw import percent, sentence
from diclam.events import Finished, Started, Step, Testing, Validated
from diclam.ledger import Ledger
from diclam.model import DiCLAM
from diclam.predict import load_picture, predict
from diclam.recipe import config
from diclam.runs import Run, list_runs
from tests.browser.conftest import AT_LEAST, POINTS, App, choose_tab, own_token, start_small, toast

# A run starts a Python of its own and trains, on whatever machine this is.
pytestmark = [pytest.mark.timeout(900), pytest.mark.opens("?tab=train")]
SLOW = 400_000
RUN_NAME = re.compile(r"Run (\S+?)[:.]? ")
GROWN = f"([id, before]) => ({POINTS})(id) > before"
X_RANGE = "() => document.querySelector('#dc-loss .js-plotly-plot')._fullLayout.xaxis.range"


@pytest.fixture(autouse=True)
def no_run_is_left(app: App) -> Iterator[None]:
    yield
    for run in list_runs(app.runs):
        run.terminate()


def is_drawn(page: Page) -> None:
    for figure in ("#dc-loss", "#dc-accuracy"):
        expect(page.locator(f"{figure} .js-plotly-plot .main-svg").first).to_be_visible()


def start(page: Page, seconds: str) -> None:
    is_drawn(page)
    page.locator("#dc-budget input").fill(seconds)
    expect(page.locator("#dc-start")).to_be_enabled()
    page.locator("#dc-start").click()


def status(page: Page, text: str, timeout: float = SLOW) -> None:
    expect(page.locator("#dc-run")).to_contain_text(text, timeout=timeout)


def shown_run(page: Page, app: App) -> Run:
    found = RUN_NAME.search(page.locator("#dc-run").inner_text() + " ")
    assert found
    return Run(app.runs / found.group(1))


def grows(page: Page, figure: str) -> None:
    before = page.evaluate(POINTS, figure)
    page.wait_for_function(GROWN, arg=[figure, before], timeout=SLOW)


def zoom(page: Page) -> list[float]:
    """Drags over a part of the loss figure, as a mouse does; -> the range that is then shown."""
    before = page.evaluate(X_RANGE)
    area = page.locator("#dc-loss .nsewdrag").first.bounding_box()
    assert area is not None
    y = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + area["width"] * 0.2, y)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, y, steps=5)
    page.mouse.up()
    page.wait_for_function(f"(before) => String(({X_RANGE})()) !== before", arg=",".join(str(x) for x in before))
    return page.evaluate(X_RANGE)


def use_model(page: Page, run: Run) -> None:
    """The run's model answers in Classify, as the core says it must."""
    page.locator("#dc-use").click()
    expect(page.locator("#dc-model input")).to_have_value(re.compile(re.escape(run.name)))
    choose_tab(page, "Classify")
    expected = sentence(predict(calibration.load_model(run.path), load_picture(FIRST_EXAMPLE).pixels).probabilities)
    expect(page.locator("#dc-sentence")).to_contain_text(expected)


def test_a_run_is_watched_reloaded_finished_used_and_taken_home(page: Page, app: App, tmp_path: Path) -> None:
    start(page, "20")
    status(page, "Getting ready")
    run = shown_run(page, app)
    status(page, "left of 0:20")
    grows(page, "dc-loss")

    page.reload()  # in the middle
    is_drawn(page)
    status(page, "left of 0:20")
    assert shown_run(page, app).name == run.name
    expect(page.locator("#dc-start")).to_have_text("Queue up")
    zoomed = zoom(page)
    grows(page, "dc-loss")
    assert page.evaluate(X_RANGE) == zoomed

    status(page, "the time limit was reached")
    expect(page.locator("#dc-figures")).to_be_visible(timeout=SLOW)
    assert page.evaluate(POINTS, "dc-accuracy") >= 1
    assert page.evaluate(X_RANGE) == zoomed
    evaluation = run.evaluation()
    expect(page.locator("#dc-figures")).to_contain_text(percent(evaluation.accuracy))
    for value in (evaluation.precision, evaluation.recall, evaluation.f1):
        expect(page.locator("#dc-figures")).to_contain_text(f"{value:.3f}")

    with page.expect_download() as download:
        page.locator("#dc-predictions").click()
    assert download.value.suggested_filename == f"{run.name}_predictions.csv"
    assert download.value.path().read_bytes() == (run.path / "predictions.csv").read_bytes()
    with page.expect_download() as download:
        page.locator("#dc-checkpoint").click()
    assert download.value.suggested_filename == f"{run.name}_checkpoint.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path)
    checkpoint.load(tmp_path / run.name)
    with page.expect_download() as download:
        page.locator("#dc-report").click()
    assert download.value.suggested_filename == f"{run.name}_report.html"
    assert f"{evaluation.f1:.4f}" in download.value.path().read_text(encoding="utf-8")
    use_model(page, run)


@pytest.fixture
def in_its_test(app: App) -> Iterator[Run]:
    """A run that was stopped and answers its test pictures, as far as anybody can see."""
    run = Run(app.runs / "9997_tested")
    checkpoint.save(run.path, DiCLAM())
    (run.path / runs.INFO).write_text(json.dumps({"config": config("fast", budget=600.0).to_dict()}))
    events = [Started("fast", 600.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)]
    events += [Step(7, 0.7, 1.3, 1e-3, 1.0, 300.0, 7.0, 7 / 600), Validated(7, 0.7, 1.5, 0.3, 500, 7.0, True)]
    events += [Finished("stopped", 7, 0.7, 7.0, 875, 0.3), Testing(500, 10_000)]
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    process = subprocess.Popen(["sleep", "600"])
    run.claim(process.pid)
    yield run
    process.kill()
    process.wait()
    shutil.rmtree(run.path)


def test_the_test_of_a_run_is_skipped_and_made_later(page: Page, app: App, in_its_test: Run) -> None:
    run = in_its_test
    Ledger(app.runs).own(run.name, own_token(page))
    page.goto(f"{app.url}?tab=train&run={run.name}")
    status(page, "Stopped after")
    expect(page.locator("#dc-stop")).to_have_text("Skip the test")
    page.locator("#dc-stop").click()
    status(page, "Its weights can be used; the test pictures are yet to be answered.")
    expect(page.locator("#dc-start")).to_be_enabled()
    expect(page.locator("#dc-predictions")).to_be_disabled()
    use_model(page, run)
    choose_tab(page, "Train")
    page.get_by_role("button", name=TEST).click()
    status(page, "It is right about")
    expect(page.get_by_role("button", name=TEST)).to_be_hidden()
    expect(page.locator("#dc-figures")).to_contain_text(percent(run.evaluation().accuracy))


def test_a_run_that_has_not_begun_stops_at_once(page: Page, app: App) -> None:
    start(page, "60")
    status(page, "Getting ready")
    run = shown_run(page, app)
    page.locator("#dc-stop").click()
    status(page, "Stopped before it had learned anything.", timeout=30_000)
    assert not run.alive()
    expect(page.locator("#dc-start")).to_be_enabled()
    expect(page.locator("#dc-use")).not_to_be_visible()


@pytest.mark.opens(None)
def test_a_paused_run_learns_nothing_until_it_goes_on(page: Page, app: App) -> None:
    start_small(page, app.url)
    grows(page, "dc-loss")
    run, pause = shown_run(page, app), page.locator("#dc-pause")
    pause.click()
    status(page, "Paused: the clock stands still")
    expect(pause).to_have_text("Continue")
    expect(page.locator("#dc-run")).to_contain_text("of 10:00, paused")
    steps, seconds = len(run.status().steps), run.status().steps[-1].seconds
    page.reload()
    status(page, "Paused: the clock stands still")
    assert len(run.status().steps) == steps
    page.wait_for_function(AT_LEAST, arg=["dc-loss", steps])
    pause.click()
    grows(page, "dc-loss")
    expect(pause).to_have_text("Pause")
    goes_on = run.status().steps[steps]
    assert goes_on.seconds - seconds < 5
    page.locator("#dc-stop").click()
    status(page, "Stopped by you after")


def test_an_impossible_budget_gets_a_message_and_no_run(page: Page, app: App) -> None:
    before = [run.name for run in list_runs(app.runs)]
    for seconds in ("-1", "1000000000", ""):
        start(page, seconds)
        expect(toast(page)).to_contain_text("15 to 600 seconds")
        expect(page.locator("#dc-budget input")).to_have_value(seconds)
        expect(page.locator("#dc-start")).to_be_enabled()
        page.get_by_test_id("toast-close").last.click()
        expect(toast(page)).to_have_count(0)
    assert [run.name for run in list_runs(app.runs)] == before


def test_a_budget_is_chosen_by_keyboard(page: Page) -> None:
    is_drawn(page)
    page.locator("#dc-presets input").nth(0).focus()
    page.keyboard.press("Space")
    expect(page.locator("#dc-budget input")).to_have_value("15")
    page.locator("#dc-budget input").fill("77")
    expect(page.locator("#dc-presets input:checked")).to_have_count(0)
    page.locator("#dc-budget input").fill("120")
    expect(page.locator("#dc-presets input:checked")).to_have_value("120")


def test_a_reset_chooses_the_usual_budget_again(page: Page) -> None:
    is_drawn(page)
    page.locator("#dc-presets").get_by_label("10 min").check()
    expect(page.locator("#dc-budget input")).to_have_value("600")
    page.get_by_role("button", name="More settings").click()
    page.locator("#dc-reset").click()
    expect(page.locator("#dc-budget input")).to_have_value("60")
    expect(page.locator("#dc-presets input:checked")).to_have_value("60")


def test_the_curves_follow_the_theme(page: Page) -> None:
    is_drawn(page)
    ink = "() => getComputedStyle(document.querySelector('#dc-loss .xtick text')).fill"
    light = page.evaluate(ink)
    page.evaluate("document.body.classList.toggle('dark')")
    page.wait_for_function(f"(light) => ({ink})() !== light", arg=light)
    page.evaluate("document.body.classList.toggle('dark')")
    page.wait_for_function(f"(light) => ({ink})() === light", arg=light)
