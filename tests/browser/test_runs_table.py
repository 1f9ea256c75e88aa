"""What a visitor does with all runs: hand-made folders, as training takes too long here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.lesson import CARDS
from diclam import runs
from diclam.evaluate import FIGURES
from diclam.events import Event, Finished, Started, Step, Tested, Validated
from diclam.ledger import Ledger
from diclam.recipe import config
from diclam.runs import Run
from diclam.waiting import Queue
from tests.browser.conftest import App, toast

pytestmark = pytest.mark.opens(None)
ME = "1" * 32
# Name, seed, accuracy: named so that each order is another one.
RUNS = (("2001-01-01_a", 5, 0.7), ("2001-01-02_b", 9, 0.5), ("2001-01-03_c", 1, 0.6))
EVENTS: tuple[Any, ...] = (
    Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 125, 1_837_452),
    *(Step(k, k / 10, 2.0 - k / 10, 1e-3, 1.0, 300.0, float(k), k / 60) for k in range(1, 5)),
    Validated(4, 0.4, 1.7, 0.6, 500, 4.0, True),
    Finished("time", 4, 0.4, 60.0, 500, 0.6),
    Tested(0.6, 0.6, 0.6, 0.6, 1.0),
)


def write(run: Run, *events: Event) -> None:
    (run.path / runs.EVENTS).write_text("".join(event.to_json() + "\n" for event in events))


@pytest.fixture(autouse=True)
def three_runs(app: App) -> Iterator[None]:
    for name, seed, accuracy in RUNS:
        folder = app.runs / name
        folder.mkdir(parents=True)
        info = {"config": config("fast", budget=60, seed=seed).to_dict(), "started": "", "versions": {}, "hardware": {}}
        (folder / "run.json").write_text(json.dumps(info))
        events = [replace(EVENTS[0], seed=seed), *EVENTS[1:-3], Validated(4, 0.4, 1.7, accuracy, 500, 4.0, True)]
        write(Run(folder), *events, EVENTS[-2], Tested(accuracy, accuracy, accuracy, accuracy, 1.0))
        Ledger(app.runs).own(name, ME)
    yield
    for name, _, _ in RUNS:
        shutil.rmtree(app.runs / name, ignore_errors=True)
        Ledger(app.runs).forget(name)


def open_runs(page: Page, app: App) -> Locator:
    """The table, in the browser of the visitor who started the three runs."""
    page.add_init_script(f"localStorage.setItem('diclam-visitor', JSON.stringify({{ own: '{ME}' }}))")
    page.goto(f"{app.url}/?tab=train")
    table = page.locator("#dc-runs-table")
    expect(row(table, "2001-01-03_c")).to_be_visible()
    return table


def row(table: Locator, name: str) -> Locator:
    return table.locator("tbody tr").filter(has_text=name)


def mine(table: Locator) -> list[str]:
    names = [words.split("\n")[0] for words in table.locator("tbody th").all_inner_texts()]
    return [name[-1] for name in names if name in [name for name, _, _ in RUNS]]


def test_runs_are_sorted_by_keyboard(page: Page, app: App) -> None:
    table = open_runs(page, app)
    assert mine(table) == ["c", "b", "a"]
    accuracy = table.get_by_role("button", name="Accuracy")
    accuracy.focus()
    page.keyboard.press("Enter")
    assert mine(table) == ["a", "c", "b"]
    expect(table.get_by_role("columnheader", name="Accuracy")).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Enter")
    assert mine(table) == ["b", "c", "a"]
    expect(table.get_by_role("columnheader", name="Accuracy")).to_have_attribute("aria-sort", "ascending")
    expect(table.locator("[aria-sort]")).to_have_count(1)


def test_two_runs_are_laid_over_each_other(page: Page, app: App) -> None:
    Ledger(app.runs).rename("2001-01-01_a", "<i>first</i>")
    table = open_runs(page, app)
    for name in ("2001-01-01_a", "2001-01-02_b"):
        row(table, name).get_by_role("checkbox").check()
    settings = page.locator("#dc-over-settings")
    expect(settings.locator("thead th")).to_have_text(["<i>first</i>", "2001-01-02_b"])
    expect(settings.locator("tbody tr")).to_have_text(["seed59"])
    for figure in ("#dc-over-accuracy", "#dc-over-loss"):
        expect(page.locator(f"{figure} .legendtext")).to_have_text(["<i>first</i>", "2001-01-02_b"])


def test_a_link_leads_to_runs_that_lie_over_each_other(page: Page, app: App) -> None:
    table = open_runs(page, app)
    for name in ("2001-01-01_a", "2001-01-02_b"):
        row(table, name).get_by_role("checkbox").check()
    page.locator("#dc-axis").get_by_label("epochs").check()
    expect(page).to_have_url(re.compile("over=2001-01-01_a%2C2001-01-02_b.*&axis=epochs"))
    page.goto(page.url)
    expect(page.locator("#dc-axis input:checked")).to_have_value("epochs")
    expect(page.locator("#dc-over-accuracy .xtitle")).to_have_text("epochs")
    expect(page.locator("#dc-over-accuracy .legendtext")).to_have_count(2)
    expect(row(table, "2001-01-01_a").get_by_role("checkbox")).to_be_checked()
    expect(page).to_have_url(re.compile("over=2001-01-01_a%2C2001-01-02_b.*&axis=epochs"))
    page.goto(f"{app.url}/?tab=train&over=2001-01-03_c,nobody")
    expect(toast(page)).to_contain_text("There is no run 'nobody'")
    expect(row(table, "2001-01-03_c").get_by_role("checkbox")).to_be_checked()
    expect(page).to_have_url(re.compile("over=2001-01-03_c(&|$)"))
    row(table, "2001-01-03_c").get_by_role("checkbox").uncheck()
    expect(page).not_to_have_url(re.compile("over="))


def test_a_comparison_of_two_runs_finishes_the_lessons_last_card(page: Page, app: App) -> None:
    page.add_init_script("localStorage.setItem('diclam-lesson', JSON.stringify({ at: 5, done: [], starts: [] }))")
    page.goto(f"{app.url}/?lesson=1&tab=train")
    done, table = page.locator("#dc-lesson .lc-done"), page.locator("#dc-runs-table")
    expect(table).to_have_attribute("data-lesson", "here")
    row(table, "2001-01-01_a").get_by_role("checkbox").check()
    expect(page.locator("#dc-over-accuracy .legendtext")).to_have_count(1)
    expect(done).to_have_text("")
    row(table, "2001-01-02_b").get_by_role("checkbox").check()
    expect(done).to_contain_text(CARDS[-1].done)


def test_a_run_is_deleted_and_brought_back(page: Page, app: App) -> None:
    table = open_runs(page, app)
    row(table, "2001-01-02_b").get_by_role("button").click()
    expect(page.locator("#dc-run")).to_contain_text("Run 2001-01-02_b")
    expect(table.locator(".rt-which")).to_have_text("2001-01-02_b")
    table.get_by_role("button", name="Delete").click()
    expect(table.get_by_role("status")).to_have_text("2001-01-02_b was deleted.")
    expect(row(table, "2001-01-02_b")).to_have_count(0)
    assert not (app.runs / "2001-01-02_b").exists()
    table.get_by_role("button", name="Undo").click()
    expect(row(table, "2001-01-02_b")).to_be_visible()
    expect(table.get_by_role("button", name="Undo")).to_be_hidden()
    assert (app.runs / "2001-01-02_b" / "run.json").is_file()


def test_a_deleted_run_comes_back_after_a_reload(page: Page, app: App) -> None:
    table = open_runs(page, app)
    row(table, "2001-01-02_b").get_by_role("button").click()
    table.get_by_role("button", name="Delete").click()
    expect(row(table, "2001-01-02_b")).to_have_count(0)
    page.reload()
    expect(table.get_by_role("status")).to_have_text("2001-01-02_b was deleted.")
    table.get_by_role("button", name="Undo").click()
    expect(row(table, "2001-01-02_b")).to_be_visible()


def test_what_others_do_with_runs_comes_into_the_table_by_itself(page: Page, app: App) -> None:
    table = open_runs(page, app)
    ticked = row(table, "2001-01-03_c").get_by_role("checkbox")
    ticked.check()
    ticked.focus()
    Ledger(app.runs).rename("2001-01-01_a", "<b>theirs</b>")
    expect(row(table, "<b>theirs</b>")).to_be_visible()
    shutil.rmtree(app.runs / "2001-01-02_b")
    expect(row(table, "2001-01-02_b")).to_have_count(0)
    expect(ticked).to_be_checked()
    expect(ticked).to_be_focused()


@pytest.fixture
def going(app: App) -> Iterator[Run]:
    """One that goes on, as far as anybody can see; at the end nothing waits."""
    process = subprocess.Popen(["sleep", "600"])
    run = Run(app.runs / "2001-01-03_c")
    write(run, *EVENTS[:-2])
    run.claim(process.pid)
    yield run
    with Ledger(app.runs).writing() as database:
        database.execute("DELETE FROM waiting")
    process.kill()
    process.wait()


def test_the_curves_of_a_run_that_goes_on_grow_where_they_are_compared(page: Page, app: App, going: Run) -> None:
    table = open_runs(page, app)
    row(table, going.name).get_by_role("checkbox").check()
    points = "() => document.querySelector('#dc-over-accuracy .js-plotly-plot')?.data?.[0]?.x.length"
    page.wait_for_function(f"{points.replace('() => ', '')} === 1")
    for count in (2, 3):
        with (going.path / runs.EVENTS).open("a") as file:
            file.write(Validated(4 * count, 0.4 * count, 1.7, 0.6, 500, 4.0 * count, True).to_json() + "\n")
        page.wait_for_function(f"(count) => ({points})() === count", arg=count)


def test_each_run_that_was_cut_off_has_its_button_which_counts_again_after_a_refusal(
    page: Page, app: App, going: Run
) -> None:
    for name in ("2001-01-01_a", "2001-01-02_b"):
        write(Run(app.runs / name), *EVENTS[:-2])
        (app.runs / name / runs.STATE).touch()
    table = open_runs(page, app)
    expect(table.get_by_role("button", name="Continue")).to_have_count(2)
    row(table, "2001-01-01_a").get_by_role("button", name="Continue").click()
    expect(page.locator("#dc-queue .ql-waiting")).to_contain_text("2001-01-01_a, to be continued")
    expect(table.get_by_role("button", name="Continue")).to_have_count(1)
    for _ in range(2):
        Queue(app.runs).ask(config("fast", budget=60.0), ME)
    again = row(table, "2001-01-02_b").get_by_role("button", name="Continue")
    for _ in range(2):
        again.click()
        expect(toast(page)).to_contain_text("3 starts of yours wait already")
        page.get_by_test_id("toast-close").last.click()
        expect(toast(page)).to_have_count(0)
        expect(again).not_to_have_attribute("aria-disabled", "true")


def test_the_focus_stays_where_a_button_is_gone(page: Page, app: App, going: Run) -> None:
    for _ in range(2):
        Queue(app.runs).ask(config("fast", budget=60.0), ME)
    table, spoken = open_runs(page, app), page.locator("#dc-queue .ql-spoken")
    withdraw = page.locator("#dc-queue .ql-mine button")
    expect(withdraw).to_have_count(2)
    withdraw.first.press("Enter")
    expect(withdraw).to_have_count(1)
    expect(withdraw).to_be_focused()
    withdraw.press("Enter")
    expect(withdraw).to_have_count(0)
    expect(page.locator("#dc-start")).to_be_focused()
    expect(spoken).to_have_text("You no longer wait.")
    row(table, "2001-01-02_b").get_by_role("button").press("Enter")
    expect(page.locator("#dc-run")).to_contain_text("Run 2001-01-02_b")
    table.get_by_role("button", name="Delete").press("Enter")
    expect(row(table, "2001-01-02_b")).to_have_count(0)
    expect(table.locator("button[aria-current]")).to_be_focused()
    table.get_by_role("button", name="Undo").press("Enter")
    expect(row(table, "2001-01-02_b").get_by_role("button")).to_be_focused()


def test_a_run_is_entered_and_taken_off_the_board_by_keyboard(page: Page, app: App) -> None:
    for name, _, accuracy in RUNS:
        (app.runs / name / FIGURES).write_text(json.dumps({"accuracy": accuracy, "training_seconds": 60.0}))
        if name != "2001-01-03_c":
            Ledger(app.runs).enter(name, f"<i>{name}</i>")
    table, board = open_runs(page, app), page.locator("#dc-board")
    row(table, "2001-01-03_c").get_by_role("button").click()
    field, said = board.get_by_label("Your name"), board.get_by_role("status")
    expect(board.locator("tbody tr")).to_have_count(2)
    field.fill("  me ")
    field.press("Enter")
    expect(said).to_have_text("Entered as me, at place 2.")
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    off = board.get_by_role("button", name="Take")
    expect(off).to_have_count(3)
    off.nth(1).press("Enter")
    expect(said).to_have_text("me was taken off.")
    expect(off).to_have_count(2)
    expect(off.nth(1)).to_be_focused()
    for left in (1, 0):
        off.last.press("Enter")
        expect(off).to_have_count(left)
    expect(board.get_by_role("heading")).to_be_focused()
