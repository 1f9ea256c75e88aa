"""The lesson's last card counts a run that the visitor started and the server accepted, and no other."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from demo.lesson import CARDS
from diclam.events import Event, Started, Step, Validated
from diclam.ledger import Ledger
from diclam.runs import EVENTS, Run
from tests.browser.conftest import App, toast

ME, ANOTHER = "1" * 32, "2" * 32
NAMES = ("2001-01-01_theirs", "2001-01-02_mine", "2001-01-03_new")
STARTED = Started("fast", 60.0, 0, "cpu", "float32", 40_000, 500, 128, 1_837_452)
# The visitor has watched a run, and started one with other settings.
STATE = {"at": 5, "done": ["watch"], "starts": ["others"], "runs": []}


def write(run: Run, *events: Event) -> None:
    with (run.path / EVENTS).open("a") as file:
        file.writelines(event.to_json() + "\n" for event in events)


def learns(page: Page, run: Run) -> None:
    """Two looks at its held-out pictures, while the page shows it."""
    expect(page.locator("#dc-run")).to_contain_text(f"Run {run.name}")
    for _ in range(2):
        k = sum(isinstance(event, Validated) for event in run.events()) + 1
        write(run, Step(k, k / 10, 2.0, 0.1, 1.0, 300.0, float(k), k / 60))
        write(run, Validated(k, k / 10, 2.0, 0.3 + k / 100, 500, float(k), True))
        expect(page.locator("#dc-accuracy")).to_contain_text(f"{30 + k}.0 %")


@pytest.fixture
def trainer(app: App) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        with Ledger(app.runs).writing() as database:
            database.execute("DELETE FROM waiting")
        process.kill()
    for name in NAMES:
        shutil.rmtree(app.runs / name, ignore_errors=True)


@pytest.mark.opens(None)
def test_a_start_that_was_refused_or_waits_is_none(page: Page, app: App, trainer: subprocess.Popen[bytes]) -> None:
    def begins(name: str, owner: str) -> Run:
        run = Run(app.runs / name)
        run.path.mkdir(parents=True)
        Ledger(app.runs).own(name, owner)
        write(run, STARTED)
        run.claim(trainer.pid)
        return run

    theirs = begins(NAMES[0], ANOTHER)
    kept = {"diclam-visitor": json.dumps({"own": ME}), "diclam-lesson": json.dumps(STATE)}
    page.add_init_script(f"Object.assign(localStorage, {json.dumps(kept)})")
    page.goto(f"{app.url}/?lesson=1&tab=train&run={theirs.name}")
    done = page.locator("#dc-lesson .lc-done")
    expect(page.locator("#dc-start")).to_have_text("Queue up")
    page.locator("#dc-budget input").fill("-1")
    page.locator("#dc-start").click()
    expect(toast(page)).to_contain_text("15 to 600 seconds")
    learns(page, begins(NAMES[1], ME))  # from another window
    expect(done).to_have_text("")
    page.locator("#dc-budget input").fill("60")
    page.locator("#dc-start").click()
    expect(page.locator("#dc-queue .ql-waiting li")).to_be_visible()  # the lesson shows who waits
    learns(page, Run(app.runs / NAMES[1]))
    expect(done).to_have_text("")
    learns(page, begins(NAMES[2], ME))
    expect(done).to_contain_text(CARDS[-1].done)
