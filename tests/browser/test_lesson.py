"""The guided lesson: each card is done when a visitor has done the thing, and not before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.interface import FIRST_EXAMPLE
from demo.lesson import CARDS
from diclam.events import Event, Finished, Started, Step, Tested, Validated
from diclam.runs import Run, list_runs
from tests.browser.conftest import ANSWER, SMALL, App

# The last card starts a run, which takes a Python of its own, on whatever machine this is.
pytestmark = pytest.mark.timeout(900)
SLOW = 400_000

STARTED = Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452)


def write(folder: Path, *events: Event) -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)


def learns(folder: Path, k: int) -> None:
    """The next look of a run at its held-out pictures."""
    write(
        folder, Step(k, k / 10, 2.0, 0.1, 1.0, 300.0, float(k), k / 60), Validated(k, k / 10, 2.0, 0.3, 500, float(k), True)
    )


@pytest.mark.opens(None)
def test_the_lesson_is_done_by_doing_it(page: Page, app: App) -> None:
    run, before = Run(app.runs / "2001-lesson"), {run.name for run in list_runs(app.runs)}
    run.path.mkdir(parents=True)
    try:
        write(run.path, STARTED)
        learns(run.path, 1)
        run.claim(os.getpid())  # no process of its own
        link = f"{app.url}/?lesson=1&run=2001-lesson&tab=train&{SMALL}"
        page.goto(link)
        cards = page.locator("#dc-lesson")
        done, heading = cards.locator(".lc-done"), cards.get_by_role("heading")
        following = cards.get_by_role("button", name="Next")
        expect(heading).to_have_text(CARDS[0].title)
        expect(page.locator("#dc-curves")).to_have_attribute("data-lesson", "here")
        expect(page.get_by_role("tab")).to_have_count(0)  # nothing but the lesson
        expect(page.locator("#dc-accuracy")).to_contain_text("30.0 %")
        expect(done).to_have_text("")
        learns(run.path, 2)
        expect(done).to_contain_text(CARDS[0].done)
        following.click()
        page.locator("#dc-picture input[type=file]").first.set_input_files(FIRST_EXAMPLE)
        expect(done).to_contain_text(CARDS[1].done)
        following.click()
        cells = page.locator("#dc-grid td button")
        cells.nth(0).click()
        expect(done).to_have_text("")  # a right answer
        cells.nth(1).click()
        expect(done).to_contain_text(CARDS[2].done)
        following.click()
        page.locator("#dc-attention .ap-frame").first.press("ArrowLeft")
        expect(done).to_contain_text(CARDS[3].done)
        following.click()
        page.locator("#dc-fader input").press("ArrowLeft")
        expect(done).to_contain_text(CARDS[4].done)
        page.goto(link)  # It begins where this visitor was.
        expect(cards.get_by_role("button", name="Card 5: Fade the experts, done")).to_have_attribute("aria-current", "step")

        write(run.path, Finished("time", 20, 2.0, 60.0, 2500, 0.3), Tested(0.3, 0.3, 0.3, 0.3, 1.0))
        (run.path / "process").unlink()
        following.click()
        expect(heading).to_have_text(CARDS[5].title)
        expect(page.locator("#dc-start")).to_have_text("Start")
        expect(page.locator("#dc-budget input")).to_have_value("600")
        page.locator("#dc-seed input").fill("5")
        expect(done).to_have_text("")
        page.locator("#dc-start").click()
        expect(done).to_contain_text(CARDS[5].done, timeout=SLOW)  # once two points of its own are there
        [begun] = [run for run in list_runs(app.runs) if run.name not in {*before, "2001-lesson"}]
        assert begun.info()["config"]["seed"] == 5
        assert len(begun.status().validations) >= 2
        cards.get_by_role("button", name="Finish").click()
        expect(cards).to_be_hidden()
        expect(page.get_by_role("tab")).to_have_count(4)
        assert "lesson" not in page.url
        expect(page.locator("[data-lesson]")).to_have_count(0)
    finally:
        shutil.rmtree(run.path)  # before anything ends its process, which is this one
        for made in list_runs(app.runs):
            if made.name not in before:
                made.terminate()
                shutil.rmtree(made.path)


def test_a_lesson_that_was_skipped_stays_away_and_comes_back_where_it_was_until_it_is_begun_again(page: Page) -> None:
    cards, lesson = page.locator("#dc-lesson"), page.get_by_role("button", name="Lesson", exact=True)
    heading, again = cards.get_by_role("heading"), cards.get_by_role("button", name="Start again")
    lesson.click()
    for card in CARDS[:3]:
        expect(heading).to_have_text(card.title)
        cards.get_by_role("button", name="Skip").click()
    expect(heading).to_have_text(CARDS[3].title)
    page.locator("#dc-attention .ap-frame").first.press("ArrowLeft")
    expect(cards.locator(".lc-done")).to_contain_text(CARDS[3].done)
    cards.get_by_role("button", name="Leave the lesson").click()
    page.reload()
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(cards).to_be_hidden()
    lesson.click()
    expect(heading).to_have_text(CARDS[3].title)
    expect(heading).to_be_focused()
    again.click()
    expect(heading).to_have_text(CARDS[0].title)
    expect(again).to_be_hidden()
    expect(cards.get_by_role("button", name=", done")).to_have_count(0)
    for card in CARDS[1:]:  # All can be skipped, too.
        # By keyboard: the tab that opens moves things about, and a click may fall beside the button.
        cards.get_by_role("button", name="Skip").press("Enter")
        expect(heading).to_have_text(card.title)
    cards.get_by_role("button", name="Finish").press("Enter")
    expect(cards).to_be_hidden()
