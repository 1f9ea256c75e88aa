"""The Classify tab shows the numbers of the answer it was given, and refuses what it cannot use."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from gradio.data_classes import ImageData
from PIL import Image

from demo import asked, classify_tab
from demo.components.answer_bars import AnswerBars, AnswerSentence
from demo.components.attention_picker import AttentionPicker
from demo.components.example_strip import ExampleStrip, Group
from demo.components.expert_panel import ExpertPanel
from demo.components.safe_image import SafeImage
from demo.components.seen_picture import SeenPicture
from demo.components.square_picker import Cut, SquarePicker
from demo.examples import EXAMPLES, PHOTOGRAPHS, TEST_PICTURES
from diclam.data import CLASSES
from diclam.errors import CheckpointError
from diclam.export import KINDS, export
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import Picture, Prediction, load_picture, picture_of, predict
from diclam.square import Square


class TwoModels:
    """Two networks that were never trained nor tested, under the keys 'one' and 'two'."""

    def __init__(self) -> None:
        self._models = {}
        for seed, key in enumerate(("one", "two")):
            torch.manual_seed(seed)
            self._models[key] = DiCLAM(ModelConfig(heads=2 + 2 * seed)).eval()

    def model(self, key: str) -> DiCLAM:
        if key not in self._models:
            raise CheckpointError(f"There is no model {key!r}.")
        return self._models[key]

    def folder(self, key: str) -> Path:
        return Path(key)

    def gates(self, key: str) -> None: ...

    def familiarity(self, key: str) -> Familiarity | None:
        return None

    def calibration(self, key: str) -> None: ...

    def fader_table(self, key: str) -> None: ...


@pytest.fixture(scope="module")
def models() -> TwoModels:
    return TwoModels()


@pytest.fixture
def cat() -> Picture:
    return load_picture(EXAMPLES[3])


def prediction(best: int = 3, gate: float = 0.25, one: int = 3, two: int = 3) -> Prediction:
    def answer(index: int) -> tuple[float, ...]:
        return tuple(0.91 if k == index else 0.01 for k in range(10))

    return Prediction(answer(best), (gate, 1 - gate), (answer(one), answer(two)))


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def uploaded(path: Path) -> ImageData:
    return ImageData(path=str(path), orig_name=path.name)


def built(models: TwoModels) -> tuple[gr.Blocks, gr.Dropdown, classify_tab.ClassifyTab]:
    with gr.Blocks() as demo:
        key = gr.Dropdown(["one", "two"], value="one")
        tab = classify_tab.build(models, key)
    return demo, key, tab


def test_an_answer_has_a_value_for_every_output(models: TwoModels, cat: Picture) -> None:
    _, _, tab = built(models)
    for picture in (cat, None):
        values = classify_tab.answer(models, "one", picture)
        assert len(values) == len(tab.outputs)
        for component, value in zip(tab.outputs, values, strict=True):
            if not isinstance(component, gr.Button):
                component.postprocess(value)  # raises when it is not the component's kind of value


def test_every_part_comes_from_one_pass_of_the_chosen_model(models: TwoModels, cat: Picture) -> None:
    for key in ("one", "two"):
        square, seen, sentence, bars, trust, *below = classify_tab.answer(models, key, cat, "its name")
        attended, hiding, experts, _, faded, *downloads = below
        expected = predict(models.model(key), cat.pixels)
        assert square == Cut("its name", cat)
        assert seen is cat
        assert sentence == bars == trust.prediction == experts.prediction == attended.explanation.prediction == expected
        assert attended.shown.mark == hiding.mark == faded.shown.mark
        assert faded.fader.probabilities[10] == pytest.approx(expected.probabilities, abs=1e-5)
        assert [button.interactive for button in downloads] == [True] * 3
    assert classify_tab.answer(models, "one", cat)[2] != classify_tab.answer(models, "two", cat)[2]


def test_a_full_network_is_shown_with_what_it_has(models: TwoModels, cat: Picture) -> None:
    class Full(TwoModels):
        def model(self, key: str) -> DiCLAM:
            return large

    large = DiCLAM(ModelConfig(blocks="full")).eval()
    _, _, tab = built(models)
    values = classify_tab.answer(Full(), "large", cat)
    for component, value in zip(tab.outputs, values, strict=True):
        if not isinstance(component, gr.Button):
            component.postprocess(value)
    _, _, sentence, _, _, attended, hiding, experts, histogram, faded, *_ = values
    assert sentence == attended.explanation.prediction == experts.prediction == predict(large, cat.pixels)
    assert attended.shown.mark == hiding.mark
    assert attended.knockouts is experts.knockouts is histogram is faded is None


def test_a_picture_like_no_other_is_told_by_the_tab(models: TwoModels, cat: Picture) -> None:
    class Knowing(TwoModels):
        def familiarity(self, key: str) -> Familiarity:
            return Familiarity(-torch.eye(256)[:20].abs(), 0.9, 0.05, "by hand")

    prediction = classify_tab.answer(Knowing(), "one", cat)[2]
    first, second = AnswerSentence().postprocess(prediction).split("\n")
    assert first.startswith("This does not look like anything it was trained on. Closest of the ten things it knows:")
    assert "5.0\u00a0% of the CIFAR-10 test pictures" in second
    assert "\n" not in AnswerSentence().postprocess(classify_tab.answer(models, "one", cat)[2])


def test_no_picture_empties_everything(models: TwoModels) -> None:
    *values, html, numbers, drawing = classify_tab.answer(models, "one", None)
    assert values == [None] * 10
    assert not any(button.interactive for button in (html, numbers, drawing))
    assert SquarePicker("dc-picture").postprocess(None) is None
    assert AnswerBars().postprocess(None) == []
    assert SeenPicture().postprocess(None) is AttentionPicker().postprocess(None) is ExpertPanel().postprocess(None) is None
    assert AnswerSentence().postprocess(None) == "Choose a picture, or one of the examples."


def test_a_model_that_is_gone_is_a_message(models: TwoModels, cat: Picture) -> None:
    with pytest.raises(gr.Error, match="There is no model 'three'"):
        classify_tab.answer(models, "three", cat)


def test_another_picture_and_another_model_both_answer_anew(models: TwoModels) -> None:
    demo, key, tab = built(models)
    handlers = [fn for fn in demo.fns.values() if fn.outputs == tab.outputs]
    assert len(handlers) == 1
    assert handlers[0].inputs[:2] == [key, tab.picture]
    triggers = {demo.blocks[block_id] for block_id, name in handlers[0].targets if block_id is not None and name == "change"}
    assert key in triggers
    (question,) = triggers - {key}
    assert handlers[0].inputs[2:] == [question]
    writers = [fn for fn in demo.fns.values() if question in fn.outputs]
    assert {name for fn in writers for block_id, name in fn.targets if block_id == tab.picture._id} == {"change", "clear"}


def test_no_listener_is_public(models: TwoModels) -> None:
    demo, _, _ = built(models)
    assert {fn.api_visibility for fn in demo.fns.values()} == {"private"}


def test_bars_know_both_orders() -> None:
    rows = AnswerBars().postprocess(prediction(best=8))
    assert [row["name"] for row in rows] == list(CLASSES)
    assert [row["name"] for row in sorted(rows, key=lambda row: row["rank"])] == [
        "ship",
        *(n for n in CLASSES if n != "ship"),
    ]
    assert (rows[8]["width"], rows[8]["text"], rows[0]["text"]) == (91, "91.0 %", "1.0 %")


def test_the_page_shows_exactly_what_the_network_sees(cat: Picture) -> None:
    shown = SeenPicture().postprocess(cat)
    assert shown is not None
    file = io.BytesIO(base64.b64decode(shown.split(",")[1]))
    assert np.array_equal(np.asarray(Image.open(file)), cat.pixels.permute(1, 2, 0).numpy())


def test_an_example_opens_its_own_picture() -> None:
    groups = [Group("these", TEST_PICTURES), Group("those", [photograph.path for photograph in PHOTOGRAPHS], "credits")]
    shown = [picture for group in ExampleStrip(groups).value for picture in group["pictures"]]
    assert [picture["index"] for picture in shown] == list(range(len(EXAMPLES)))
    for picture, path in zip(shown, EXAMPLES, strict=True):
        assert picture["name"] == path.stem
        opened = classify_tab._example(event(index=picture["index"]))
        assert np.array_equal(np.asarray(opened), np.asarray(Image.open(path)))


def test_another_square_is_another_answer(models: TwoModels) -> None:
    demo, _, tab = built(models)
    (respond,) = [fn.fn for fn in demo.fns.values() if fn.outputs == tab.outputs]
    assert respond is not None
    photograph = load_picture(PHOTOGRAPHS[1].path)
    whole, small = (
        respond("one", photograph, json.dumps({"name": "x", "square": square})) for square in (None, [0.2, 0.3, 0.5])
    )
    assert whole[1] is photograph
    assert small[0] == Cut("x", small[1])
    assert torch.equal(small[1].pixels, photograph.cut(Square(0.2, 0.3, 0.5)).pixels)
    assert small[2] != whole[2]
    assert respond("one", None, "")[1] is None


@pytest.mark.parametrize("data", [{}, {"index": 20}, {"index": -1}, {"index": "0"}, {"index": [0]}])
def test_a_forged_example_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(gr.Error, match="number of an example, 0 to 19"):
        classify_tab._example(event(**data))


def test_a_listener_gets_the_picture_of_the_file() -> None:
    picture = SafeImage().preprocess(uploaded(EXAMPLES[0]))
    assert picture is not None
    assert torch.equal(picture.pixels, load_picture(EXAMPLES[0]).pixels)
    assert SafeImage().preprocess(None) is None


def test_a_picture_that_a_handler_sets_comes_back_with_its_pixels() -> None:
    pixels = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    image = SafeImage()
    sent = image.postprocess(picture_of(pixels).original)
    assert isinstance(sent, ImageData)
    back = image.preprocess(sent)
    assert back is not None
    assert torch.equal(back.pixels, pixels)


@pytest.mark.parametrize("content", [b"words", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_a_bad_file_is_a_message_without_the_server_s_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(gr.Error, match="expected PNG, JPEG, WebP, GIF or BMP") as caught:
        SafeImage().preprocess(uploaded(path))
    assert str(tmp_path) not in str(caught.value)
    assert "picture.png" not in str(caught.value)


def test_a_file_that_is_gone_and_a_bare_address_are_messages(tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match="no longer on the server"):
        SafeImage().preprocess(uploaded(tmp_path / "gone.png"))
    with pytest.raises(gr.Error, match="as a file"):
        SafeImage().preprocess(ImageData(url="data:image/png;base64,AAAA"))


def test_the_page_gets_every_setting_of_the_stock_picture() -> None:
    """Without them the front end fails and shows no picture at all."""
    stock, own = gr.Image(buttons=[]).get_config(), SafeImage(buttons=[]).get_config()
    assert set(stock) <= set(own)
    assert own["buttons"] == []


def test_a_file_is_kept_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    image = SafeImage()
    Image.new("RGB", (40, 40), "red").save(path)
    first = image.preprocess(uploaded(path))
    assert image.preprocess(uploaded(path)) is first
    Image.new("RGB", (50, 40), "blue").save(path)
    second = image.preprocess(uploaded(path))
    assert second is not None
    assert second.original.size == (50, 40)


def test_files_for_download_follow_the_square_and_the_position(models: TwoModels) -> None:
    demo, key, tab = built(models)
    photograph = load_picture(PHOTOGRAPHS[1].path)
    keeps = [fn.fn for fn in demo.fns.values() if len(fn.inputs) == 4 and fn.inputs[:2] == [key, tab.picture]]
    for kind, keep in zip(KINDS, keeps, strict=True):
        assert keep is not None
        for square, n in ((None, 0), ([0.2, 0.3, 0.5], 8)):
            question = json.dumps({"name": "x", "square": square})
            file = keep("one", photograph, question, {"row": n, "column": n})
            assert file["name"] == f"diclam-explanation.{kind}"
            start, content = file["content"].split(",")
            assert start == f"data:{KINDS[kind]};base64"
            cut = asked.cut(photograph, asked.square_of(square))
            assert cut is not None
            assert base64.b64decode(content) == export(models.model("one"), cut, kind, name="one", query=(n, n))
        with pytest.raises(gr.Error, match="Choose a picture first"):
            keep("one", None, "", {"row": 8, "column": 8})
        with pytest.raises(gr.Error, match="Expected a position"):
            keep("one", photograph, "", {"row": 99, "column": 8})
