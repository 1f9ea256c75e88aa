"""What a visitor does with a run that has ended: a hand-made folder, as training takes too long here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from diclam import runs
from diclam.evaluate import FIGURES
from diclam.events import Finished, Started, Step, Tested, Validated
from diclam.ledger import Ledger
from diclam.recipe import config
from diclam.runs import Run, list_runs
from tests.browser.conftest import PATIENCE, App, own_token, toast

pytestmark = pytest.mark.opens("?tab=train")
NAME, TITLE = "2001-02-01_ended", "<b>my best</b>"


@pytest.fixture(autouse=True)
def run(page: Page, app: App) -> Iterator[Run]:
    """A run of this page, which shows it; at the end it is gone, and so is what came of it."""
    before = {run.name for run in list_runs(app.runs)}
    run = Run(app.runs / NAME)
    run.path.mkdir(parents=True)
    info = {"config": config("fast", budget=60.0, seed=7).to_dict(), "started": "2001-02-01T10:00:00"}
    (run.path / runs.INFO).write_text(json.dumps(info | {"versions": {}, "hardware": {}}))
    events = [Started("fast", 60.0, 7, "cpu", "float32", 40_000, 500, 125, 1_837_452)]
    events += [Step(1, 0.1, 1.9, 1e-3, 1.0, 300.0, 1.0, 0.1), Validated(1, 0.1, 1.7, 0.6, 500, 4.0, True)]
    events += [Finished("time", 4, 0.4, 60.0, 500, 0.6), Tested(0.625, 0.6, 0.6, 0.6, 1.0)]
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    (run.path / FIGURES).write_text(json.dumps({"accuracy": 0.625, "training_seconds": 60.0}))
    Ledger(app.runs).own(run.name, own_token(page))
    page.goto(f"{app.url}/?tab=train&run={NAME}")
    expect(row(page, NAME)).to_be_visible()
    yield run
    for left in list_runs(app.runs):
        if left.name not in before:
            shutil.rmtree(left.path)
            Ledger(app.runs).forget(left.name)


def row(page: Page, words: str) -> Locator:
    return page.locator("#dc-runs-table tbody tr").filter(has_text=words)


def test_a_title_is_typed_by_keyboard_and_everybody_reads_it_as_text(page: Page, browser: Browser, app: App) -> None:
    table = page.locator("#dc-runs-table")
    table.get_by_role("button", name="Rename").click()
    page.keyboard.type(TITLE)
    page.keyboard.press("Enter")
    expect(row(page, TITLE)).to_be_visible()
    expect(table.locator(".rt-which")).to_have_text(TITLE)
    expect(table.get_by_role("button", name="Rename")).to_be_focused()
    with browser.new_context() as context:
        other = context.new_page()
        other.set_default_timeout(PATIENCE)
        other.goto(f"{app.url}/?tab=train&run={NAME}")
        expect(row(other, TITLE)).to_be_visible()
        expect(other.locator("#dc-runs-table").get_by_role("button", name="Rename")).to_be_disabled()


def test_a_run_is_taken_home_and_brought_back(page: Page, app: App, run: Run) -> None:
    with page.expect_download() as download:
        page.locator("#dc-runs-table").get_by_role("button", name="Download (zip)").click()
    path, before = download.value.path(), {run.name for run in list_runs(app.runs)}
    bring = page.locator("#dc-bring-run").locator("xpath=..").locator("input[type=file]").first
    bring.set_input_files({"name": "broken.zip", "mimeType": "application/zip", "buffer": path.read_bytes()[:99]})
    expect(toast(page)).to_contain_text("got a file that is no zip, or a damaged one")
    page.get_by_test_id("toast-close").last.click()
    bring.set_input_files({"name": "run.zip", "mimeType": "application/zip", "buffer": path.read_bytes()})
    expect(toast(page)).to_contain_text("The run was imported as")
    [brought] = [run for run in list_runs(app.runs) if run.name not in before]
    expect(row(page, brought.name)).to_be_visible()
    expect(page.locator("#dc-run")).to_contain_text(f"Run {brought.name}: recipe fast, 1 min, seed 7")
    assert brought.events() == run.events()


def test_a_run_enters_the_challenge_under_a_name_and_is_taken_off_again(page: Page, browser: Browser, app: App) -> None:
    board = page.locator("#dc-board")
    board.scroll_into_view_if_needed()
    board.get_by_label("Your name").fill(TITLE)
    board.get_by_role("button", name="Enter this run").click()
    entry = board.locator("tbody tr")
    expect(entry).to_have_count(1)
    expect(entry).to_contain_text([f"{TITLE}60.0 s; fast, seed 762.50 %60.0 s"])
    with browser.new_context() as context:
        other = context.new_page()
        other.set_default_timeout(PATIENCE)
        other.goto(f"{app.url}/?tab=train&run={NAME}")
        other.locator("#dc-board").scroll_into_view_if_needed()
        expect(other.locator("#dc-board tbody tr")).to_contain_text([TITLE])
        expect(other.locator("#dc-board tbody button")).to_have_count(0)
        expect(other.locator("#dc-board .cb-why")).to_contain_text("started by another visitor")
    entry.get_by_role("button", name=f"Take {TITLE} off the board").click()
    expect(entry).to_have_count(0)
    expect(board.get_by_role("button", name="Enter this run")).to_be_visible()
