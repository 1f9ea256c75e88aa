"""Nothing is lost when something is killed: the training process, or the app itself while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.app import free_port
from demo.queue_panel import CONTINUE
from diclam import runs
from diclam.events import Resumed
from diclam.runs import Run, list_runs
from tests.browser.conftest import AT_LEAST, PATIENCE, POINTS, App, start_small
from tests.serving import FEW_TESTED, serving

# A run starts a Python of its own and trains, on whatever machine this is.
pytestmark = pytest.mark.timeout(900)
SLOW = 400_000


@pytest.fixture(autouse=True)
def no_run_is_left(app: App) -> Iterator[None]:
    yield
    for run in list_runs(app.runs):
        run.terminate()


def trainer(run: Run) -> psutil.Process:
    return psutil.Process(int((run.path / "process").read_text().split()[0]))


@pytest.mark.opens(None)
def test_a_run_whose_trainer_was_killed_says_so_and_goes_on_from_what_was_kept(page: Page, app: App) -> None:
    resume, before = (
        page.locator("#dc-queue").get_by_role("button", name=CONTINUE),
        {run.name for run in list_runs(app.runs)},
    )
    start_small(page, app.url)
    page.wait_for_function(AT_LEAST, arg=["dc-accuracy", 2], timeout=SLOW)  # The first one is kept by then.
    [run] = [run for run in list_runs(app.runs) if run.name not in before]
    expect(resume).to_be_hidden()
    shown = {figure: page.evaluate(POINTS, figure) for figure in ("dc-loss", "dc-accuracy")}
    trainer(run).kill()
    expect(page.locator("#dc-run")).to_contain_text("The run was cut off after")
    expect(page.locator("#dc-run")).to_contain_text("The training process was killed, without a word of its own")
    expect(page.locator("#dc-stop")).to_be_disabled()
    expect(page.locator("#dc-start")).to_have_text("Start")
    told = {figure: page.evaluate(POINTS, figure) for figure in shown}
    assert all(told[figure] >= points for figure, points in shown.items())
    assert (run.path / runs.STATE).is_file()

    resume.click()
    expect(page.locator("#dc-run")).to_contain_text("left of 10:00", timeout=SLOW)
    expect(resume).to_be_hidden()
    for figure, points in told.items():
        page.wait_for_function(AT_LEAST, arg=[figure, points + 1], timeout=SLOW)
    assert run.alive()
    assert any(isinstance(event, Resumed) for event in run.events())
    page.locator("#dc-stop").click()
    expect(page.locator("#dc-run")).to_contain_text("Stopped by you after")


def test_a_run_the_queue_and_what_was_shown_survive_a_killed_app(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        with serving(tmp_path, port, *FEW_TESTED) as killed:
            start_small(page, f"http://127.0.0.1:{port}")
            try:
                page.wait_for_function(AT_LEAST, arg=["dc-loss", 1], timeout=SLOW)
                [run] = list_runs(tmp_path / "root")
                waiting = page.locator("#dc-queue .ql-mine")
                for place in (1, 2, 3):
                    expect(page.locator("#dc-start")).to_have_text("Queue up")
                    page.locator("#dc-seed input").fill(f"{place}")
                    page.locator("#dc-start").click()
                    expect(waiting).to_have_count(place)
                trained_by = trainer(run)
                killed.kill()
                killed.wait()
                before = page.evaluate(POINTS, "dc-loss")
                with serving(tmp_path, port, *FEW_TESTED):
                    assert run.alive()
                    address = page.url
                    page.close()  # It would reload itself as soon as the app answers again.
                    page = context.new_page()
                    page.set_default_timeout(PATIENCE)
                    page.goto(address)
                    expect(page.locator("#dc-run")).to_contain_text(run.name)
                    page.wait_for_function(AT_LEAST, arg=["dc-loss", before + 1], timeout=SLOW)
                    assert trained_by.is_running()
                    waiting = page.locator("#dc-queue .ql-mine")
                    expect(waiting).to_contain_text([f"seed {place}" for place in (1, 2, 3)])
                    # It is still known whose they are.
                    waiting.first.get_by_role("button", name="Withdraw").click()
                    expect(waiting).to_contain_text(["seed 2", "seed 3"])
            finally:
                for left in list_runs(tmp_path / "root"):
                    left.terminate()
