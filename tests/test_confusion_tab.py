"""The Confusion matrix tab shows the numbers of its evaluation, opens the right pictures, and refuses forged events."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from demo import confusion_tab
from demo.components.class_table import AccuracyLine, ClassTable
from demo.components.confusion_grid import VIEWS, ConfusionGrid, Matrix
from demo.components.pair_list import PairHead, PairList
from demo.components.picture_gallery import Page, PictureGallery, sheet
from demo.confusion_tab import PAGE
from demo.pages import turn_to
from diclam.confusion import GROUPS, wilson
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.errors import RunError
from diclam.evaluate import Evaluation
from diclam.selection import ALL, Selection
from diclam.suspects import Suspect
from tests.conftest import random_cifar10, random_evaluation

COUNT = 2000


class Evaluations:
    """Two models that were tested, under 'one' and 'two', and one that was not."""

    def __init__(self) -> None:
        self._known = {"one": random_evaluation(COUNT, seed=1), "two": random_evaluation(COUNT, seed=2), "untested": None}
        self.folders: dict[str, Path] = {}

    def evaluation(self, key: str) -> Evaluation | None:
        if key not in self._known:
            raise RunError(f"There is no run {key!r}.")
        return self._known[key]

    def choices(self) -> list[tuple[str, str]]:
        return [(f"{key} - label", key) for key in self._known]

    def folder(self, key: str) -> Path:
        return self.folders.get(key, Path("missing"))


class Album:
    """Random pictures; without `everything`, only those with an even number are here."""

    def __init__(self, everything: bool = True) -> None:
        self._images = random_cifar10(10, COUNT).test_images
        self._everything = everything

    def get(self, index: int) -> Tensor | None:
        return self._images[index] if 0 <= index < COUNT and (self._everything or index % 2 == 0) else None

    def available(self, indices: Iterable[int]) -> list[int]:
        return [index for index in indices if self.get(index) is not None]


@pytest.fixture(scope="module")
def models() -> Evaluations:
    return Evaluations()


@pytest.fixture(scope="module")
def album() -> Album:
    return Album()


@pytest.fixture(scope="module")
def one(models: Evaluations) -> Evaluation:
    evaluation = models.evaluation("one")
    assert evaluation is not None
    return evaluation


class Tab:
    """The tab in a page of its own; events are handed to the function that answers them."""

    def __init__(self, models: Evaluations, album: Album) -> None:
        with gr.Blocks() as self.page:
            self.key = gr.Dropdown(["one", "two", "untested"], value="one")
            self.gallery, *self.other_galleries = confusion_tab.build(models, self.key, album).galleries
        (self.grid,) = [block for block in self.page.blocks.values() if isinstance(block, ConfusionGrid)]
        (self.pairs,) = [block for block in self.page.blocks.values() if isinstance(block, PairList)]

    def send(self, component: Any, name: str, *inputs: Any, **data: Any) -> Any:
        """A component may have several listeners for an event; the one that takes as many inputs answers."""
        listeners = [fn for fn in self.page.fns.values() if (component._id, name) in fn.targets]
        (listener,) = [fn for fn in listeners if len(fn.inputs) == len(inputs)]
        assert listener.fn is not None
        events = [gr.EventData(None, data)] if name in ("open", "select", "query", "turn") else []
        return listener.fn(*inputs, *events)


@pytest.fixture(scope="module")
def tab(models: Evaluations, album: Album) -> Tab:
    return Tab(models, album)


def shown(page: Page) -> dict[str, Any]:
    value = PictureGallery().postprocess(page)
    assert value is not None
    return value


def test_the_grid_holds_every_count_and_its_shares(one: Evaluation) -> None:
    sent = ConfusionGrid().postprocess(Matrix(one.confusion, one.gate_sums, Selection((3,), (5,))))
    assert sent is not None
    table = sent["classes"]
    assert table["counts"] == one.confusion.tolist()
    assert set(table["views"]) == set(VIEWS)
    for i in range(10):
        for j in range(10):
            n = one.confusion[i, j]
            assert table["views"]["counts"]["text"][i][j] == str(n)
            for view, total in (("real", one.confusion[i].sum()), ("said", one.confusion[:, j].sum())):
                assert float(table["views"][view]["text"][i][j]) == pytest.approx(100 * n / total, abs=0.0501)
            assert table["words"][i][j].startswith(f"{n} of {one.confusion[i].sum()} real ")
    assert sent["chosen"] == {"real": (3,), "said": (5,)}
    assert np.array(sent["groups"]["counts"]).sum() == COUNT


def test_diagonal_and_errors_have_a_scale_each(one: Evaluation) -> None:
    for table in ("classes", "groups"):
        sent = ConfusionGrid().postprocess(Matrix(one.confusion, one.gate_sums, Selection()))
        assert sent is not None
        for view in (sent[table]["views"][name] for name in ("counts", "real", "said")):
            level = np.array(view["level"])
            diagonal = np.eye(len(level), dtype=bool)
            assert level[diagonal].max() == level[~diagonal].max() == 1
            assert ((level >= 0) & (level <= 1)).all()


def test_cells_are_tinted_by_which_expert_has_more_of_the_say(one: Evaluation) -> None:
    never = replace(one, predicted=np.where(one.predicted == 3, 5, one.predicted))
    sent = ConfusionGrid().postprocess(Matrix(never.confusion, never.gate_sums, Selection()))
    assert sent is not None
    view = sent["classes"]["views"]["gate"]
    for i in range(10):
        for j in range(10):
            here = (never.true == i) & (never.predicted == j)
            if not here.any():
                assert view["text"][i][j] == ""
                continue
            mean = never.gates[here, 0].astype(float).mean()
            assert float(view["text"][i][j]) == pytest.approx(100 * mean, abs=0.51)
            assert view["tones"][i][j] == ("cg-one" if mean >= 0.5 else "cg-two")
            assert percent(mean) in view["more"][i][j]
    assert np.array(view["level"]).max() == 1
    animals = np.isin(never.true, GROUPS["animals"]) & np.isin(never.predicted, GROUPS["animals"])
    text = sent["groups"]["views"]["gate"]["text"][0][0]
    assert float(text) == pytest.approx(100 * never.gates[animals, 0].mean(), abs=0.51)


def test_one_expert_alone_fills_the_whole_tab(tab: Tab, one: Evaluation) -> None:
    second = one.by_expert(1)
    answer = tab.send(tab.key, "change", "one", "2", Selection((3,), (5,)), (3, 5), None)
    accuracy, matrix, page, classes, pairs, chosen, drawn, _, head, *pages = answer[4:]
    assert accuracy is classes is pairs is page.evaluation is head.evaluation
    assert (matrix.counts == second.confusion).all()
    assert page.matching == second.confusion[3, 5]
    assert [page.matching for page in pages][:2] == [second.confusion[3, 5], second.confusion[5, 3]]
    line = AccuracyLine().postprocess(accuracy)
    assert line is not None
    assert (line["accuracy"], line["by"]) == (percent(second.accuracy), " from expert 2 alone")
    assert tab.send(tab.key, "change", "one", "both", chosen, None, drawn)[10] != drawn
    # What it alone was sure of nobody knows: the probabilities are of both together.
    for picture in shown(page)["pictures"]:
        assert picture["sure"] == ""
        assert picture["words"].endswith("called dog by expert 2 alone. Opens in Classify.")
        assert one.alone[picture["index"], 1] == 5
    clicked, _ = tab.send(tab.grid, "select", "one", "2", chosen, real=[3], said=[3])
    assert clicked.matching == second.confusion[3, 3]


@pytest.mark.parametrize("who", ["", "3", "-1", "both "])
def test_a_forged_expert_is_refused(tab: Tab, who: str) -> None:
    with pytest.raises(gr.Error, match="Expected one of both, 1, 2"):
        tab.send(tab.grid, "select", "one", who, None, real=[3], said=[5])


def test_a_model_that_never_says_some_class_is_shown_too(one: Evaluation) -> None:
    never = replace(one, predicted=np.where(one.predicted == 3, 5, one.predicted))
    sent = ConfusionGrid().postprocess(Matrix(never.confusion, never.gate_sums, Selection()))
    assert sent is not None
    assert sent["classes"]["column_words"][3] == "No picture was called cat."
    assert sent["classes"]["views"]["said"]["text"][3][3] == "0"
    rows = ClassTable().postprocess(never)
    assert rows[3]["cells"][0] == {"text": "0.0 %", "interval": "0.0 to 100.0"}


def test_the_table_is_scikit_learn_s(one: Evaluation) -> None:
    for row, expected in zip(ClassTable().postprocess(one), one.per_class.itertuples(), strict=True):
        assert row["name"] == expected[1]
        assert [cell["text"] for cell in row["cells"]] == [percent(float(figure)) for figure in expected[2:5]]
    line = AccuracyLine().postprocess(one)
    assert line is not None
    assert line["accuracy"] == percent(one.accuracy)
    assert line["means"] == f"precision {percent(one.precision)}, recall {percent(one.recall)}, F1 {percent(one.f1)}"


def test_no_evaluation_empties_everything() -> None:
    assert (
        ConfusionGrid().postprocess(None) is PictureGallery().postprocess(None) is AccuracyLine().postprocess(None) is None
    )
    assert ClassTable().postprocess(None) == []


def test_opening_draws_everything_with_the_worst_cell_chosen(tab: Tab, one: Evaluation) -> None:
    untested, tables, figures, below, accuracy, matrix, page, classes, pairs, chosen, _, column, *pair, who = tab.send(
        tab.grid, "open", "one", "both", *[None] * 3
    )
    assert [part.visible for part in (untested, tables, figures, below)] == [False, True, True, True]
    assert accuracy is classes is pairs is one
    assert not column.visible
    assert pair == [None] * 4
    assert who == gr.skip()
    assert matrix.chosen == chosen == page.selection
    errors = one.confusion - np.diag(np.diag(one.confusion))
    assert len(chosen.find(one)) == errors.max()


def test_opening_from_a_link_shows_the_cell_it_names(tab: Tab, one: Evaluation) -> None:
    named: dict[str, Any] = {"sort": "number", "wrong": True, "doubtful": False, "confidence": [0, 0.6], "gate": [0.1, 1]}
    chosen = tab.send(tab.grid, "open", "one", "both", None, None, None, real=[3], said=[5], **named)[9]
    assert chosen == Selection((3,), (5,), wrong=True, confidence=(0, 0.6), gate=(0.1, 1), sort="number")
    # The browser went back: what is drawn shows another cell of the same answers.
    _, drawn = tab.send(tab.grid, "open", "one", "both", None, None, None)[9:11]
    back = tab.send(tab.grid, "open", "one", "both", Selection((1,), (2,)), None, drawn, real=[3], said=[5], **named)
    assert back[6].selection == back[9] == chosen
    same = tab.send(tab.grid, "open", "one", "both", chosen, None, drawn, real=[3], said=[5], **named)
    assert all(value == gr.skip() for value in same)
    for forged, message in (({"real": [99]}, "class"), ({"sort": "beauty"}, "sorted by"), ({"gate": None}, "two numbers")):
        with pytest.raises(gr.Error, match=message):
            tab.send(tab.grid, "open", "one", "both", None, None, None, **({"real": [3], "said": [5]} | named | forged))


def test_a_link_names_whose_answers_are_shown(tab: Tab, one: Evaluation) -> None:
    _, matrix, *_, who = tab.send(tab.grid, "open", "one", "both", *[None] * 3, expert="1")[4:]
    assert who == "1"
    assert (matrix.counts == one.by_expert(0).confusion).all()
    *_, who = tab.send(tab.grid, "open", "one", "1", *[None] * 3, expert="both")  # going back to a link without an expert
    assert who == "both"


@pytest.mark.parametrize("expert", ["3", "", 1, ["1"], {"1": "1"}, True])
def test_a_forged_expert_of_a_link_is_refused(tab: Tab, expert: Any) -> None:
    with pytest.raises(gr.Error, match="Expected one of both, 1, 2"):
        tab.send(tab.grid, "open", "one", "both", *[None] * 3, expert=expert)


def test_opening_again_draws_nothing_anew(tab: Tab) -> None:
    chosen, drawn = tab.send(tab.grid, "open", "one", "both", None, None, None)[9:11]
    assert all(value == gr.skip() for value in tab.send(tab.grid, "open", "one", "both", chosen, None, drawn))
    assert tab.send(tab.grid, "open", "two", "both", chosen, None, drawn)[10] != drawn


def test_a_copy_of_a_model_is_drawn_anew(album: Album, one: Evaluation) -> None:
    """Its answers are the same; what else is told of it need not be."""
    models = Evaluations()
    models._known["copy"] = one
    tab = Tab(models, album)
    drawn = tab.send(tab.grid, "open", "one", "both", None, None, None)[10]
    assert tab.send(tab.key, "change", "copy", "both", None, None, drawn)[10] != drawn


def test_another_model_keeps_the_cell_and_shows_its_own_pictures(tab: Tab, models: Evaluations) -> None:
    chosen, drawn = tab.send(tab.grid, "open", "one", "both", Selection((3,), (3,)), None, None)[9:11]
    matrix, page, _, _, kept, _, column, head, *pages = tab.send(tab.key, "change", "two", "both", chosen, (3, 5), drawn)[5:]
    two = models.evaluation("two")
    assert two is not None
    assert kept == chosen
    assert (matrix.counts == two.confusion).all()
    assert page.matching == two.confusion[3, 3]
    assert column.visible
    assert head.evaluation is two
    assert [page.matching for page in pages][:2] == [two.confusion[3, 5], two.confusion[5, 3]]


def test_a_model_without_test_results_says_so_and_empties_the_tab(tab: Tab) -> None:
    answer = tab.send(tab.key, "change", "untested", "both", Selection((3,), (5,)), (3, 5), 17)
    untested, tables, figures, below, *values, chosen, drawn, column, head, one_way, other_way, border = answer
    assert [part.visible for part in (untested, tables, figures, below)] == [True, False, False, False]
    assert [*values, drawn, head, one_way, other_way, border] == [None] * 10
    assert chosen == Selection((3,), (5,))
    assert not column.visible
    with pytest.raises(gr.Error, match="no test results"):
        tab.send(tab.grid, "select", "untested", "both", chosen, real=[3], said=[5])


def test_a_click_opens_the_pictures_of_that_cell(tab: Tab, album: Album, one: Evaluation) -> None:
    page, chosen = tab.send(tab.grid, "select", "one", "both", Selection(), real=[3], said=[3])
    assert chosen == Selection((3,), (3,))
    assert page.title.startswith(f"{one.confusion[3, 3]} of {COUNT // 10} real cats were called cat")
    value = shown(page)
    assert len(value["pictures"]) == min(PAGE, one.confusion[3, 3])
    assert all(one.true[p["index"]] == one.predicted[p["index"]] == 3 and p["right"] for p in value["pictures"])
    column = np.asarray(Image.open(io.BytesIO(base64.b64decode(value["sheet"].split(",")[1]))))
    for place, picture in enumerate(value["pictures"]):
        expected = album.get(picture["index"])
        assert expected is not None
        assert np.array_equal(column[32 * place : 32 * (place + 1)], expected.permute(1, 2, 0).numpy())


def test_headers_open_a_row_a_column_and_everything(tab: Tab, one: Evaluation) -> None:
    row, _ = tab.send(tab.grid, "select", "one", "both", Selection(), real=[3], said=list(ALL))
    column, _ = tab.send(tab.grid, "select", "one", "both", Selection(), real=list(ALL), said=[3])
    everything, _ = tab.send(tab.grid, "select", "one", "both", Selection(), real=list(ALL), said=list(ALL))
    assert (row.matching, column.matching, everything.matching) == (COUNT // 10, (one.predicted == 3).sum(), COUNT)
    assert row.more.startswith(percent(one.confusion[3, 3] / (COUNT // 10)) + " right")
    assert everything.more.startswith(percent(one.accuracy) + " right")


def test_the_share_has_its_interval(one: Evaluation, album: Album) -> None:
    page = turn_to(one, Selection((3,), (3,)), album, size=PAGE)
    n = int(one.confusion[3, 3])
    assert page.more.startswith(f"{percent(n / 200)}; 95 % interval ")


def test_pages_turn_through_all_pictures_once(tab: Tab) -> None:
    chosen, seen = Selection(real=(3,)), []
    for first in (0, 60, 120, 180):
        page = tab.send(tab.gallery, "turn", "one", "both", chosen, first=first)
        assert shown(page)["range"] == f"{first + 1} to {min(first + 60, 200)} of 200"
        seen += page.indices
    assert len(seen) == len(set(seen)) == 200
    assert tab.send(tab.gallery, "turn", "one", "both", chosen, first=6000).first == 180


def test_filters_and_order_are_taken_over_and_kept_for_the_next_cell(tab: Tab, one: Evaluation) -> None:
    asked = {"sort": "least sure", "wrong": True, "doubtful": False, "confidence": [0, 0.6], "gate": [0.25, 1]}
    page, chosen = tab.send(tab.gallery, "query", "one", "both", Selection(real=(3,)), **asked)
    assert chosen == Selection((3,), wrong=True, confidence=(0, 0.6), gate=(0.25, 1), sort="least sure")
    assert page.indices == chosen.find(one).tolist()[:PAGE]
    assert shown(page)["filtered"] == f"{page.matching} of {COUNT // 10} fit the filters."
    _, following = tab.send(tab.grid, "select", "one", "both", chosen, real=[5], said=[3])
    assert following == replace(chosen, real=(5,), said=(3,))


def test_what_is_not_here_is_said(one: Evaluation) -> None:
    half = Album(everything=False)
    page = turn_to(one, Selection(real=(3,)), half, size=PAGE)
    everywhere = Selection(real=(3,)).find(one)
    assert page.here == (everywhere % 2 == 0).sum() < page.matching
    assert shown(page)["note"].startswith(f"{page.here} of {page.matching} shown; the others need the data set")
    assert "python -m diclam data" in shown(page)["note"]


def test_an_empty_cell_says_so(one: Evaluation, album: Album) -> None:
    never = replace(one, predicted=np.where(one.predicted == 3, 5, one.predicted))
    value = shown(turn_to(never, Selection((3,), (3,)), album, size=PAGE))
    assert (value["pictures"], value["sheet"], value["note"]) == ([], "", "There is no such picture.")
    value = shown(turn_to(one, Selection((3,), confidence=(0, 0.05)), album, size=PAGE))
    assert value["note"] == "No picture fits the filters."


def test_a_model_without_mistakes_opens_with_everything(one: Evaluation) -> None:
    assert confusion_tab.first_selection(replace(one, predicted=one.true)) == Selection()


def test_a_picture_tells_what_was_said(one: Evaluation, album: Album) -> None:
    page = turn_to(one, Selection(real=(3,), wrong=True), album, size=PAGE)
    for index, picture in zip(page.indices, shown(page)["pictures"], strict=True):
        said = CLASSES[one.predicted[index]]
        assert picture["words"].startswith(f"Test picture {index}, really cat, called {said}, ")
        assert picture["told"][0]["name"] == said
        assert not picture["right"]


def doubted(evaluation: Evaluation, *indices: int) -> Evaluation:
    """Somebody looked, and doubts the labels of these pictures: each is more likely the next class."""
    return replace(evaluation, suspects={k: Suspect(k, k % 10, (k + 1) % 10, 0.02, agree=4, runs=5) for k in indices})


def test_a_doubtful_label_is_marked_and_explained(one: Evaluation, album: Album) -> None:
    value = shown(turn_to(doubted(one, 13, 33), Selection(real=(3,), sort="number"), album, size=PAGE))
    for picture in value["pictures"]:
        doubt = "Label doubtful: more likely deer, say 4 of 5 trained models."
        assert picture["doubt"] == (doubt if picture["index"] in (13, 33) else "")
        assert (doubt in picture["words"]) == (picture["mark"] == "? more likely deer") == bool(picture["doubt"])
        assert picture["words"].endswith("Opens in Classify.")
    assert value["doubtful_is_open"]
    assert not shown(turn_to(one, Selection(), album, size=PAGE))["doubtful_is_open"]


def test_only_doubtful_labels_can_be_shown(album: Album, one: Evaluation) -> None:
    models = Evaluations()
    models._known["one"] = doubted(one, 13, 33, 34)
    tab = Tab(models, album)
    asked = {"sort": "number", "wrong": False, "doubtful": True, "confidence": [0, 1], "gate": [0, 1]}
    page, chosen = tab.send(tab.gallery, "query", "one", "both", Selection(real=(3,)), **asked)
    assert (page.indices, chosen.doubtful) == ([13, 33], True)
    assert shown(page)["filtered"] == f"2 of {COUNT // 10} fit the filters."


def test_accuracy_is_told_with_and_without_doubtful_labels(one: Evaluation) -> None:
    wrong = np.flatnonzero(one.true != one.predicted)[:40]
    for evaluation in (doubted(one, *wrong), doubted(one, *wrong).by_expert(1)):
        line = AccuracyLine().postprocess(evaluation)
        assert line is not None
        rest = np.delete(evaluation.true == evaluation.predicted, wrong)
        low, high = wilson(rest.sum(), COUNT - 40)
        assert line["without"].startswith(
            f"Without the 40 pictures whose label is doubtful: {percent(rest.mean())} "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %)."
        )
        assert line["accuracy"] == percent(evaluation.accuracy)
    line = AccuracyLine().postprocess(one)
    assert line is not None
    assert line["without"] == ""


def test_what_the_filters_mean_is_said_when_one_expert_answers_alone(one: Evaluation, album: Album) -> None:
    alone, together = (shown(turn_to(each, Selection(), album, size=PAGE)) for each in (one.by_expert(0), one))
    assert alone["together"].startswith("Of one expert alone only the answer is known")
    assert together["together"] == ""


def test_no_picture_makes_no_sheet() -> None:
    assert sheet([]) == ""
    assert sheet([torch.zeros(3, 32, 32, dtype=torch.uint8)]).startswith("data:image/webp;base64,")


@pytest.mark.parametrize(
    "data",
    [
        {}, {"real": [99], "said": [0]}, {"real": [0], "said": [-1]}, {"real": 3, "said": 5}, {"real": "3", "said": [5]},
        {"real": [3.0], "said": [5]}, {"real": [], "said": [5]}, {"real": [[3]], "said": [5]}, {"real": [3, 3], "said": [5]},
    ],
)  # fmt: skip
def test_a_forged_cell_is_refused(tab: Tab, data: dict[str, Any]) -> None:
    with pytest.raises(gr.Error, match="class"):
        tab.send(tab.grid, "select", "one", "both", None, **data)


@pytest.mark.parametrize(
    "changes",
    [
        {"sort": "__class__"}, {"sort": None}, {"wrong": "yes"}, {"doubtful": 1}, {"confidence": [0.5]}, {"gate": None},
        {"gate": [1, 0]}, {"gate": ["a", "b"]}, {"gate": [0, float("inf")]}, {"confidence": {"0": 1}},
    ],
)  # fmt: skip
def test_a_forged_filter_is_refused(tab: Tab, changes: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"sort": "surest", "wrong": False, "doubtful": False, "confidence": [0, 1], "gate": [0, 1]}
    with pytest.raises(gr.Error):
        tab.send(tab.gallery, "query", "one", "both", None, **(whole | changes))


@pytest.mark.parametrize("first", [-60, 1, "0", None, 1.5, True, [0]])
def test_a_forged_page_is_refused(tab: Tab, first: Any) -> None:
    with pytest.raises(gr.Error, match="multiple of 60"):
        tab.send(tab.gallery, "turn", "one", "both", None, first=first)


def test_a_forged_model_is_refused(tab: Tab) -> None:
    for component, name, data in ((tab.grid, "open", {}), (tab.grid, "select", {"real": [3], "said": [5]})):
        inputs = ("../../etc", "both", None, None, None) if name == "open" else ("../../etc", "both", None)
        with pytest.raises(gr.Error, match="no run"):
            tab.send(component, name, *inputs, **data)


def test_the_pairs_are_listed_by_how_often_they_were_mixed_up(one: Evaluation) -> None:
    rows = PairList().postprocess(one)
    assert rows is not None
    mixed = [int(one.confusion[row["first"], row["second"]] + one.confusion[row["second"], row["first"]]) for row in rows]
    assert mixed == sorted(mixed, reverse=True)
    assert mixed[0] == (one.confusion + one.confusion.T - 2 * np.diag(np.diag(one.confusion))).max()
    assert rows[0]["width"] == 100
    assert PairList().postprocess(replace(one, predicted=one.true)) == []


def test_a_pair_shows_both_ways_the_gates_and_the_border(tab: Tab, one: Evaluation) -> None:
    pair, column, head, there, back, border = tab.send(tab.pairs, "select", "one", "both", first=3, second=5)
    assert pair == (3, 5)
    assert column.visible
    assert (there.matching, back.matching) == (one.confusion[3, 5], one.confusion[5, 3])
    assert there.title.endswith(("called dog", "No cat was called dog"))
    drawn = PairHead().postprocess(head)
    assert drawn is not None
    assert drawn["words"].startswith("Cats and dogs were mixed up ")
    for k, row in zip((3, 5), drawn["classes"], strict=True):
        assert row["mean"] == pytest.approx(100 * one.gates[one.true == k, 0].mean(), abs=0.051)
    apart = np.abs(one.probabilities[:, 3] - one.probabilities[:, 5])
    mixed = np.isin(one.true, (3, 5)) & np.isin(one.predicted, (3, 5))
    assert apart[border.indices[0]] == apart[mixed].min()
    assert (np.diff(apart[border.indices]) >= 0).all()


def test_the_galleries_of_a_pair_turn(tab: Tab) -> None:
    border = tab.other_galleries[2]
    first, second = (tab.send(border, "turn", "one", "both", (3, 5), first=first) for first in (0, 15))
    assert len(first.indices) == len(second.indices) == 15
    assert not set(first.indices) & set(second.indices)
    with pytest.raises(gr.Error, match="multiple of 15"):
        tab.send(border, "turn", "one", "both", (3, 5), first=60.5)
    with pytest.raises(gr.Error, match="Choose a pair"):
        tab.send(border, "turn", "one", "both", None, first=0)


@pytest.mark.parametrize("data", [{}, {"first": 3, "second": 3}, {"first": 3, "second": 10}, {"first": -1, "second": 5}])
def test_a_forged_pair_is_refused(tab: Tab, data: dict[str, Any]) -> None:
    with pytest.raises(gr.Error, match="two different classes"):
        tab.send(tab.pairs, "select", "one", "both", **data)


def test_answers_can_be_taken_home(tab: Tab, one: Evaluation) -> None:
    these, everything = (
        next(block for block in tab.page.blocks.values() if isinstance(block, gr.Button) and word in str(block.value))
        for word in ("these", "all")
    )
    chosen = Selection(real=(3,), wrong=True, sort="least sure")
    table = pd.read_csv(io.StringIO(tab.send(these, "click", "one", "1", chosen)))
    assert table["index"].tolist() == chosen.find(one.by_expert(0)).tolist()
    assert "cat" not in set(table["alone_1"])
    table = pd.read_csv(io.StringIO(tab.send(these, "click", "one", "both", chosen)))
    assert table["index"].tolist() == chosen.find(one).tolist()
    assert set(table["true"]) == {"cat"}
    assert "cat" not in set(table["predicted"])
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(tab.send(everything, "click", "one"))), one.table, check_dtype=False, atol=1e-6
    )


def test_no_listener_is_public(tab: Tab) -> None:
    assert {fn.api_visibility for fn in tab.page.fns.values()} == {"private"}
