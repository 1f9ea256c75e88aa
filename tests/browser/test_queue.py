"""Two visitors and one run at a time: who may stop it, and who waits for what. No network learns anything here: what begins
by itself is stopped before its first step."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.queue_panel import NOBODYS, OTHERS
from diclam import runs
from diclam.events import Started, Step
from diclam.ledger import Ledger
from diclam.recipe import config
from diclam.runs import Run, list_runs
from tests.browser.conftest import ADMIN, PATIENCE, App, own_token, toast

pytestmark = pytest.mark.opens("?tab=train")
STARTED = Started("fast", 600.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452)


@pytest.fixture
def run(app: App) -> Iterator[Run]:
    """One that goes on, as far as anybody can see; at the end nothing waits and nothing goes on."""
    process = subprocess.Popen(["sleep", "600"])
    before = {run.name for run in list_runs(app.runs)}
    run = Run(app.runs / "2001-01-01_00-00-00_fast")
    run.path.mkdir(parents=True)
    (run.path / runs.INFO).write_text(json.dumps({"config": config("fast", budget=600.0).to_dict()}))
    events = STARTED, Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    run.claim(process.pid)
    yield run
    with Ledger(app.runs).writing() as database:
        database.execute("DELETE FROM waiting")
    Ledger(app.runs).forget(run.name)
    process.kill()
    process.wait()
    for begun in list_runs(app.runs):
        if begun.name not in before:
            begun.terminate()
            shutil.rmtree(begun.path)


def queue_up(page: Page, place: int) -> None:
    expect(page.locator("#dc-start")).to_have_text("Queue up")
    page.locator("#dc-start").click()
    expect(page.locator("#dc-queue .ql-waiting li")).to_have_count(place)


def own(page: Page, run: Run) -> None:
    """The run is this page's from now on."""
    token = own_token(page)
    assert token not in page.url
    Ledger(run.path.parent).own(run.name, token)


def begins(page: Page, before: set[str], root: Path) -> Run:
    """A run of this page that waited comes to be shown on it by itself."""
    expect(page.locator("#dc-run")).to_contain_text("Getting ready")
    [begun] = [run for run in list_runs(root) if run.name not in before]
    expect(page.locator("#dc-run")).to_contain_text(begun.name)
    return begun


def test_everybody_waits_in_one_queue_and_each_start_begins_by_itself(
    page: Page, browser: Browser, app: App, run: Run
) -> None:
    own(page, run)
    page.reload()
    known = {run.name for run in list_runs(app.runs)}
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        other = context.new_page()
        other.set_default_timeout(PATIENCE)
        other.goto(f"{app.url}?tab=train")
        expect(other.locator("#dc-queue")).to_contain_text(OTHERS)
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

        page.locator("#dc-stop").click()
        expect(page.locator("#dc-run")).to_contain_text("Stopping")
        assert run.stop_requested()
        run.terminate()  # as it would do itself
        first = begins(other, known, app.runs)  # What was the other's second has the turn of the first.
        expect(page.locator("#dc-queue .ql-going")).to_contain_text(first.name)  # Who waits sees it as well.
        expect(page.locator("#dc-queue .ql-waiting li")).to_have_count(1)
        other.locator("#dc-stop").click()
        expect(other.locator("#dc-run")).to_contain_text("Stopped before it had learned anything.")
        begins(page, {*known, first.name}, app.runs)
        expect(page.locator("#dc-queue .ql-waiting li")).to_have_count(0)
        expect(page.locator("#dc-stop")).to_be_enabled()


def test_only_its_owner_stops_a_run_even_where_another_makes_the_button_work(
    page: Page, browser: Browser, app: App, run: Run
) -> None:
    own(page, run)
    with browser.new_context() as context:
        other = context.new_page()
        other.set_default_timeout(PATIENCE)
        other.goto(f"{app.url}?tab=train")
        expect(other.locator("#dc-queue")).to_contain_text(OTHERS)
        for button, says in (("#dc-stop", "Stop"), ("#dc-pause", "Pause")):
            expect(other.locator(button)).to_be_disabled()
            other.locator(button).evaluate("(button) => { button.disabled = false; }")
            with other.expect_response(lambda answer: "/run/predict" in answer.url and not answer.ok):
                other.locator(button).click()
            expect(toast(other)).to_contain_text(OTHERS)
            expect(other.locator(button)).to_have_text(says)
            other.get_by_test_id("toast-close").last.click()
            expect(toast(other)).to_have_count(0)
    assert not run.stop_requested()
    assert not run.pause_requested()
    assert run.alive()


def test_the_owner_of_the_server_stops_any_run_once_the_token_was_typed(page: Page, app: App, run: Run) -> None:
    page.reload()
    expect(page.locator("#dc-queue")).to_contain_text(NOBODYS)
    page.get_by_role("button", name="For the owner of this server").click()
    typed, rename = page.locator("#dc-admin-token input"), page.locator("#dc-runs-table .rt-name")
    typed.fill("something else")
    page.locator("#dc-admin-enter").click()
    expect(toast(page)).to_contain_text("This is not the token")
    expect(page.locator("#dc-stop")).to_be_disabled()
    typed.fill(ADMIN)
    page.keyboard.press("Enter")
    expect(toast(page)).to_contain_text("Every run can be changed from this browser now")
    expect(typed).to_have_value("")
    expect(rename).to_be_enabled()
    page.locator("#dc-stop").click()
    expect(page.locator("#dc-run")).to_contain_text("Stopping")
    assert run.stop_requested()
    page.locator("#dc-admin-leave").click()
    expect(rename).to_be_disabled()
    assert ADMIN not in page.evaluate("JSON.stringify(localStorage)")
