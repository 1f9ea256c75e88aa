"""What Classify shows of models that have more, or less, than the bundled one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from diclam import checkpoint
from diclam.calibration import Calibration, Reliability
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM, ModelConfig
from tests.browser.conftest import ANSWER, App

pytestmark = pytest.mark.opens(None)


@pytest.fixture
def folder(app: App) -> Iterator[Path]:
    """Of a run that is there as long as the test."""
    yield app.runs / "another"
    shutil.rmtree(app.runs / "another")


def test_a_picture_that_looks_like_nothing_known_is_told_in_words(page: Page, app: App, folder: Path) -> None:
    checkpoint.save(folder, DiCLAM())
    Familiarity(torch.eye(256)[:20], threshold=1.0, false_alarms=0.052, source="by hand").save(folder)
    page.goto(f"{app.url}/?run=another")
    expect(page.locator("#dc-sentence [role=status]").first).to_contain_text("does not look like anything it was trained on")
    expect(page.locator("#dc-sentence .dc-doubt")).to_contain_text("5.2\u00a0% of the CIFAR-10 test pictures")
    expect(page.locator("#dc-bars tr")).to_have_count(10)


def test_a_percentage_is_told_with_how_often_it_was_right(page: Page, app: App, folder: Path) -> None:
    torch.manual_seed(0)
    checkpoint.save(folder, DiCLAM())
    page.goto(f"{app.url}/?run=another")
    expect(page.locator("#dc-trust .rl-words")).to_contain_text("These percentages are not calibrated")
    expect(page.locator("#dc-trust details")).to_be_hidden()
    ranges = np.arange(15)
    after = Reliability(np.full(15, 50), 50 * (ranges + 0.5) / 15, 3 * ranges, nll=2.0)
    Calibration(1.5, "750 pictures", replace(after, right=2 * ranges), after).save(folder)
    page.goto(f"{app.url}/?run=another")
    expect(page.locator("#dc-trust .rl-words")).to_contain_text("Of 100 held-out pictures where it says")
    page.locator("#dc-trust summary").focus()
    page.keyboard.press("Enter")
    diagram = page.get_by_role("img", name="Reliability diagram")
    expect(diagram.locator("circle")).to_have_count(15)
    expect(diagram.locator("rect")).to_have_count(15)
    expect(page.locator("#dc-trust tbody tr").nth(14)).to_contain_text("84.0\u00a0% of 50")


def test_a_full_network_shows_four_experts_and_no_heading_over_nothing(page: Page, app: App, folder: Path) -> None:
    checkpoint.save(folder, DiCLAM(ModelConfig(blocks="full")))
    page.goto(f"{app.url}/?run=another")
    expect(page.locator("#dc-experts .ep-answers table")).to_have_count(5)
    expect(page.locator("#dc-experts")).to_contain_text("This is a full network")
    expect(page.locator("#dc-sentence")).to_contain_text(ANSWER)
    expect(page.locator("#dc-attention .ap-told").nth(1)).to_contain_text("Head 2")
    for heading in ("#dc-gates-words", "#dc-fader-words"):
        expect(page.locator(heading)).to_be_hidden()
    expect(page.get_by_test_id("toast-body")).to_have_count(0)
