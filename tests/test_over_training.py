"""The matrix of each validation is shown as it was recorded; a model without any says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from demo import over_training
from demo.components.cell_grid import CellGrid
from demo.over_training import NONE, OLD, cells
from diclam.events import Validated
from diclam.runs import EVENTS
from tests.conftest import random_evaluation
from tests.test_confusion_tab import Evaluations


def look(place: int, pictures: int = 500, with_matrix: bool = True) -> Validated:
    evaluation = random_evaluation(pictures, seed=place)
    matrix = evaluation.confusion.tolist() if with_matrix else None
    return Validated(10 * place, 1.5 * place, 0.5, evaluation.accuracy, pictures, 30.0 * place, True, matrix)


class Section:
    """The section in a page of its own, over a model whose folder records these validations."""

    def __init__(self, folder: Path, looks: Sequence[Validated]) -> None:
        models = Evaluations()
        models.folders["one"] = folder
        (folder / EVENTS).write_text("".join(f"{event.to_json()}\n" for event in looks))
        with gr.Blocks() as page:
            key, drawn = gr.Dropdown(["one"], value="one"), gr.State(None)
            over_training.build(models, key, drawn)
        self.begin, self.move = (fn.fn for fn in page.fns.values())
        assert {fn.api_visibility for fn in page.fns.values()} == {"private"}


def test_it_opens_on_the_last_validation_and_moves_to_each(tmp_path: Path) -> None:
    looks = [look(place) for place in (1, 2, 3)]
    section = Section(tmp_path, looks)
    assert section.begin is not None
    assert section.move is not None
    without, slider, drawn = section.begin("one")
    assert not without.visible
    assert (slider.visible, slider.value, slider.maximum) == (True, 3, 3)
    assert drawn == cells(looks, 3)
    for place, expected in enumerate(looks, 1):
        drawn = section.move("one", place)
        assert [[int(cell.text) for cell in row] for row in drawn.rows] == expected.confusion
        assert drawn.words[0].startswith(f"After {place // 2}:{'30' if place % 2 else '00'}: ")
        assert drawn.words[1].startswith(
            f"Validation {place} of 3, after {1.5 * place:.1f} epochs, on the same 500 training"
        )


def test_right_and_wrong_differ_in_colour_and_words_and_the_share_in_strength() -> None:
    drawn = cells([look(1)], 1)
    counts = np.array(look(1).confusion)
    for i, row in enumerate(drawn.rows):
        for j, cell in enumerate(row):
            assert cell.tone == ("none" if counts[i, j] == 0 else "blue" if i == j else "orange")
            assert cell.level == pytest.approx(np.sqrt(counts[i, j] / counts[i].sum()), abs=1e-3)
    sent = CellGrid().postprocess(drawn)
    assert sent is not None
    assert len(sent["rows"]) == len(sent["rows"][0]) == 10
    assert CellGrid().postprocess(None) is None


def test_other_pictures_are_not_called_the_same() -> None:
    assert "the same" not in cells([look(1, 500), look(2, 400)], 2).words[1]


@pytest.mark.parametrize(("looks", "words"), [([], NONE), ([look(1, with_matrix=False)], OLD)])
def test_a_model_without_them_says_why(tmp_path: Path, looks: list[Validated], words: str) -> None:
    section = Section(tmp_path, looks)
    assert section.begin is not None
    without, slider, drawn = section.begin("one")
    assert without.visible
    assert words in without.value
    assert (slider.visible, drawn) == (False, None)


@pytest.mark.parametrize("place", [0, -1, 4, 1.5, 1e300, float("nan")])
def test_a_forged_moment_is_refused(tmp_path: Path, place: float) -> None:
    section = Section(tmp_path, [look(k) for k in (1, 2, 3)])
    assert section.move is not None
    with pytest.raises(gr.Error, match="1 to 3"):
        section.move("one", place)
