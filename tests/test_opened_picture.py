"""A test picture that is opened in Classify says what it really is, whatever was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from demo.components.opened_picture import Opened, OpenedPicture
from demo.interface import Links
from diclam.data import CLASSES
from diclam.suspects import Suspect
from tests.test_confusion_tab import Album, Evaluations


def test_it_tells_the_number_and_the_class_of_the_test_set() -> None:
    models = Evaluations()
    links = Links(models, Album())  # pyright: ignore[reportArgumentType]
    evaluation = models.evaluation("one")
    assert evaluation is not None
    for index in (0, 7, 1999):
        opened = links.opened("one", gr.EventData(None, {"index": index}))
        assert opened == Opened(index, int(evaluation.true[index]))
        assert OpenedPicture().postprocess(opened) == {"index": index, "real": CLASSES[evaluation.true[index]], "doubt": ""}
    assert OpenedPicture().postprocess(None) is None


def test_it_tells_of_a_doubtful_label() -> None:
    models = Evaluations()
    one = models.evaluation("one")
    assert one is not None
    models._known["one"] = replace(one, suspects={7: Suspect(7, 7, 3, 0.01, agree=4, runs=5)})
    opened = Links(models, Album()).opened("one", gr.EventData(None, {"index": 7}))  # pyright: ignore[reportArgumentType]
    told = OpenedPicture().postprocess(opened)
    assert told is not None
    assert told["doubt"] == "Label doubtful: more likely cat, say 4 of 5 trained models."


@pytest.mark.parametrize("index", [-1, 2000, "3", None, True, 1.0, [1]])
def test_a_number_that_is_none_tells_nothing(index: Any) -> None:
    links = Links(Evaluations(), Album())  # pyright: ignore[reportArgumentType]
    assert links.opened("one", gr.EventData(None, {"index": index})) is None
    assert links.opened("untested", gr.EventData(None, {"index": 3})) is None


def test_a_forged_model_is_refused() -> None:
    links = Links(Evaluations(), Album())  # pyright: ignore[reportArgumentType]
    with pytest.raises(gr.Error, match="no run"):
        links.opened("../../etc", gr.EventData(None, {"index": 3}))
