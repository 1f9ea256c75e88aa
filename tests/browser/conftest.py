"""The running app and a real browser. Every test fails when its page asks another host for anything or logs an error."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from benchmarks.app import free_port
from diclam.data import Cifar10
from tests.serving import FEW_TESTED, serving

# Milliseconds. Generous, as other work may share the machine; a test that passes never waits for it.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
# What the Classify tab says once a picture is answered, be it one like those the model was trained on or not.
_ANSWER = r"Most likely an? %s \(|Closest of the ten things it knows: %s \("
ANSWER = re.compile(_ANSWER % (r"\w+", r"\w+"))
# What the owner of the app's server types.
ADMIN = "the owner of this server"
# Settings in an address for a run of which there is soon something to see, however busy the machine is: small steps, few
# pictures to learn, validated often, and more time than any test takes.
SMALL = "recipe=fast&budget=600&batch_size=32&train_share=0.02&validate_epochs=0.5"
# How many points all curves of a figure have together; whether they are as many as that.
POINTS = """(id) => (document.querySelector(`#${id} .js-plotly-plot`)?.data ?? [])
  .reduce((sum, trace) => sum + (trace.x ?? []).length, 0)"""
AT_LEAST = f"([id, count]) => ({POINTS})(id) >= count"
# Chromium's own remarks that say nothing about the page, and what Gradio says when a page is left with requests under way.
HARMLESS = ("willReadFrequently", "favicon", "AbortError: signal is aborted", "Connection errored out")


@dataclass(frozen=True)
class App:
    """A server in a process of its own, with its runs in a temporary folder."""

    url: str
    runs: Path


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, cifar10: Cifar10) -> Iterator[App]:
    folder, port = tmp_path_factory.mktemp("runs"), free_port()
    with serving(folder, port, *FEW_TESTED, DICLAM_ADMIN_TOKEN=ADMIN):
        yield App(f"http://127.0.0.1:{port}", folder / "root")


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def options() -> dict[str, Any]:
    """How Chromium is launched here."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing.")
        pytest.skip("needs Chromium; on Debian: apt-get install chromium")
    return {"executable_path": path, "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def browser(chromium: BrowserType, options: dict[str, Any]) -> Iterator[Browser]:
    """For visitors who come for the first time: each context is one, and knows nothing."""
    browser = chromium.launch(**options)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def regular(
    chromium: BrowserType, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """A visitor whose browser has kept, compiled, the scripts that it has loaded once: a page opens in half the time."""
    context = chromium.launch_persistent_context(tmp_path_factory.mktemp("profile"), **options)
    yield context
    context.close()


@pytest.fixture
def page(app: App, regular: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The app in a window of 1280 x 900, opened on Classify with an example answered; where a test is marked `opens(query)`,
    at this query and not waited for, and where it says `opens(None)`, not opened. Nothing is left of what the test before
    did."""
    opens = request.node.get_closest_marker("opens")
    foreign: list[str] = []
    errors: list[str] = []

    def asked(sent: Request) -> None:
        if not sent.url.startswith((f"{app.url}/", "data:", "blob:")):
            foreign.append(sent.url)

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(word in message.text for word in HARMLESS):
            errors.append(message.text)

    regular.on("request", asked)  # Routes would see the same, but hand on each request one by one: a second a page.
    with regular.new_page() as page:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.on("console", console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        kept = {"origin": app.url, "storageTypes": "cookies,local_storage"}
        regular.new_cdp_session(page).send("Storage.clearDataForOrigin", kept)
        if opens is None:
            page.goto(app.url)
            expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
        elif opens.args != (None,):
            page.goto(f"{app.url}/{opens.args[0]}")
        yield page
    regular.remove_listener("request", asked)
    regular.clear_permissions()
    assert not foreign, f"The page asked other hosts: {foreign}"
    assert not errors, f"The page logged errors: {errors}"


def named(label: str) -> re.Pattern[str]:
    """An answer that names this class."""
    return re.compile(_ANSWER % (label, label))


def own_token(page: Page) -> str:
    """What tells the server that this page belongs to its visitor; a page that was opened has it in a moment."""
    kept = page.wait_for_function("JSON.parse(localStorage.getItem('diclam-visitor') ?? 'null')?.own")
    return kept.json_value()


def choose_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def toast(page: Page) -> Locator:
    """The newest message."""
    return page.get_by_test_id("toast-body").last


def start_small(page: Page, url: str) -> None:
    """Starts a run of SMALL as somebody does whom a link brought."""
    page.goto(f"{url}/?tab=train&{SMALL}")
    expect(page.locator("#dc-budget input")).to_have_value("600")
    expect(page.locator("#dc-start")).to_be_enabled()
    page.locator("#dc-start").click()
