"""What a visitor does with the page as a whole: its tabs, its address, the model of all tabs."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.interface import TABS
from diclam import checkpoint
from diclam.model import DiCLAM
from tests.browser.conftest import ANSWER, App, choose_tab


@pytest.fixture
def garbage(app: App) -> Iterator[Path]:
    """A run folder whose files are all garbage."""
    folder = app.runs / "garbage"
    folder.mkdir(parents=True)
    for name in ("run.json", "events.jsonl", "config.json", "model.safetensors", "evaluation.json", "predictions.csv"):
        (folder / name).write_bytes(b"\x00\xff garbage \n{")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def trained(app: App) -> Iterator[Path]:
    """A run folder with a network that has learnt nothing, and was not tested."""
    folder = app.runs / "untrained"
    checkpoint.save(folder, DiCLAM())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def model(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Model")


def choose_model(page: Page, name: str) -> None:
    """As by hand: opening the list asks for what is there now."""
    model(page).click()
    page.get_by_role("option", name=name).click()


@pytest.mark.opens(None)
@pytest.mark.parametrize("tab", TABS)
def test_an_address_opens_its_tab(page: Page, app: App, tab: str) -> None:
    page.goto(f"{app.url}/?tab={tab}")
    expect(page.get_by_role("tab", name=TABS[tab], exact=True)).to_have_attribute("aria-selected", "true")


@pytest.mark.opens(None)
def test_who_opens_another_tab_finds_classify_answered_all_the_same(page: Page, app: App) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if request.method == "POST" else None)
    page.goto(f"{app.url}/?tab=train&picture=7")
    choose_tab(page, "Classify")
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(page.locator("#dc-opened p")).to_be_visible()  # the test picture that the link named
    visitor = next(k for k, body in enumerate(asked) if '"own"' in body)  # the question which run there is
    picture = next(k for k, body in enumerate(asked) if '"path"' in body)
    assert visitor < picture


@pytest.mark.opens(None)
def test_an_unknown_tab_in_the_address_is_ignored(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?tab=nonsense")
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")


def test_a_reload_comes_back_to_the_tab(page: Page) -> None:
    choose_tab(page, "About")
    expect(page).to_have_url(re.compile(r"[?&]tab=about"))
    page.reload()
    expect(page.get_by_role("tab", name="About")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#dc-network")).to_be_visible()


@pytest.mark.opens("?tab=about")
def test_the_network_is_drawn_with_all_its_parts(page: Page) -> None:
    drawing = page.locator("#dc-network")
    expect(drawing.get_by_role("heading", level=3)).to_have_count(5)
    counts = [text.split(" ")[0].replace(",", "") for text in drawing.locator("header p").all_inner_texts()]
    assert sum(map(int, counts)) == sum(p.numel() for p in DiCLAM().parameters())


def test_a_new_model_appears_in_the_open_page_and_answers_in_every_tab(page: Page, trained: Path) -> None:
    before = page.locator("#dc-sentence").text_content()
    choose_model(page, "untrained")
    expect(page.locator("#dc-sentence")).not_to_have_text(before or "")
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(model(page)).to_have_value(re.compile("untrained"))
    choose_tab(page, "Confusion matrix")
    expect(page.locator("#dc-untested")).to_be_visible()


def test_an_address_holds_the_model(page: Page, app: App, trained: Path) -> None:
    choose_model(page, "untrained")
    expect(page).to_have_url(re.compile("[?&]run=untrained"))
    page.reload()
    expect(model(page)).to_have_value(re.compile("untrained"))
    choose_model(page, "bundled")
    expect(page).not_to_have_url(re.compile("run="))
    page.goto(f"{app.url}/?run=no-such-run")
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(model(page)).to_have_value(re.compile("^bundled"))


def test_a_damaged_run_gets_a_message_and_the_bundled_model_goes_on(page: Page, garbage: Path) -> None:
    before = page.locator("#dc-sentence").text_content()
    choose_model(page, "garbage")
    expect(page.get_by_test_id("toast-body").filter(has_text="damaged").first).to_be_visible()
    expect(page.get_by_test_id("toast-body").filter(has_text="use the bundled model").first).to_be_visible()
    expect(model(page)).to_have_value(re.compile("^bundled"))
    expect(page.locator("#dc-sentence")).to_have_text(before or "")


def test_a_model_that_vanished_gives_way_to_the_bundled_one(page: Page, trained: Path) -> None:
    before = page.locator("#dc-sentence").text_content()
    choose_model(page, "untrained")
    expect(page.locator("#dc-sentence")).not_to_have_text(before or "")
    shutil.rmtree(trained)
    choose_tab(page, "Confusion matrix")
    # Told by the tab that is opened, or by Classify, if it was about to answer again.
    told = re.compile("untrained is no longer there|All tabs use the bundled model now")
    expect(page.get_by_test_id("toast-body").filter(has_text=told).first).to_be_visible()
    expect(model(page)).to_have_value(re.compile("^bundled"))
    choose_tab(page, "Classify")
    expect(page.locator("#dc-sentence")).to_have_text(before or "")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for name in TABS.values():
        choose_tab(page, name)
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
        page.wait_for_timeout(600)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, name


def test_every_tab_is_reached_and_left_by_keyboard(page: Page) -> None:
    for name in TABS.values():
        page.get_by_role("tab", name=name, exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")


@pytest.mark.opens(None)
def test_a_page_at_rest_draws_no_frames(page: Page, app: App) -> None:
    """A clock that Gradio leaves running would draw sixty a second."""
    page.add_init_script("""
      window.frames_asked = 0;
      const frame = window.requestAnimationFrame.bind(window);
      window.requestAnimationFrame = (run) => { window.frames_asked += 1; return frame(run); };
    """)
    page.goto(app.url)
    expect(page.locator("#dc-sentence")).to_contain_text("%")
    deadline, frames = time.monotonic() + 30, 60
    while frames > 10 and time.monotonic() < deadline:
        before = page.evaluate("window.frames_asked")
        page.wait_for_timeout(1000)
        frames = page.evaluate("window.frames_asked") - before
    assert frames <= 10
