"""What a visitor does with all runs: hand-made folders, as training takes too long here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.lesson import CARDS
from diclam.events import Finished, Started, Step, Tested, Validated
from diclam.ledger import Ledger
from diclam.recipe import config
from tests.browser.conftest import App, choose_tab

ME = "1" * 32
# Name, seed, accuracy: named so that each order is another one.
RUNS = (("2001-01-01_a", 5, 0.7), ("2001-01-02_b", 9, 0.5), ("2001-01-03_c", 1, 0.6))


@pytest.fixture(autouse=True)
def three_runs(app: App) -> Iterator[None]:
    for name, seed, accuracy in RUNS:
        folder = app.runs / name
        folder.mkdir(parents=True)
        info = {"config": config("fast", budget=60, seed=seed).to_dict(), "started": "", "versions": {}, "hardware": {}}
        (folder / "run.json").write_text(json.dumps(info))
        events = [Started("fast", 60.0, seed, "cpu", "float32", 40_000, 500, 125, 1_837_452)]
        events += [Step(k, k / 10, 2.0 - k / 10, 1e-3, 1.0, 300.0, float(k), k / 60) for k in range(1, 5)]
        events += [Validated(4, 0.4, 1.7, accuracy, 500, 4.0, True), Finished("time", 4, 0.4, 60.0, 500, accuracy)]
        events += [Tested(accuracy, accuracy, accuracy, accuracy, 1.0)]
        (folder / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in events))
        Ledger(app.runs).own(name, ME)
    yield
    for name, _, _ in RUNS:
        shutil.rmtree(app.runs / name, ignore_errors=True)


def open_runs(page: Page) -> Locator:
    """The table, in the browser of the visitor who started the three runs."""
    page.evaluate("(own) => localStorage.setItem('diclam-visitor', JSON.stringify({ own }))", ME)
    page.reload()
    choose_tab(page, "Train")
    table = page.locator("#dc-runs-table")
    expect(row(table, "2001-01-03_c")).to_be_visible()
    return table


def row(table: Locator, name: str) -> Locator:
    return table.locator("tbody tr").filter(has_text=name)


def mine(table: Locator) -> list[str]:
    names = [words.split("\n")[0] for words in table.locator("tbody th").all_inner_texts()]
    return [name[-1] for name in names if name in [name for name, _, _ in RUNS]]


def test_runs_are_sorted_by_keyboard(page: Page) -> None:
    table = open_runs(page)
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
    table = open_runs(page)
    for name in ("2001-01-01_a", "2001-01-02_b"):
        row(table, name).get_by_role("checkbox").check()
    settings = page.locator("#dc-over-settings")
    expect(settings.locator("thead th")).to_have_text(["<i>first</i>", "2001-01-02_b"])
    expect(settings.locator("tbody tr")).to_have_text(["seed59"])
    for figure in ("#dc-over-accuracy", "#dc-over-loss"):
        expect(page.locator(f"{figure} .legendtext")).to_have_text(["<i>first</i>", "2001-01-02_b"])


def test_a_comparison_of_two_runs_finishes_the_lessons_last_card(page: Page, app: App) -> None:
    page.evaluate("localStorage.setItem('diclam-lesson', JSON.stringify({ at: 5, done: [], starts: [] }))")
    page.goto(f"{app.url}/?lesson=1&tab=train")
    done, table = page.locator("#dc-lesson .lc-done"), page.locator("#dc-runs-table")
    expect(table).to_have_attribute("data-lesson", "here")
    row(table, "2001-01-01_a").get_by_role("checkbox").check()
    expect(page.locator("#dc-over-accuracy .legendtext")).to_have_count(1)
    expect(done).to_have_text("")
    row(table, "2001-01-02_b").get_by_role("checkbox").check()
    expect(done).to_contain_text(CARDS[-1].done)


def test_a_run_is_deleted_and_brought_back(page: Page, app: App) -> None:
    table = open_runs(page)
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
