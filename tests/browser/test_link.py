"""A link leads to what was on the screen, and can be copied in every tab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from demo.interface import TABS
from diclam.recipe import TrainConfig
from diclam.runs import list_runs
from tests.browser.conftest import ANSWER, SMALL, App, choose_tab, toast

SLOW = 400_000
# What goes through Gradio's queue gets there when it is let go.
ANSWERS_LATE = """
const ask = window.fetch;
window.fetch = async (...what) => {
  const queued = String(what[0].url ?? what[0]).includes('/queue/join');
  while (queued && !window.letGo) await new Promise((go) => setTimeout(go, 50));
  return ask(...what);
};
"""


@pytest.mark.opens(None)
def test_a_link_opens_what_it_names_and_says_what_it_left_out(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?tab=train&recipe=report&budget=45&seed=7&flip=none&batch_size=0&attention=false&run=no-such-run")
    expect(toast(page)).to_contain_text("There is no run 'no-such-run'")
    expect(toast(page)).to_contain_text("batch_size must be a whole number")
    expect(page).not_to_have_url(re.compile("no-such-run|batch_size"))
    expect(page.locator("#dc-command")).to_contain_text("--seed 7 --flip none --no-attention")
    expect(page.locator("#dc-flip")).to_be_visible()
    expect(page.locator("#dc-budget input")).to_have_value("45")
    expect(page.locator("#dc-recipe input:checked")).to_have_attribute("value", "report")
    page.locator("#dc-seed input").fill("8")
    expect(page).to_have_url(re.compile(r"tab=train&recipe=report&budget=45&seed=8&flip=none&attention=false$"))
    page.locator("#dc-recipe").get_by_label("fast").check()  # another recipe fills the fields anew
    expect(page).to_have_url(re.compile(r"budget=45&seed=8$"))
    page.goto(f"{app.url}/?example=5&square=10-10-50")
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(page.locator("#dc-square .sq")).to_have_attribute("data-own", "true")
    expect(page.locator("#dc-square .sq")).to_have_attribute("data-size", "0.5")


@pytest.mark.opens(None)
def test_a_click_on_start_waits_until_the_link_has_filled_the_form(page: Page, app: App) -> None:
    page.add_init_script(ANSWERS_LATE)
    page.goto(f"{app.url}/?tab=train&seed=77&{SMALL}")
    page.locator("#dc-start").click()
    assert page.locator("#dc-seed input").input_value() != "77"
    page.evaluate("window.letGo = true")
    expect(page.locator("#dc-run")).to_contain_text("left of 10:00", timeout=SLOW)
    expect(page.locator("#dc-seed input")).to_have_value("77")
    [run] = [run for run in list_runs(app.runs) if run.alive()]
    try:
        assert TrainConfig.from_dict(run.info()["config"]).seed == 77
    finally:
        run.terminate()


@pytest.mark.opens(None)
def test_what_a_link_says_is_never_read_as_html(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?tab=train&recipe=<form><input name=token></form>")
    expect(toast(page)).to_contain_text("Unknown recipe '<form><input name=token></form>'")
    expect(toast(page).locator("form, input")).to_have_count(0)


def test_every_tab_copies_its_link(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for tab, name in TABS.items():
        choose_tab(page, name)
        expect(page).to_have_url(re.compile(f"tab={tab}"))
        # The run that is shown may come into the address a moment later.
        button = page.get_by_role("button", name="Copy link")
        address = button.evaluate("(button) => { button.click(); return window.location.href; }")
        expect(page.locator("#dc-tools [role=status]")).to_have_text("Link copied.")
        assert page.evaluate("navigator.clipboard.readText()") == address
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#dc-tools [role=status]")).to_contain_text("copy it by hand")
    field = page.locator("#dc-tools input")
    expect(field).to_be_focused()
    expect(field).to_have_value(page.url)
    assert field.evaluate("(field) => field.selectionEnd - field.selectionStart") == len(page.url)
