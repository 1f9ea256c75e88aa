"""What a visitor does in the Classify tab."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from diclam.data import Cifar10

ANSWER = re.compile(r"The network says (\w+), .* sure")


def sentence(page: Page) -> str:
    return page.locator("#dc-sentence").inner_text()


def upload(page: Page, path: Path) -> None:
    clear = page.locator("#dc-picture").get_by_label(re.compile("clear|remove", re.I))
    if clear.count():
        clear.first.click()
    page.locator("#dc-picture input[type=file]").first.set_input_files(path)


def test_opens_with_an_example_answered(page: Page) -> None:
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(page.locator("#dc-picture img").first).to_be_visible()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    assert page.get_by_label(re.compile("Model")).first.input_value().startswith("bundled")


def test_an_example_is_classified(page: Page) -> None:
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    page.locator("#dc-examples button").nth(8).click()
    expect(page.locator("#dc-sentence")).to_contain_text("ship")


def test_an_uploaded_jpeg_is_classified(page: Page, tmp_path: Path, cifar10: Cifar10) -> None:
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    # The first test ship, enlarged as a photograph would be.
    pixels = cifar10.test_images[1].permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).resize((640, 640), Image.Resampling.BICUBIC).save(tmp_path / "ship.jpg", quality=92)
    upload(page, tmp_path / "ship.jpg")
    expect(page.locator("#dc-sentence")).to_contain_text("ship")


def test_the_attention_query_moves_by_keyboard(page: Page) -> None:
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    told = page.locator("#dc-attention [aria-live]")
    before = told.inner_text()
    grid = page.locator("#dc-attention [tabindex='0']").first
    grid.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(told).not_to_have_text(before)
    moved = told.inner_text()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(told).not_to_have_text(moved)
    assert told.inner_text() == before


def bad_files(folder: Path) -> dict[str, Path]:
    """name -> a file that must be refused."""
    (folder / "text.png").write_text("this is not a picture")
    Image.new("L", (9000, 9000)).save(folder / "huge.png")
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    return {name: folder / name for name in ("text.png", "huge.png", "drawing.svg")}


@pytest.mark.parametrize("name", ["text.png", "huge.png", "drawing.svg"])
def test_a_bad_file_gets_a_message_and_loses_nothing(page: Page, tmp_path: Path, name: str) -> None:
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    before = sentence(page)
    page.locator("#dc-examples button").nth(8).click()
    expect(page.locator("#dc-sentence")).to_contain_text("ship")
    before = sentence(page)
    page.locator("#dc-picture input[type=file]").first.set_input_files(bad_files(tmp_path)[name])
    expect(page.get_by_test_id("toast-body").first).to_be_visible()
    assert sentence(page) == before


def test_a_picture_lying_on_its_side_is_turned_upright(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    # Red above blue, stored turned by 90 degrees with the EXIF note that phones write.
    upright = Image.new("RGB", (200, 200), "blue")
    upright.paste("red", (0, 0, 200, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "phone.jpg", exif=exif)
    before = sentence(page)
    upload(page, tmp_path / "phone.jpg")
    expect(page.locator("#dc-sentence")).not_to_have_text(before)
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    shot = Image.open(io.BytesIO(page.locator("#dc-seen img").first.screenshot())).convert("RGB")
    red = shot.getpixel((shot.width // 2, shot.height // 5))
    blue = shot.getpixel((shot.width // 2, shot.height * 4 // 5))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 180 > red[2]
    assert blue[2] > 180 > blue[0]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    for tab in ("Classify", "Train", "Confusion matrix", "About"):
        choose_tab(page, tab)
        page.wait_for_timeout(600)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, tab


def choose_tab(page: Page, name: str) -> None:
    """On a phone some tabs are behind the 'more' button."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.first.is_visible():
        page.locator(".overflow-menu > button").first.click()
        page.locator(".overflow-dropdown").get_by_text(name, exact=True).click()
        return
    tab.first.click()
