"""What a visitor does in the Classify tab."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from diclam.data import Cifar10
from tests.browser.conftest import ANSWER, choose_tab, named, toast


def sentence(page: Page) -> Locator:
    return page.locator("#dc-sentence p")


def seen(page: Page) -> Locator:
    return page.locator("#dc-seen img").first


def upload(page: Page, path: Path) -> None:
    """Chooses a file, whether there is a picture already or not, and waits for its answer."""
    before = seen(page).get_attribute("src")
    page.locator("#dc-picture input[type=file]").first.set_input_files(path)
    expect(seen(page)).not_to_have_attribute("src", before or "")
    expect(sentence(page)).to_contain_text(ANSWER)


def on_screen(page: Page) -> Image.Image:
    """What the page shows as seen by the network."""
    return Image.open(io.BytesIO(seen(page).screenshot())).convert("RGB")


def colour(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """At this place, in parts of the width and the height."""
    pixel = image.getpixel((int(image.width * x), int(image.height * y)))
    assert isinstance(pixel, tuple)
    return pixel


def test_opens_with_an_example_answered(page: Page) -> None:
    expect(sentence(page)).to_contain_text(ANSWER)
    expect(page.locator("#dc-picture img").first).to_be_visible()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox", name="Model")).to_have_value(re.compile("^bundled"))
    expect(page.locator("#dc-bars tr")).to_have_count(10)
    expect(page.locator("#dc-experts .ep-answers table")).to_have_count(3)


def test_an_example_is_classified(page: Page) -> None:
    page.locator('#dc-examples [data-index="8"]').click()
    expect(sentence(page)).to_contain_text(named("ship"))


def test_an_uploaded_jpeg_is_classified(page: Page, tmp_path: Path, cifar10: Cifar10) -> None:
    # The first test ship, enlarged as a photograph would be.
    pixels = cifar10.test_images[1].permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).resize((640, 640), Image.Resampling.BICUBIC).save(tmp_path / "ship.jpg", quality=92)
    upload(page, tmp_path / "ship.jpg")
    expect(sentence(page)).to_contain_text(named("ship"))


def test_an_emptied_picture_empties_the_answer(page: Page) -> None:
    page.locator("#dc-picture").get_by_label("Remove Image").click()
    expect(sentence(page)).to_contain_text("Choose a picture")
    expect(page.locator("#dc-bars tr")).to_have_count(0)
    page.locator('#dc-examples [data-index="8"]').click()
    expect(sentence(page)).to_contain_text(named("ship"))


def test_the_attention_query_moves_by_keyboard(page: Page) -> None:
    told = page.locator("#dc-attention [aria-live]")
    expect(told).to_contain_text("Position in row 9, column 9")
    before = told.text_content()
    page.locator("#dc-attention [tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(told).to_contain_text("Position in row 10, column 10")
    assert told.text_content() != before
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(told).to_have_text(before or "")


def test_the_attention_query_is_chosen_by_a_click(page: Page) -> None:
    frame = page.locator("#dc-attention .ap-frame").nth(1)
    box = frame.bounding_box()
    assert box is not None
    frame.click(position={"x": box["width"] * 2.5 / 16, "y": box["height"] * 12.5 / 16})
    expect(page.locator("#dc-attention [aria-live]")).to_contain_text("Position in row 13, column 3")


def write_bad(folder: Path, name: str) -> Path:
    path = folder / name
    if name == "text.png":
        path.write_text("this is not a picture")
    elif name == "huge.png":
        Image.new("L", (9000, 9000)).save(path)
    else:
        path.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    return path


@pytest.mark.parametrize(
    ("name", "reason"),
    [("text.png", "expected PNG, JPEG"), ("huge.png", "81 megapixels"), ("drawing.svg", "expected PNG, JPEG")],
)
def test_a_bad_file_gets_a_message_and_loses_nothing(page: Page, tmp_path: Path, name: str, reason: str) -> None:
    page.locator('#dc-examples [data-index="8"]').click()
    expect(sentence(page)).to_contain_text(named("ship"))
    before = sentence(page).text_content()
    page.locator("#dc-picture input[type=file]").first.set_input_files(write_bad(tmp_path, name))
    expect(toast(page)).to_contain_text(reason)
    expect(page.locator("#dc-picture img").first).to_be_visible()
    expect(page.locator("#dc-bars tr")).to_have_count(10)
    assert sentence(page).text_content() == before
    # And it goes on.
    page.locator('#dc-examples [data-index="6"]').click()
    expect(sentence(page)).not_to_have_text(before or "")


def test_unusual_pictures_are_answered(page: Page, tmp_path: Path) -> None:
    """Orange in the middle of each, where the square that is kept is."""
    Image.new("RGB", (90, 60), (250, 120, 10)).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    Image.new("RGB", (90, 60), (240, 110, 10)).quantize(8).save(tmp_path / "palette.gif")
    clear = Image.new("RGBA", (90, 60), (230, 100, 10))
    clear.paste((0, 0, 0, 0), (0, 0, 90, 20))
    clear.save(tmp_path / "alpha.png")
    ramp = np.linspace(0, 65535, 90).astype(np.uint16)[None].repeat(60, 0)
    Image.fromarray(ramp).save(tmp_path / "sixteen.png")
    for name in ("cmyk.jpg", "palette.gif", "alpha.png"):
        upload(page, tmp_path / name)
        red, _, blue = colour(on_screen(page), 0.5, 0.6)
        assert red > 200, name
        assert blue < 60, name
    assert min(colour(on_screen(page), 0.5, 0.1)) > 240, "what is transparent is white"
    upload(page, tmp_path / "sixteen.png")
    left, right = colour(on_screen(page), 0.05, 0.5)[0], colour(on_screen(page), 0.95, 0.5)[0]
    assert 30 < left < 70, "a sixth of the ramp is cut off on the left"
    assert 185 < right < 225
    expect(page.get_by_test_id("toast-body")).to_have_count(0)


def test_a_picture_lying_on_its_side_is_turned_upright(page: Page, tmp_path: Path) -> None:
    # Red above blue, stored turned by 90 degrees with the EXIF note that phones write.
    upright = Image.new("RGB", (200, 200), "blue")
    upright.paste("red", (0, 0, 200, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "phone.jpg", exif=exif)
    upload(page, tmp_path / "phone.jpg")
    red, blue = colour(on_screen(page), 0.5, 0.2), colour(on_screen(page), 0.5, 0.8)
    assert red[0] > 180 > red[2]
    assert blue[2] > 180 > blue[0]


def test_the_tab_is_left_and_found_again_as_it_was(page: Page) -> None:
    page.locator('#dc-examples [data-index="8"]').click()
    expect(sentence(page)).to_contain_text(named("ship"))
    choose_tab(page, "About")
    choose_tab(page, "Classify")
    expect(sentence(page)).to_contain_text(named("ship"))
    expect(page.locator("#dc-attention canvas").first).to_be_visible()
