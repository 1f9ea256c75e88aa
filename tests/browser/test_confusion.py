"""What a visitor does in the Confusion matrix tab, by pointer and by keyboard alone."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from diclam import checkpoint, suspects
from diclam.confusion import row_words
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.evaluate import Evaluation
from diclam.events import Validated
from diclam.runs import EVENTS, Run
from tests.browser.conftest import App, choose_tab, named

EVALUATION = Evaluation.load(checkpoint.bundled())


def opened(page: Page) -> Page:
    choose_tab(page, "Confusion matrix")
    expect(page.locator("#dc-grid td button")).to_have_count(100)
    expect(pictures(page).first).to_be_visible()
    expect(page.locator("#dc-gates tbody tr")).to_have_count(10)  # what comes last, so that nothing moves any more
    return page


def cell(page: Page, real: str, said: str) -> Locator:
    return page.locator("#dc-grid td button").nth(10 * CLASSES.index(real) + CLASSES.index(said))


def pictures(page: Page) -> Locator:
    return page.locator("#dc-gallery .pg-pictures button")


def title(page: Page) -> Locator:
    return page.locator("#dc-gallery .pg-title")


def words(real: str, said: str) -> str:
    return row_words(EVALUATION.confusion, (CLASSES.index(real),), (CLASSES.index(said),))


def test_it_opens_on_the_most_frequent_mistake(page: Page) -> None:
    opened(page)
    expect(title(page)).to_contain_text(re.compile(r"\d+ of 1000 real \w+ were called \w+\."))
    marked = page.locator("#dc-grid [aria-current]")
    expect(marked).to_have_count(1)
    assert marked.get_attribute("aria-label") == title(page).inner_text()


def test_a_click_on_a_cell_then_on_a_picture_opens_it_in_classify(page: Page) -> None:
    opened(page)
    cell(page, "cat", "dog").click()
    expect(title(page)).to_have_text(words("cat", "dog"))
    before = page.locator("#dc-sentence").text_content()
    picture = pictures(page).first
    expect(picture).to_have_attribute("aria-label", re.compile(r"really cat, called dog"))
    picture.click()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#dc-sentence")).not_to_have_text(before or "")
    expect(page.locator("#dc-sentence")).to_contain_text(named("dog"))


def test_by_keyboard_alone_from_a_cell_to_classify(page: Page) -> None:
    opened(page)
    marked = page.locator("#dc-grid [aria-current]")
    marked.focus()
    page.keyboard.press("PageUp")  # the top row is the header
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(title(page)).to_have_text(words("airplane", "airplane"))
    # To what airplanes are called most, when it is not airplane.
    said = int(EVALUATION.confusion[0, 1:].argmax()) + 1
    assert EVALUATION.confusion[0, said] > 1
    for _ in range(said):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(title(page)).to_have_text(words("airplane", CLASSES[said]))
    for _ in range(12):  # past the controls of the gallery
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.pg-pictures') !== null"):
            break
    expect(pictures(page).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(pictures(page).nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#dc-sentence")).to_contain_text(named(CLASSES[said]))


def test_headers_open_rows_columns_and_everything(page: Page) -> None:
    opened(page)
    grid = page.locator("#dc-grid")
    right = int(EVALUATION.confusion[3, 3])
    grid.locator("tbody th button").nth(3).click()
    expect(title(page)).to_have_text(f"1000 real cats: {right} answers are right, {1000 - right} wrong.")
    grid.locator("thead .cg-head").nth(3).click()
    said = int(EVALUATION.confusion[:, 3].sum())
    expect(title(page)).to_have_text(f"{said} pictures were called cat: {right} rightly, {said - right} wrongly.")
    grid.locator(".cg-all").click()
    expect(title(page)).to_contain_text("10,000 pictures")


def test_counts_become_shares_and_the_choice_is_remembered(page: Page) -> None:
    opened(page)
    count = int(EVALUATION.confusion[3, 3])
    expect(cell(page, "cat", "cat")).to_have_text(str(count))
    page.get_by_text("% of each real class").click()
    expect(cell(page, "cat", "cat")).to_have_text(f"{count / 10:.1f}")
    page.get_by_text("% of each answer").click()
    said = EVALUATION.confusion[:, 3].sum()
    expect(cell(page, "cat", "cat")).to_have_text(f"{100 * count / said:.1f}")
    page.reload()
    opened(page)
    expect(cell(page, "cat", "cat")).to_have_text(f"{100 * count / said:.1f}")


def test_another_order_moves_the_cells_with_their_pictures(page: Page) -> None:
    opened(page)
    page.locator("select.cg-order").select_option(label="dog first")
    grid = page.locator("#dc-grid")
    expect(grid.locator("tbody th").first).to_have_text("dog")
    grid.locator("td button").nth(4).click()  # of the row 'dog', the column that cats now have
    expect(title(page)).to_have_text(words("dog", "cat"))
    page.get_by_label("mistakes only").check()
    expect(grid.locator("td button").first).to_have_text("")
    page.get_by_label("animals against vehicles").check()
    expect(grid.locator("td button")).to_have_count(4)
    grid.locator("td button").nth(1).click()
    expect(title(page)).to_contain_text(re.compile(r"of 6000 real animals were called vehicle\."))


def test_filters_narrow_and_pages_turn(page: Page) -> None:
    opened(page)
    page.locator("#dc-grid tbody th button").nth(3).click()
    expect(page.locator(".pg-pager span")).to_have_text("1 to 60 of 1000")
    first = pictures(page).first.get_attribute("aria-label") or ""
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".pg-pager span")).to_have_text("61 to 120 of 1000")
    assert pictures(page).first.get_attribute("aria-label") != first
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("only wrong answers").check()
    wrong = 1000 - int(EVALUATION.confusion[3, 3])
    expect(page.locator(".pg-filtered > span")).to_have_text(f"{wrong} of 1000 fit the filters.")
    expect(pictures(page).first).to_have_class("pg-false")
    page.get_by_label("how sure it was, up to, percent").fill("60")
    page.keyboard.press("Enter")
    expect(page.locator(".pg-filtered > span")).not_to_have_text(f"{wrong} of 1000 fit the filters.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".pg-pager span")).to_have_text("1 to 60 of 1000")


def test_the_address_holds_the_cell_and_leads_back_to_it(page: Page) -> None:
    opened(page)
    cell(page, "cat", "dog").click()
    page.get_by_text("% of each real class").click()
    link = page.url
    assert all(part in link for part in ("tab=confusion", "true=cat", "pred=dog", "norm=row"))
    page.evaluate("localStorage.clear()")
    page.goto(link)
    opened(page)
    expect(title(page)).to_have_text(words("cat", "dog"))
    expect(cell(page, "cat", "dog")).to_have_attribute("aria-current", "true")
    expect(cell(page, "cat", "cat")).to_have_text(f"{EVALUATION.confusion[3, 3] / 10:.1f}")


def test_a_link_holds_the_order_and_the_filters(page: Page) -> None:
    opened(page)
    page.locator("#dc-grid tbody th button").nth(3).click()
    expect(title(page)).to_contain_text("1000 real cats")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("only wrong answers").check()
    expect(pictures(page).first).to_have_class("pg-false")
    page.get_by_label("Sort").select_option("least sure")
    page.get_by_label("how sure it was, up to, percent").fill("90")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("sure=0-90"))
    link, told = page.url, page.locator(".pg-filtered > span").inner_text()
    first = pictures(page).first.get_attribute("aria-label") or ""
    page.goto(page.url.split("?")[0])
    page.goto(link)
    opened(page)
    expect(page.locator(".pg-filtered > span")).to_have_text(told)
    expect(pictures(page).first).to_have_attribute("aria-label", first)
    expect(page.get_by_label("Sort")).to_have_value("least sure")
    page.goto(link.replace("sure=0-90", "sure=90-x").replace("sort=least", "sort=most"))  # nonsense is left out
    opened(page)
    expect(pictures(page).first).to_have_class("pg-false")
    expect(page.get_by_label("Sort")).to_have_value("surest")


def test_a_test_picture_says_what_it_is_and_leads_back_to_its_cell(page: Page) -> None:
    opened(page)
    cell(page, "cat", "dog").click()
    expect(title(page)).to_have_text(words("cat", "dog"))
    pictures(page).nth(1).click()
    told = page.locator("#dc-opened p")
    expect(told).to_contain_text(re.compile(r"Test picture \d+\. It is labelled cat\."))
    page.get_by_role("button", name="Back to its cell").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Confusion matrix")).to_have_attribute("aria-selected", "true")
    expect(cell(page, "cat", "dog")).to_have_attribute("aria-current", "true")
    expect(pictures(page).nth(1)).to_be_focused()
    choose_tab(page, "Classify")
    expect(told).to_be_visible()
    page.locator('#dc-examples [data-index="0"]').click()
    expect(told).to_have_count(0)


def test_the_browser_s_back_button_leads_from_a_picture_to_its_cell(page: Page) -> None:
    opened(page)
    cell(page, "cat", "dog").click()
    expect(title(page)).to_have_text(words("cat", "dog"))
    index = pictures(page).nth(1).get_attribute("data-index")
    pictures(page).nth(1).click()
    told = page.locator("#dc-opened p")
    expect(told).to_contain_text(f"Test picture {index}.")
    page.go_back()
    expect(page.get_by_role("tab", name="Confusion matrix")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#dc-gallery :focus")).to_have_attribute("data-index", str(index))
    page.go_forward()
    expect(told).to_be_visible()
    # Another cell, and another expert, were looked at since.
    choose_tab(page, "Confusion matrix")
    cell(page, "dog", "cat").click()
    expect(title(page)).to_have_text(words("dog", "cat"))
    page.get_by_role("radio", name="expert 2 alone").check()
    expect(page.locator("#dc-accuracy")).to_contain_text("from expert 2 alone")
    page.go_back()
    expect(title(page)).to_have_text(words("cat", "dog"))
    expect(page.locator("#dc-accuracy")).not_to_contain_text("alone")
    expect(page.locator("#dc-gallery :focus")).to_have_attribute("data-index", str(index))


def test_a_link_holds_the_expert(page: Page) -> None:
    opened(page)
    page.get_by_role("radio", name="expert 2 alone").check()
    expect(page).to_have_url(re.compile("expert=2"))
    cell(page, "cat", "cat").click()
    alone = EVALUATION.by_expert(1)
    sentence = row_words(alone.confusion, (3,), (3,))
    expect(title(page)).to_have_text(sentence)
    page.reload()
    opened(page)
    expect(title(page)).to_have_text(sentence)
    expect(page.get_by_role("radio", name="expert 2 alone")).to_be_checked()
    expect(page.locator("#dc-accuracy")).to_contain_text(percent(alone.accuracy))
    expect(page.locator("#dc-gallery .pg-together")).to_be_visible()
    page.get_by_role("radio", name="the model").check()
    expect(page).not_to_have_url(re.compile("expert="))


@pytest.mark.skipif(not suspects.shipped(), reason=f"needs assets/{suspects.TABLE}")
def test_doubtful_labels_are_marked_filtered_and_told_in_classify(page: Page) -> None:
    doubted = suspects.among(suspects.shipped(), EVALUATION.true)
    opened(page)
    expect(page.locator("#dc-accuracy")).to_contain_text(f"Without the {len(doubted)} pictures whose label is doubtful")
    page.locator(".cg-all").click()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("only doubtful labels").check()
    expect(page.locator(".pg-filtered > span")).to_have_text(f"{len(doubted)} of 10,000 fit the filters.")
    expect(page).to_have_url(re.compile("true=any.*doubtful=1"))
    shown = [doubted[int(made.get_attribute("data-index") or "")] for made in pictures(page).all()]
    for made, suspect in zip(pictures(page).all(), shown, strict=True):
        expect(made.locator(".pg-doubt")).to_have_text(f"? more likely {CLASSES[suspect.suggested]}")
        assert suspect.words in (made.get_attribute("aria-label") or "")
    page.reload()
    opened(page)
    expect(page.locator(".pg-filtered > span")).to_have_text(f"{len(doubted)} of 10,000 fit the filters.")
    pictures(page).first.click()
    expect(page.locator("#dc-opened p")).to_contain_text(shown[0].words)


def test_the_matrix_and_the_answers_can_be_downloaded(page: Page) -> None:
    opened(page)
    saving = page.locator(".cg-saving")
    with page.expect_download() as download:
        saving.get_by_text("CSV").click()
    table = pd.read_csv(download.value.path(), index_col=0)
    assert table.index.tolist() == table.columns.tolist() == list(CLASSES)
    assert (table.to_numpy() == EVALUATION.confusion).all()
    with page.expect_download() as download:
        saving.get_by_text("PNG").click()
    with Image.open(download.value.path()) as image:
        assert min(image.size) > 800
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 50
    cell(page, "cat", "dog").click()
    expect(title(page)).to_have_text(words("cat", "dog"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these answers (CSV)").click()
    answers = pd.read_csv(download.value.path())
    assert len(answers) == EVALUATION.confusion[3, 5]
    assert set(answers["true"]) == {"cat"}


@pytest.mark.opens(None)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_the_whole_matrix(page: Page, app: App, theme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app.url}/?__theme={theme}")
    opened(page)
    cell(page, "cat", "dog").click()
    expect(title(page)).to_have_text(words("cat", "dog"))
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    box = page.locator("#dc-grid table").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_a_pair_opens_its_own_view_and_its_pictures(page: Page) -> None:
    opened(page)
    pair = page.locator("#dc-pairs button").first
    pair.focus()
    page.keyboard.press("Enter")
    expect(pair).to_have_attribute("aria-pressed", "true")
    galleries = page.locator("#dc-pair .pg")
    expect(galleries).to_have_count(3)
    expect(page.locator("#dc-pair .ph-words")).to_have_text(pair.inner_text().strip())
    before = page.locator("#dc-sentence").text_content()
    galleries.nth(2).locator(".pg-pictures button").first.click()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#dc-sentence")).not_to_have_text(before or "")


def test_either_expert_alone_has_its_own_matrix_and_pictures(page: Page) -> None:
    opened(page)
    page.get_by_label("expert 1 alone").check()
    alone = EVALUATION.by_expert(0)
    expect(page.locator("#dc-accuracy")).to_contain_text("from expert 1 alone")
    expect(cell(page, "cat", "cat")).to_have_text(str(alone.confusion[3, 3]))
    cell(page, "cat", "cat").click()
    expect(title(page)).to_have_text(row_words(alone.confusion, (3,), (3,)))
    expect(pictures(page).first).to_have_attribute("aria-label", re.compile("called cat by expert 1 alone"))
    page.get_by_text("% weight of expert 1", exact=True).click()
    mean = alone.gate_sums[3, 3] / alone.confusion[3, 3]
    expect(cell(page, "cat", "cat")).to_have_text(f"{100 * mean:.0f}")
    page.get_by_label("the model", exact=True).check()
    expect(page.locator("#dc-accuracy")).not_to_contain_text("alone")
    expect(title(page)).to_have_text(words("cat", "cat"))


def test_the_gates_of_each_class_and_a_model_without_validations_are_told(page: Page) -> None:
    opened(page)
    rows = page.locator("#dc-gates tbody tr")
    expect(rows).to_have_count(10)
    mean = float(EVALUATION.gates[EVALUATION.true == 9, 0].mean())
    expect(rows.nth(9)).to_contain_text(percent(mean))
    validated = any(isinstance(event, Validated) for event in Run(checkpoint.bundled()).events())
    told = "Validation" if validated else "held no pictures out"
    expect(page.locator("#dc-training")).to_contain_text(told)


def test_the_slider_goes_back_through_the_validations_of_a_run(page: Page, app: App) -> None:
    run = app.runs / "2026-01-02_validated"
    shutil.copytree(checkpoint.bundled(), run)
    early = np.full((10, 10), 10).tolist()
    late = (90 * np.eye(10, dtype=int) + 1).tolist()
    looks = [Validated(k, k, 1.0, 0.1, 1000, 60.0 * k, True, early if k < 3 else late) for k in (1, 2, 3)]
    (run / EVENTS).write_text("".join(f"{look.to_json()}\n" for look in looks))
    try:
        opened(page)
        page.get_by_label("Model, for all tabs").click()
        page.get_by_role("option", name=re.compile("2026-01-02_validated")).click()
        section = page.locator("#dc-training")
        expect(section.locator(".cl-words")).to_contain_text("Validation 3 of 3")
        expect(section.locator("td button").first).to_have_text("91")
        section.locator("input[type=range]").focus()
        page.keyboard.press("ArrowLeft")
        expect(section.locator(".cl-words p").first).to_have_text("After 2:00: 10.0 % right.")
        expect(section.locator("td button").first).to_have_text("10")
    finally:
        shutil.rmtree(run)


def test_two_models_are_compared_by_keyboard(page: Page, app: App) -> None:
    """A second model that calls every other dog a cat is worse there, and says so."""
    dogs = np.flatnonzero((EVALUATION.true == 5) & (EVALUATION.predicted == 5))[::2]
    worse = replace(EVALUATION, predicted=np.where(np.isin(np.arange(10_000), dogs), 3, EVALUATION.predicted))
    run = app.runs / "2026-01-01_worse"
    run.mkdir(parents=True)
    for name in (checkpoint.CONFIG, checkpoint.WEIGHTS):
        shutil.copy(checkpoint.bundled() / name, run)
    worse.save(run)
    try:
        opened(page)
        page.get_by_label("Compare with").click()
        page.get_by_role("option", name=re.compile("2026-01-01_worse")).click()
        section = page.locator("#dc-compare")
        expect(section.locator(".cl-words p").first).to_contain_text(
            f"A is right on {len(dogs)} pictures where B is wrong, B on 0 where A is wrong: more than chance would give"
        )
        cells = section.locator("td button")
        expect(cells.nth(53)).to_have_text(f"+{len(dogs)}")
        expect(cells.nth(53)).to_have_class("cl-orange")
        expect(section.locator(".cl-orange[aria-label]")).to_have_count(2)
        cells.first.focus()
        for key in ("PageDown", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight"):
            page.keyboard.press(key)
        expect(cells.nth(53)).to_be_focused()
        page.keyboard.press("Enter")
        titles = section.locator(".pg-title")
        expect(titles.nth(1)).to_have_text(f"{len(dogs)} dogs were called cat by B only")
        expect(titles.nth(0)).to_have_text("No dog was called cat by A only")
        before = page.locator("#dc-sentence").text_content()
        section.locator(".pg-pictures button").first.click()
        expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#dc-sentence")).not_to_have_text(before or "")
    finally:
        shutil.rmtree(run)


def test_a_cell_that_is_clicked_while_another_answer_is_on_its_way_stays_chosen(page: Page) -> None:
    opened(page)
    alone, ship = EVALUATION.by_expert(1), cell(page, "ship", "ship")
    radio = page.get_by_role("radio", name="expert 2 alone").element_handle()
    # The answer to the radio button goes through a queue, the one to the cell does not.
    ship.evaluate("(cell, radio) => { radio.click(); setTimeout(() => cell.click(), 15); }", radio)
    expect(page.locator("#dc-accuracy")).to_contain_text(percent(alone.accuracy))
    expect(title(page)).to_have_text(row_words(alone.confusion, (8,), (8,)))
    expect(ship).to_have_attribute("aria-current", "true")
