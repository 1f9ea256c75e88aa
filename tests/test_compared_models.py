"""The comparison shows the numbers of its two models, opens the pictures that changed, and refuses forged events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demo.compared_models import LABELS, PAGE, cells, measured, signed
from demo.components.cell_grid import TONES, CellGrid
from diclam.compare import Comparison
from diclam.evaluate import Evaluation
from diclam.recipe import config
from diclam.runs import INFO
from tests.test_confusion_tab import Album, Evaluations, Tab


def evaluation(models: Evaluations, key: str) -> Evaluation:
    found = models.evaluation(key)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def models() -> Evaluations:
    return Evaluations()


@pytest.fixture(scope="module")
def comparison(models: Evaluations) -> Comparison:
    return Comparison(evaluation(models, "one"), evaluation(models, "two"))


class Compared(Tab):
    """The tab, with the parts of its comparison."""

    def __init__(self, models: Evaluations) -> None:
        super().__init__(models, Album())
        blocks = list(self.page.blocks.values())
        (self.difference,) = [b for b in blocks if isinstance(b, CellGrid) and b.elem_id == "dc-difference"]
        (self.other,) = [b for b in blocks if isinstance(b, gr.Dropdown) and b.elem_id == "dc-other"]
        self.galleries = self.other_galleries[3:5]


@pytest.fixture(scope="module")
def tab(models: Evaluations) -> Compared:
    return Compared(models)


def test_every_cell_tells_its_difference_with_a_sign_and_a_word(comparison: Comparison) -> None:
    drawn = cells(comparison, "one", "two")
    for i, row in enumerate(drawn.rows):
        for j, cell in enumerate(row):
            more = int(comparison.difference[i, j])
            assert cell.text == signed(more)
            assert cell.tone in TONES
            better = more > 0 if i == j else more < 0
            assert (cell.tone in ("blue", "orange")) == bool(comparison.beyond[i, j])
            if comparison.beyond[i, j]:
                assert cell.tone == ("blue" if better else "orange")
                assert "more than noise" in cell.words
            elif more:
                assert "within the noise" in cell.words
            assert 0 <= cell.level <= 1
    assert drawn.words[0] == comparison.words("A", "B")
    assert drawn.words[1].startswith("A is one, ")


def test_numbers_carry_their_sign() -> None:
    assert [signed(n) for n in (12, 0, -7)] == ["+12", "0", "\N{MINUS SIGN}7"]


def test_all_models_can_be_chosen_and_one_that_is_gone_is_dropped(tab: Compared, models: Evaluations) -> None:
    assert tab.send(tab.other, "focus", "two").choices == models.choices()
    assert tab.send(tab.other, "focus", "two").value == "two"
    assert tab.send(tab.other, "focus", "deleted").value is None


def test_choosing_a_model_draws_the_difference(tab: Compared, comparison: Comparison) -> None:
    _, row, drawn, *pages = tab.send(tab.other, "input", "one", "two", None)
    assert row.visible
    assert drawn == cells(comparison, "one", "two")
    assert pages == [None] * len(LABELS)
    _, row, drawn, *pages = tab.send(tab.other, "input", "one", None, (3, 5))
    assert not row.visible
    assert [drawn, *pages] == [None] * 3


@pytest.mark.parametrize(("chosen", "message"), [("untested", "no test results"), ("../../etc", "no run")])
def test_a_model_that_cannot_be_compared_says_why_and_shows_nothing(tab: Compared, chosen: str, message: str) -> None:
    other, row, *drawn = tab.send(tab.other, "input", "one", chosen, (3, 5))
    assert message in other.info
    assert not row.visible
    assert drawn == [None] * 3


def test_a_cell_opens_the_pictures_that_left_and_that_came(tab: Compared, comparison: Comparison) -> None:
    at, left, came = tab.send(tab.difference, "select", "one", "two", real=3, said=5)
    assert at == (3, 5)
    for page, expected, said_by in zip((left, came), comparison.changed(3, 5), "AB", strict=True):
        assert page.matching == len(expected)
        assert set(page.indices) <= set(expected.tolist())
        assert page.title.endswith(f"called dog by {said_by} only")
    # Below the pictures is what the other one says, so never 'dog'.
    assert left.evaluation is comparison.other
    assert came.evaluation is comparison.one
    assert all(page.evaluation.predicted[k] != 5 for page in (left, came) for k in page.indices)


def test_its_pages_turn(tab: Compared, comparison: Comparison) -> None:
    at = max(((i, i) for i in range(10)), key=lambda at: len(comparison.changed(*at)[0]))
    count = len(comparison.changed(*at)[0])
    assert count > PAGE
    pages = [tab.send(tab.galleries[0], "turn", "one", "two", at, first=first) for first in range(0, count, PAGE)]
    assert sorted(k for page in pages for k in page.indices) == comparison.changed(*at)[0].tolist()
    with pytest.raises(gr.Error, match="Choose a cell"):
        tab.send(tab.galleries[0], "turn", "one", "two", None, first=0)
    with pytest.raises(gr.Error, match="multiple of 15"):
        tab.send(tab.galleries[1], "turn", "one", "two", at, first=-15)


@pytest.mark.parametrize("data", [{}, {"real": 99, "said": 0}, {"real": 3, "said": -1}, {"real": "3", "said": 5}])
def test_a_forged_cell_is_refused(tab: Compared, data: dict[str, Any]) -> None:
    with pytest.raises(gr.Error, match="Expected a cell"):
        tab.send(tab.difference, "select", "one", "two", **data)


def test_a_forged_second_model_is_refused(tab: Compared) -> None:
    for chosen, message in ((None, "Choose a model"), ("untested", "no test results"), ("../../etc", "no run")):
        with pytest.raises(gr.Error, match=message):
            tab.send(tab.difference, "select", "one", chosen, real=3, said=5)


def test_the_band_is_measured_where_runs_differ_in_their_seed_alone(models: Evaluations, tmp_path: Path) -> None:
    for key, seed in (("one", 0), ("two", 1), ("untested", 2)):
        models.folders[key] = tmp_path / key
        models.folders[key].mkdir()
        (tmp_path / key / INFO).write_text(json.dumps({"config": config("report", seed=seed).to_dict()}))
    try:
        spread = measured(models, ("one", "elsewhere"))
        assert spread is not None
        assert spread.models == 2
        assert measured(models, ("elsewhere", "nowhere")) is None
        other = config("report", seed=1, budget=30).to_dict()
        (tmp_path / "two" / INFO).write_text(json.dumps({"config": other}))
        assert measured(models, ("one", "two")) is None
    finally:
        models.folders.clear()
