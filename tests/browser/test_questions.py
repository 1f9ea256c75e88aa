"""The answer can be questioned: each number on the page once more by the core, and what is there already asks the server
nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from demo.classify_tab import EXAMPLES
from demo.components.hiding_panel import occlusion_words
from diclam import calibration, checkpoint
from diclam.draw import percent, points
from diclam.explain import Explanation, explain
from diclam.hiding import occlude
from diclam.knockout import knock_out
from diclam.model import DiCLAM
from diclam.predict import load_picture, predict
from diclam.twin import untrained

CAT = load_picture(EXAMPLES[3]).pixels
SHIP = load_picture(EXAMPLES[8]).pixels


@pytest.fixture(scope="module")
def model() -> DiCLAM:
    return calibration.load_model(checkpoint.bundled())


@contextmanager
def no_questions(page: Page) -> Iterator[None]:
    """The page asks the server for nothing inside the block."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            asked.append(request.url)

    page.on("request", note)
    yield
    page.wait_for_timeout(500)
    page.remove_listener("request", note)
    assert not asked


def told(page: Page, index: int) -> Locator:
    """The first line under a map; 0 is the first head's."""
    return page.locator("#dc-attention .ap-told").nth(index)


def measured(page: Page) -> Locator:
    """The sentence on the map of occlusion, once the panel was scrolled to."""
    page.locator("#dc-hiding").scroll_into_view_if_needed()
    return page.locator("#dc-hiding .hp-found")


def weight(text: str | None) -> float:
    found = re.search(r"([\d.]+) %", text or "")
    assert found
    return float(found[1]) / 100


def check_maps(page: Page, explanation: Explanation, row: int, column: int) -> None:
    """Where most came from and how much, of each head and of their mean; bytes keep a weight within three percent."""
    maps = np.stack([explanation.map(head, (row, column)) for head in range(len(explanation.attention))])
    for index, weights in enumerate([*maps, maps.mean(0)]):
        expect(told(page, index)).to_contain_text("most from row")
        text = told(page, index).text_content() or ""
        spot = re.search(r"row (\d+), column (\d+)", text)
        assert spot
        taken = float(weights[int(spot[1]) - 1, int(spot[2]) - 1])
        assert taken == pytest.approx(float(weights.max()), rel=0.05)  # or one that is as good as equal
        assert weight(text) == pytest.approx(taken, rel=0.06)  # two digits
    entropy = explanation.entropy[0, row * 16 + column]
    expect(page.locator("#dc-attention .ap-spread").first).to_contain_text(f"Spread: {entropy:.2f} of 8 bits")


def test_the_position_moves_by_key_and_by_drag_without_asking_the_server(page: Page, model: DiCLAM) -> None:
    explanation = explain(model, CAT)
    expect(measured(page)).not_to_be_empty()  # what is asked on the way there is over
    picture = page.locator("#dc-attention .ap-frame").first
    picture.scroll_into_view_if_needed()
    with no_questions(page):
        check_maps(page, explanation, 8, 8)
        picture.focus()
        for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowLeft"):
            page.keyboard.press(key)
        expect(picture).to_have_attribute("aria-valuetext", "row 6, column 8")
        check_maps(page, explanation, 5, 7)
        box = picture.bounding_box()
        assert box is not None
        at = [
            (box["x"] + box["width"] * (c + 0.5) / 16, box["y"] + box["height"] * (r + 0.5) / 16)
            for r, c in ((4, 4), (9, 12))
        ]
        page.mouse.move(*at[0])
        page.mouse.down()
        page.mouse.move(*at[1], steps=5)
        page.mouse.up()
        page.mouse.move(10, 10)
        expect(picture).to_have_attribute("aria-valuetext", "row 10, column 13")
        check_maps(page, explanation, 9, 12)
        ticks = page.locator("#dc-attention .ap-ticks")
        expect(ticks).to_contain_text("1/256 = 0.39 %")
        page.get_by_label("from the lowest to the highest here").check()
        expect(ticks).to_contain_text("in all maps here")
        low = min(explanation.map(head, (9, 12)).min() for head in range(2))
        assert weight(ticks.locator("span").first.text_content()) == pytest.approx(float(low), rel=0.06)


def test_what_a_head_is_worth_stands_under_its_map(page: Page, model: DiCLAM) -> None:
    changes = knock_out(model, CAT).head_changes
    for head, change in enumerate(changes):
        expect(page.locator("#dc-attention .ap-effect").nth(head)).to_contain_text(points(float(change)))


def test_the_untrained_twin_is_one_switch_away(page: Page, model: DiCLAM) -> None:
    before = told(page, 0).text_content()
    page.get_by_role("switch", name="Untrained twin").check()
    expect(page.locator("#dc-attention .ap-note")).to_contain_text("learned nothing")
    twin = explain(untrained(model.config), CAT)
    expect(page.locator("#dc-attention .ap-spread").first).to_contain_text(
        f"Spread: {twin.entropy[0, 8 * 16 + 8]:.2f} of 8 bits"
    )
    expect(page.locator("#dc-attention .ap-effect").first).to_be_empty()
    page.get_by_role("switch", name="Untrained twin").uncheck()
    expect(told(page, 0)).to_have_text(before or "")


def test_hiding_is_asked_for_when_it_is_looked_at_and_belongs_to_the_picture(page: Page, model: DiCLAM) -> None:
    found = page.locator("#dc-hiding .hp-found")
    page.wait_for_timeout(1000)
    expect(found).to_be_empty()
    expect(measured(page)).to_contain_text("matters")
    occlusion = occlude(model, CAT)
    cells = page.locator("#dc-hiding .hp-patches td")
    expect(cells).to_have_count(64)
    shown = np.array([float((text or "0").replace("\N{MINUS SIGN}", "-")) for text in cells.all_text_contents()])
    np.testing.assert_allclose(shown, 100 * occlusion.changes.ravel(), atol=0.55)
    expect(page.locator("#dc-hiding .hp-verdict span")).to_have_count(2)
    # A picture that gives way to another at once leaves nothing behind.
    page.locator('#dc-examples [data-index="5"]').click()
    page.locator('#dc-examples [data-index="8"]').click()
    expect(page.locator("#dc-sentence")).to_contain_text("ship")
    measured(page)
    expect(page.locator("#dc-hiding .hp-chart")).to_have_attribute("aria-label", re.compile("of ship while"))
    expect(found).to_have_text(occlusion_words(occlude(model, SHIP)))


def test_the_fader_goes_from_one_expert_to_the_other_by_key(page: Page, model: DiCLAM) -> None:
    expect(measured(page)).not_to_be_empty()
    answer = predict(model, CAT)
    fader = page.locator("#dc-fader")
    slider = fader.get_by_role("slider")
    numbers = fader.locator(".ef-number")
    right = fader.locator(".ef-right")
    with no_questions(page):
        expect(numbers).to_have_text([percent(p) for p in answer.probabilities])
        middle = right.text_content()
        slider.focus()
        for key, expert in (("Home", 0), ("End", 1)):
            page.keyboard.press(key)
            expect(numbers).to_have_text([percent(p) for p in answer.expert_probabilities[expert]])
            expect(fader.locator(".ef-told")).to_contain_text(f"Expert {expert + 1} 100.0 %".replace("Expert 2", "expert 2"))
            expect(right).not_to_have_text(middle or "")
        fader.get_by_role("combobox").select_option("ship")
        expect(right).to_contain_text("of the ships")
        fader.get_by_role("button", name="Back to").click()
        expect(numbers).to_have_text([percent(p) for p in answer.probabilities])
        expect(slider).to_be_focused()


def test_a_class_stands_out_among_the_gates(page: Page) -> None:
    ship = page.locator("#dc-gate-histogram button", has_text="ship")
    ship.click()
    expect(ship).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#dc-gate-histogram [role=status]")).to_contain_text("In colour: ship")
    ship.click()
    expect(page.locator("#dc-gate-histogram [role=status]")).to_contain_text("Each class has its colour")
