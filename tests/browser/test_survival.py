"""Nothing is lost when something is killed: the training process, or the app itself while a run goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.app import free_port
from demo.queue_panel import TEST
from demo.train_view import STOPPING
from diclam import runs
from diclam.events import Started, Step, Validated
from diclam.ledger import Ledger
from diclam.recipe import config
from diclam.runs import Run, list_runs
from tests.browser.conftest import ANSWER, PATIENCE, App, choose_tab
from tests.serving import FEW_TESTED, serving

POINTS = """(id) => (document.querySelector(`#${id} .js-plotly-plot`)?.data ?? [])
  .reduce((sum, trace) => sum + (trace.x ?? []).length, 0)"""
AT_LEAST = f"([id, count]) => ({POINTS})(id) >= count"


@pytest.fixture
def trainer(app: App) -> Iterator[tuple[Run, subprocess.Popen[bytes]]]:
    """A run that keeps its state and goes on, as far as anybody can see, and its process."""
    process = subprocess.Popen(["sleep", "600"])
    run = Run(app.runs / "9998_killed")
    run.path.mkdir(parents=True)
    (run.path / runs.INFO).write_text(json.dumps({"config": config("fast", budget=600.0).to_dict()}))
    events = [Started("fast", 600.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)]
    events += [Step(k, k / 10, 2.0 - k / 10, 1e-3, 1.0, 300.0, float(k), k / 600) for k in range(1, 8)]
    events += [Validated(7, 0.7, 1.5, 0.3, 500, 7.0, True)]
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    (run.path / runs.STATE).touch()
    run.claim(process.pid)
    yield run, process
    process.kill()
    process.wait()
    shutil.rmtree(run.path)


def test_a_killed_run_is_told_and_can_be_continued(
    page: Page, app: App, trainer: tuple[Run, subprocess.Popen[bytes]]
) -> None:
    run, process = trainer
    Ledger(app.runs).own(run.name, page.evaluate("JSON.parse(localStorage.getItem('diclam-visitor')).own"))
    page.goto(f"{app.url}?tab=train&run={run.name}")
    expect(page.locator("#dc-stop")).to_be_enabled()
    resume = page.get_by_role("button", name="Continue this run")
    expect(resume).to_be_hidden()
    page.wait_for_function(AT_LEAST, arg=["dc-loss", 8])
    shown = {figure: page.evaluate(POINTS, figure) for figure in ("dc-loss", "dc-accuracy")}
    process.send_signal(signal.SIGKILL)
    expect(page.locator("#dc-run")).to_contain_text("The run was cut off after 7 s")
    expect(resume).to_be_visible()
    expect(page.locator("#dc-stop")).to_be_disabled()
    expect(page.locator("#dc-start")).to_have_text("Start")
    assert {figure: page.evaluate(POINTS, figure) for figure in shown} == shown


def test_a_run_and_what_was_shown_of_it_survive_a_killed_app(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        with serving(tmp_path, port, *FEW_TESTED) as killed:
            page.goto(f"http://127.0.0.1:{port}")
            expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
            choose_tab(page, "Train")
            page.locator("#dc-budget input").fill("600")
            expect(page.locator("#dc-start")).to_have_text("Start")
            expect(page.locator("#dc-start")).to_be_enabled()
            page.locator("#dc-start").click()
            try:
                page.wait_for_function(AT_LEAST, arg=["dc-loss", 1], timeout=120_000)
                [run] = list_runs(tmp_path / "root")
                trained_by = psutil.Process(int((run.path / "process").read_text().split()[0]))
                killed.kill()
                killed.wait()
                before = page.evaluate(POINTS, "dc-loss")
                with serving(tmp_path, port):
                    assert run.alive()
                    address = page.url
                    page.close()  # It would reload itself as soon as the app answers again.
                    page = context.new_page()
                    page.set_default_timeout(PATIENCE)
                    page.goto(address)
                    expect(page.locator("#dc-run")).to_contain_text(run.name)
                    page.wait_for_function(AT_LEAST, arg=["dc-loss", before + 1], timeout=120_000)
                    assert trained_by.is_running()
                    page.locator("#dc-stop").click()  # It is still known whose run it is.
                    expect(page.locator("#dc-stop")).to_have_text(STOPPING, timeout=5000)
                    expect(page.locator("#dc-run")).to_contain_text("Stopped by you after")
                    expect(page.get_by_role("button", name=TEST)).to_be_visible()
                    assert not run.alive()
                    assert run.has_checkpoint
            finally:
                for left in list_runs(tmp_path / "root"):
                    left.terminate()
