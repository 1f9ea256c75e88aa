"""What a visitor does with the pinned pictures of a run: watches them change, and goes through its moments afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from diclam import snapshots
from diclam.events import Finished, Started, Step, Tested, Validated
from diclam.runs import EVENTS, Run
from diclam.snapshots import Pinned, Snapshot
from tests.browser.conftest import App

CAT, DOG = 3, 5
MATRIX = (8 * np.eye(10, dtype=int) + 2).tolist()


def taken(step: int, cat: float, *, kept: bool = False) -> Snapshot:
    """Sure to this degree that everything is a cat, else a dog."""
    said = np.zeros((12, 10))
    said[:, CAT], said[:, DOG] = cat, 1 - cat
    maps = np.full((12, 2, 16, 16), 128, np.uint8)
    return Snapshot(step, step / 10, 6.0 * step, step / 10, kept, said, np.full((12, 2), 0.5), maps)


def add(run: Run, *moments: Snapshot) -> None:
    with (run.path / snapshots.FILE).open("a") as file:
        file.writelines(json.dumps(moment.to_json()) + "\n" for moment in moments)


@pytest.fixture
def run(app: App) -> Iterator[Run]:
    """A run that is going on: two of ten steps are made."""
    folder = Path(app.runs) / "9999_pinned"
    folder.mkdir(parents=True)
    pinned = Pinned(np.full((12, 32, 32, 3), 90, np.uint8), (0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9), held_out=True)
    (folder / snapshots.FILE).write_text(json.dumps(pinned.to_json()) + "\n")
    run = Run(folder)
    add(run, taken(0, 0.3), taken(2, 0.41))
    steps = [Step(k, k / 10, 2.0 - k / 10, 0.1, 1.0, 300.0, 6.0 * k, k / 10) for k in (1, 2)]
    events = [Started("fast", 60.0, 0, "cpu", "float32", 100, 100, 10, 1), *steps]
    (folder / EVENTS).write_text("".join(event.to_json() + "\n" for event in events))
    run.claim(os.getpid())
    yield run
    shutil.rmtree(folder)


def end(run: Run) -> None:
    add(run, taken(5, 0.8), taken(10, 0.9, kept=True))
    events = [
        *(Step(k, k / 10, 2.0 - k / 10, 0.1, 1.0, 300.0, 6.0 * k, k / 10) for k in range(3, 11)),
        Validated(2, 0.2, 1.5, 0.2, 100, 12.0, True, MATRIX),
        Validated(10, 1.0, 1.2, 0.3, 100, 60.0, True, MATRIX),
        Finished("time", 10, 1.0, 60.0, 100, 0.3),
        Tested(0.3, 0.3, 0.3, 0.3, 1.0),
    ]
    with (run.path / EVENTS).open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)
    (run.path / "process").unlink()


@pytest.mark.opens(None)
def test_pinned_pictures_change_with_the_run_and_go_through_its_moments_afterwards(page: Page, app: App, run: Run) -> None:
    page.goto(f"{app.url}/?tab=train")
    said = page.locator("#dc-pinned .pp-said")
    expect(said).to_have_count(12)
    assert said.nth(3).inner_text() == "✗ dog 59\u00a0%"
    expect(page.locator("#dc-pinned .pp-slider")).to_be_hidden()
    end(run)
    slider = page.locator("#dc-pinned .pp-slider")
    expect(slider).to_be_visible()
    assert said.nth(3).inner_text() == "✓ cat 90\u00a0%"
    page.wait_for_timeout(2500)  # the news that it has ended have come, to the queue as well

    requests: list[str] = []  # beside the question for news
    page.on("request", lambda request: requests.append(request.url) if "component_server" not in request.url else None)
    page.get_by_role("button", name="cat: cat 90").first.click()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#dc-pinned .pp-spoken")).to_have_text("After 12 s: 2 of 12 right. The cat: dog 59\u00a0%, wrong.")
    expect(page.locator("#dc-pinned .pp-matrix figcaption")).to_contain_text("Validation after 12 s: 20.0 % right.")
    assert [page.locator(f"#{name} .pp-cursor").get_attribute("data-at") for name in ("dc-loss", "dc-accuracy")] == [
        "0.2",
        "12",
    ]
    assert requests == []
    page.locator("#dc-pinned .pp-switch").check()
    expect(page.locator("#dc-pinned .pp-over").first).to_be_visible()
    expect(page).to_have_url(re.compile("moment=1(&|$)"))
    page.reload()
    expect(slider).to_have_value("1")
    expect(page.locator("#dc-pinned .pp-when")).to_have_text("After 12 s: 2 of 12 right.")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
