"""The guided lesson: each card is done when a visitor has done the thing, and not before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from demo.interface import FIRST_EXAMPLE
from demo.lesson import CARDS
from diclam.events import Event, Started, Step, Validated
from diclam.runs import Run
from tests.browser.conftest import App

STARTED = Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452)


def write(folder: Path, *events: Event) -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)


def learns(folder: Path, k: int) -> None:
    """The next look of a run at its held-out pictures."""
    write(
        folder, Step(k, k / 10, 2.0, 0.1, 1.0, 300.0, float(k), k / 60), Validated(k, k / 10, 2.0, 0.3, 500, float(k), True)
    )


def test_the_lesson_is_done_by_doing_it(page: Page, app: App) -> None:
    run = Run(app.runs / "2001-lesson")
    run.path.mkdir(parents=True)
    try:
        write(run.path, STARTED)
        learns(run.path, 1)
        run.claim(os.getpid())  # no process of its own
        page.goto(f"{app.url}/?lesson=1&run=2001-lesson&tab=train")
        cards = page.locator("#dc-lesson")
        done, heading = cards.locator(".lc-done"), cards.get_by_role("heading")
        expect(heading).to_have_text(CARDS[0].title)
        expect(page.locator("#dc-curves")).to_have_attribute("data-lesson", "here")
        expect(page.get_by_role("tab")).to_have_count(0)  # nothing but the lesson
        expect(page.locator("#dc-accuracy")).to_contain_text("30.0 %")
        expect(done).to_have_text("")
        learns(run.path, 2)
        expect(done).to_contain_text(CARDS[0].done)
        cards.get_by_role("button", name="Next").click()
        page.locator("#dc-picture input[type=file]").first.set_input_files(FIRST_EXAMPLE)
        expect(done).to_contain_text(CARDS[1].done)
        cards.get_by_role("button", name="Next").click()
        cells = page.locator("#dc-grid td button")
        cells.nth(0).click()
        expect(done).to_have_text("")  # a right answer
        cells.nth(1).click()
        expect(done).to_contain_text(CARDS[2].done)
        cards.get_by_role("button", name="Next").click()
        page.locator("#dc-attention .ap-frame").first.press("ArrowLeft")
        expect(done).to_contain_text(CARDS[3].done)
        cards.get_by_role("button", name="Next").click()
        page.locator("#dc-fader input").press("ArrowLeft")
        expect(done).to_contain_text(CARDS[4].done)
        page.reload()
        expect(cards.get_by_role("button", name="Card 5: Fade the experts, done")).to_have_attribute("aria-current", "step")
        cards.get_by_role("button", name="Leave the lesson").click()
        expect(cards).to_be_hidden()
        expect(page.get_by_role("tab")).to_have_count(4)
        assert "lesson" not in page.url
        expect(page.locator("[data-lesson]")).to_have_count(0)
    finally:
        shutil.rmtree(run.path, ignore_errors=True)
