"""What a visitor brings to Classify, which part of it counts, and what they take home."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from demo.examples import EXAMPLES, PHOTOGRAPHS
from diclam import calibration, checkpoint
from diclam.draw import sentence
from diclam.predict import load_picture, predict
from diclam.square import Square
from tests.browser.conftest import ANSWER

DOGS = PHOTOGRAPHS[1].path


def answer(page: Page) -> Locator:
    return page.locator("#dc-sentence p")


def seen(page: Page) -> Locator:
    return page.locator("#dc-seen img")


def square(page: Page) -> Square:
    """The one that is drawn."""
    held = page.locator("#dc-square .sq").evaluate("(box) => ({ ...box.dataset })")
    return Square(*(float(held[name]) for name in ("left", "top", "size")))


def open_photograph(page: Page) -> None:
    before = seen(page).get_attribute("src")
    page.get_by_role("button", name="Photographs").click()
    page.locator(f'#dc-examples [data-index="{EXAMPLES.index(DOGS)}"]').click()
    expect(seen(page)).not_to_have_attribute("src", before or "")


def expect_answer(page: Page, part: Square | None) -> None:
    """The page says what the core says about this square, and shows its very pixels."""
    model = calibration.load_model(checkpoint.bundled())
    picture = load_picture(DOGS) if part is None else load_picture(DOGS).cut(part)
    expect(answer(page)).to_have_text(sentence(predict(model, picture.pixels).probabilities).replace(" %", "\u00a0%"))
    drawn = seen(page).evaluate(
        """async (image) => { await image.decode(); const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 32; const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
        return [...pen.getImageData(0, 0, 32, 32).data]; }"""
    )
    pixels = torch.tensor(drawn, dtype=torch.uint8).view(32, 32, 4)[..., :3].permute(2, 0, 1)
    assert torch.equal(pixels, picture.pixels)


def test_the_square_is_moved_by_keyboard_dragged_and_put_back(page: Page) -> None:
    open_photograph(page)
    expect_answer(page, None)
    over = page.locator("#dc-square .sq-over")
    over.focus()
    for key in ("-", "-", "-", "-", "Shift+ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    by_keys = square(page)
    assert by_keys.size == pytest.approx(1.1**-4)
    assert by_keys.top > 0.25
    expect_answer(page, by_keys)
    expect(page.locator("#dc-square [aria-live]")).to_contain_text("68 % of the short side")

    area = over.bounding_box()
    assert area is not None
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] * 0.55
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - area["height"] * 0.1, steps=4)
    page.mouse.up()
    dragged = square(page)
    assert dragged.top == pytest.approx(by_keys.top - 0.1, abs=0.01)
    expect_answer(page, dragged)

    page.get_by_role("button", name="Reset").click()
    expect_answer(page, None)


def test_the_square_lies_over_the_picture(page: Page) -> None:
    with Image.open(DOGS) as image:
        size = list(image.size)
    open_photograph(page)
    # The picture may be laid out a moment after its answer; what is waited for is the whole law.
    page.wait_for_function(
        """([width, height]) => { const [over, image] = ['#dc-square .sq-over', '#dc-picture img'].map((selector) =>
        document.querySelector(selector)?.getBoundingClientRect()); const near = (a, b) => Math.abs(a - b) <= 1;
        return over && image && image.height > 50 && near(over.height, image.height) && near(over.top, image.top) &&
        near(over.width, image.height * width / height) && near(over.left + over.right, image.left + image.right); }""",
        arg=size,
    )


def test_a_picture_is_pasted(page: Page) -> None:
    before = seen(page).get_attribute("src")
    page.evaluate(
        """async () => { const canvas = document.createElement('canvas'); canvas.width = canvas.height = 64;
        const pen = canvas.getContext('2d'); pen.fillStyle = '#e06010'; pen.fillRect(0, 0, 64, 64);
        const blob = await new Promise((done) => canvas.toBlob(done));
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([blob], 'pasted.png', { type: 'image/png' }));
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true })); }"""
    )
    expect(seen(page)).not_to_have_attribute("src", before or "")
    shown = np.asarray(Image.open(io.BytesIO(seen(page).screenshot())).convert("RGB"))
    assert shown[100, 100].tolist() == [0xE0, 0x60, 0x10]


def test_the_order_of_the_bars_is_remembered(page: Page) -> None:
    names = page.locator("#dc-bars th")
    expect(names.first).to_have_text("airplane")
    best = page.locator("#dc-bars .ab-best th").text_content()
    page.get_by_role("button", name="sorted").click()
    expect(names.first).to_have_text(best or "")
    page.reload()
    expect(answer(page)).to_contain_text(ANSWER)
    expect(names.first).to_have_text(best or "")
    expect(names).to_have_count(10)


def test_the_explanation_is_taken_home_and_opens_by_itself(page: Page, tmp_path: Path) -> None:
    said = (answer(page).text_content() or "").replace("\u00a0", " ")
    for kind in ("html", "json", "png"):
        with page.expect_download() as download:
            page.locator(f"#dc-keep-{kind}").click()
        assert download.value.suggested_filename == f"diclam-explanation.{kind}"
        download.value.save_as(tmp_path / f"kept.{kind}")
    with Image.open(tmp_path / "kept.png") as image:
        assert image.width == 1000
    assert json.loads((tmp_path / "kept.json").read_text(encoding="utf-8"))["sentence"] == said
    page.goto(f"data:text/html,{quote((tmp_path / 'kept.html').read_bytes())}")
    expect(page.locator("h1")).to_have_text(said)
    expect(page.locator(".bars tr")).to_have_count(10)
    assert page.locator("img").evaluate_all("(images) => images.every((image) => image.naturalWidth > 0)")
