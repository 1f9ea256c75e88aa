"""A link fills in what it names, and what it names in vain is left out with a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demo import linked
from demo.examples import EXAMPLES
from demo.interface import FIRST_EXAMPLE, Links
from demo.models import BUNDLED, Models
from diclam.errors import ConfigError
from diclam.square import Square
from tests.test_interface import OnePicture


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path))
    (tmp_path / "mine").mkdir()
    return tmp_path


def opened(**query: str) -> gr.Request:
    return gr.Request(query_params=query)


def test_what_a_link_names_is_read() -> None:
    query = {"tab": "train", "recipe": "fast", "budget": "60", "seed": "3", "run": "mine", "challenge": "45.5"}
    named = linked.read(query | {"example": "2", "picture": "12", "square": "10-5-62.5"}, 600)
    assert (named.recipe, named.budget, named.seed, named.run, named.challenge) == ("fast", 60.0, 3, "mine", 45.5)
    assert (named.example, named.picture, named.square) == (2, 12, Square(0.1, 0.05, 0.625))
    assert not named.left_out


def test_a_link_names_runs_that_lie_over_each_other_and_a_moment_of_one(root: Path) -> None:
    (root / "theirs").mkdir()
    good = {"over": "mine,theirs", "axis": "epochs", "moment": "3"}
    named = linked.read(good | {"tab": "train"}, 600)
    assert (named.over, named.axis, named.moment, named.left_out) == (("mine", "theirs"), "epochs", 3, {})
    assert linked.read(good, 600).over is None  # in other tabs there are none
    bad = {"over": "mine,nobody", "axis": "years", "moment": "last"}
    assert list(linked.read(bad | {"tab": "train"}, 600).left_out) == list(bad)
    assert "at most 5" in linked.read({"tab": "train", "over": "mine," * 6}, 600).left_out["over"]


def test_a_link_names_what_differs_from_the_recipe() -> None:
    query = {"recipe": "report", "batch_size": "64", "learning_rate": "0.001", "flip": "none", "attention": "false"}
    named = linked.read(query | {"train_share": "1"}, 600)
    assert named.more == {
        "batch_size": 64, "learning_rate": 0.001, "flip": "none", "attention": False, "train_share": 1,
    }  # fmt: skip
    assert not named.left_out


@pytest.mark.parametrize(
    ("name", "text"),
    [("batch_size", "0.5"), ("batch_size", "x" * 9999), ("learning_rate", "nan"), ("flip", "up"), ("attention", "no"),
     ("experts", "0"), ("cutout", "true"), ("blocks", "<b>")],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_left_out_with_a_word(name: str, text: str) -> None:
    named = linked.read({"seed": "3", "label_smoothing": "0.1", name: text}, 600)
    assert (named.seed, named.more) == (3, {"label_smoothing": 0.1})
    assert list(named.left_out) == [name]
    assert name in named.left_out[name]
    assert len(named.left_out[name]) < 400


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("recipe", "nonsense"), ("budget", "14"), ("budget", "601"), ("budget", "nan"), ("budget", "soon"), ("seed", "-1"),
        ("seed", "1.5"), ("seed", "9" * 400), ("run", "../mine"), ("run", "gone"), ("example", str(len(EXAMPLES))),
        ("example", "٣"), ("picture", "10000"), ("picture", "-1"), ("square", "1-2"), ("square", "10-0-101"),
        ("square", "1-1-0"), ("challenge", "1e9"),
    ],
)  # fmt: skip
def test_nonsense_is_left_out_with_a_word_and_the_rest_holds(name: str, text: str) -> None:
    named = linked.read({"tab": "train", "seed": "3", name: text}, 600)
    assert list(named.left_out) == [name]
    assert 0 < len(named.left_out[name]) < 400
    assert getattr(named, name) is None
    assert name == "seed" or named.seed == 3


def test_elsewhere_the_run_of_a_link_is_the_model() -> None:
    assert linked.read({"tab": "classify", "run": "gone"}, 600) == linked.Linked()


def test_the_page_opens_with_the_picture_of_its_address() -> None:
    links = Links(Models(), OnePicture())
    path, square, test_picture = links.start(True, None, opened(example="5", square="10-0-80"))
    assert (path, json.loads(square), test_picture) == (str(EXAMPLES[5]), [0.1, 0.0, 0.8], None)
    image, square, test_picture = links.start(True, None, opened(picture="5"))
    assert not isinstance(image, str)
    assert (image.size, square) == ((32, 32), "")
    assert test_picture is not None
    assert test_picture.index == 5
    for query in ({}, {"picture": "6"}, {"picture": "nonsense"}, {"example": "999"}):
        assert links.start(True, None, opened(**query)) == (str(FIRST_EXAMPLE), "", None), query


@pytest.mark.parametrize("empty", [False, None, "yes", 1])
def test_a_picture_that_is_there_stays(empty: object) -> None:
    assert Links(Models(), OnePicture()).start(empty, None, opened(picture="5")) == (gr.skip(),) * 3


def test_a_square_that_reaches_outside_is_not_taken() -> None:
    assert linked.fitting(Square(0.5, 0.5, 0.6), (32, 32)) == ""
    assert linked.fitting(None, (32, 32)) == ""


@pytest.mark.parametrize(
    ("query", "key"),
    [({"run": "mine"}, "mine"), ({"tab": "train", "run": "mine"}, None), ({"tab": "train", "model": "mine"}, "mine")],
)
def test_a_link_to_a_run_leaves_the_model_of_all_tabs(monkeypatch: pytest.MonkeyPatch, query: Any, key: str | None) -> None:
    models = Models()
    monkeypatch.setattr(models, "choices", lambda: [(BUNDLED, BUNDLED), ("mine", "mine")])
    assert Links(models, OnePicture()).first(opened(**query)).constructor_args.get("value") == key


@pytest.mark.parametrize("text", ["soon", "14", "601"])
def test_an_impossible_challenge_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DICLAM_CHALLENGE", text)
    with pytest.raises(ConfigError, match="DICLAM_CHALLENGE must be a number of seconds, 15 to 600"):
        linked.challenge_budget()


def test_a_challenge_is_a_minute_unless_the_server_allows_less(monkeypatch: pytest.MonkeyPatch) -> None:
    assert linked.challenge_budget() == 60
    monkeypatch.setenv("DICLAM_MAX_BUDGET", "45")
    assert linked.challenge_budget() == 45
