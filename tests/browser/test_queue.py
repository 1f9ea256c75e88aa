"""Two visitors and one run at a time: who may stop it, and who waits for what. No network is trained here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.queue_panel import OTHERS
from diclam import runs
from diclam.events import Started, Step
from diclam.ledger import Ledger
from diclam.recipe import config
from diclam.runs import Run
from tests.browser.conftest import PATIENCE, App, choose_tab

STARTED = Started("fast", 600.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)


@pytest.fixture
def run(app: App) -> Iterator[Run]:
    """One that goes on, as far as anybody can see; at the end nothing waits and nothing goes on."""
    process = subprocess.Popen(["sleep", "600"])
    run = Run(app.runs / "2001-01-01_00-00-00_fast")
    run.path.mkdir(parents=True)
    (run.path / runs.INFO).write_text(json.dumps({"config": config("fast", budget=600.0).to_dict()}))
    events = STARTED, Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    run.claim(process.pid)
    yield run
    with Ledger(app.runs).writing() as database:
        database.execute("DELETE FROM waiting")
    process.kill()
    process.wait()


def queue_up(page: Page, place: int) -> None:
    expect(page.locator("#dc-start")).to_have_text("Queue up")
    page.locator("#dc-start").click()
    expect(page.locator("#dc-queue .ql-waiting li")).to_have_count(place)


def test_everybody_waits_in_one_queue_and_only_its_owner_stops_a_run(
    page: Page, browser: Browser, app: App, run: Run
) -> None:
    token = page.evaluate("JSON.parse(localStorage.getItem('diclam-visitor')).own")
    Ledger(app.runs).own(run.name, token)
    assert token not in page.url
    choose_tab(page, "Train")
    page.reload()
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        other = context.new_page()
        other.set_default_timeout(PATIENCE)
        other.goto(f"{app.url}?tab=train")
        expect(other.locator("#dc-queue")).to_contain_text(OTHERS)
        expect(other.locator("#dc-stop")).to_be_disabled()
        queue_up(other, 1)
        queue_up(other, 2)
        queue_up(page, 3)
        # Everybody sees all places, and may give up their own.
        expect(other.locator("#dc-queue .ql-waiting li")).to_have_count(3)
        assert other.locator("#dc-queue .ql-mine button").count() == 2
        assert page.locator("#dc-queue .ql-mine button").count() == 1
        other.locator("#dc-queue .ql-mine button").first.click()
        expect(page.locator("#dc-queue .ql-waiting li")).to_have_count(2)
        assert other.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#dc-queue")).not_to_contain_text(OTHERS)
    assert not run.stop_requested()
    page.locator("#dc-stop").click()
    expect(page.locator("#dc-run")).to_contain_text("Stopping")
    assert run.stop_requested()
