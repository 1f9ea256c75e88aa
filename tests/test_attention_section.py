"""The section on attention shows the core's numbers, asks about what it shows, and refuses what is forged."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from torch import Tensor

from demo import attention_section
from demo.components.attention_picker import Attended, AttentionPicker, TwinAttended, effect
from demo.components.hiding_panel import Hidden, HidingPanel, deletion_words, occlusion_words
from demo.components.shown import Shown, brought
from diclam.data import CLASSES
from diclam.draw import points
from diclam.errors import RunError
from diclam.explain import explain, to_byte
from diclam.hiding import Deletion, Occlusion, delete, occlude
from diclam.knockout import knock_out
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import picture_of, predict
from diclam.twin import untrained

MINUS = "\N{MINUS SIGN}"


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


class OneModel:
    """Random weights whose activations have the scale of a trained network's, under the key 'one'."""

    def __init__(self, heads: int = 2) -> None:
        self.network = untrained(ModelConfig(heads=heads), seed=7)

    def model(self, key: str) -> DiCLAM:
        if key != "one":
            raise RunError(f"There is no run {key!r}.")
        return self.network


def event(data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def handlers(models: OneModel) -> dict[str, Any]:
    """The section's listeners by the name of their event."""
    with gr.Blocks() as demo:
        attention_section.build(models)
    assert {fn.api_visibility for fn in demo.fns.values()} == {"private"}
    return {name: fn.fn for fn in demo.fns.values() for _, name in fn.targets}


def test_what_is_shown_comes_back_as_it_was_and_has_a_mark_of_its_own() -> None:
    shown = Shown("one", noise())
    back = brought(event({**shown.to_json(), "mark": "forged"}))
    assert (back.key, back.mark) == ("one", shown.mark)
    assert torch.equal(back.pixels_3HW, noise())
    others = [Shown("two", noise()), Shown("one", noise(1)), Shown("one", noise().flip(2))]
    assert len({shown.mark, *(other.mark for other in others)}) == 4


PIXELS = base64.b64encode(bytes(3072)).decode()


@pytest.mark.parametrize(
    "data",
    [
        None, [], "x", {}, {"key": "one"}, {"pixels": PIXELS}, {"key": 5, "pixels": PIXELS},
        {"key": "one", "pixels": PIXELS[:-4]}, {"key": "one", "pixels": PIXELS + PIXELS}, {"key": "one", "pixels": 3072},
        {"key": "one", "pixels": "!" * 4096}, {"key": "one", "pixels": "\u00e9" * 4096}, {"key": ["one"], "pixels": PIXELS},
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["twin", "look"])
def test_a_forged_question_is_refused(data: Any, name: str) -> None:
    with pytest.raises(gr.Error, match="a model and the bytes of 32 x 32 pixels"):
        handlers(OneModel())[name](event(data))


@pytest.mark.parametrize("key", ["two", "../etc", "\ud800"])
@pytest.mark.parametrize("name", ["twin", "look"])
def test_a_question_about_a_model_that_is_gone_is_a_message(key: str, name: str) -> None:
    with pytest.raises(gr.Error, match="There is no run"):
        handlers(OneModel())[name](event({"key": key, "pixels": PIXELS}))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_picker_gets_every_number_it_draws(heads: int) -> None:
    models = OneModel(heads)
    model, picture = models.network, picture_of(noise())
    explanation = explain(model, picture.pixels)
    attended, shown = attention_section.values("one", picture, explanation, knock_out(model, picture.pixels))
    sent = AttentionPicker().postprocess(attended)
    assert sent is not None
    assert sent["mark"] == shown.mark
    assert base64.b64decode(sent["pixels"]) == picture.pixels.permute(1, 2, 0).numpy().tobytes()
    weights = np.frombuffer(base64.b64decode(sent["attention"]), np.uint8).reshape(heads, 256, 256)
    np.testing.assert_array_equal(weights[-1, 37], to_byte(explanation.map(heads - 1, (2, 5)).reshape(-1)))
    # Entropy once more, head by head, in another way; the mean comes last.
    entropy = np.array(sent["entropy"])
    assert entropy.shape == (heads + 1, 256)
    rows = torch.from_numpy(np.concatenate([explanation.attention, explanation.attention.mean(0, keepdims=True)]))
    by_hand = torch.distributions.Categorical(probs=rows.double()).entropy() / np.log(2)
    np.testing.assert_allclose(entropy, by_hand, atol=0.0051)
    off = knock_out(model, noise())
    assert [row["text"] for row in sent["effects"]] == [
        effect(change, predict(model, noise()).label)["text"] for change in (*off.head_changes.tolist(), off.heads_change)
    ]


def test_a_head_that_is_off_lowers_what_it_spoke_for() -> None:
    assert effect(-0.0312, "cat") == {"kind": "for", "text": f"cat {MINUS}3.1 points: it spoke for cat"}
    assert effect(0.25, "dog") == {"kind": "against", "text": "dog +25.0 points: it spoke against dog"}
    assert effect(-0.0001, "dog") == {"kind": "none", "text": "dog changes by less than 0.1 points: it hardly mattered"}


def test_the_twin_has_the_same_shape_and_learned_nothing() -> None:
    models = OneModel(4)
    shown = Shown("one", noise())
    answer = handlers(models)["twin"](event(shown.to_json()))
    assert isinstance(answer, TwinAttended)
    assert answer.mark == shown.mark
    expected = explain(untrained(models.network.config), noise()).attention
    np.testing.assert_array_equal(answer.explanation.attention, expected)
    sent = AttentionPicker().postprocess(answer)
    assert sent is not None
    assert sent["twin_of"] == shown.mark
    assert (sent["heads"], len(sent["entropy"])) == (4, 5)


def test_a_look_hides_patches_and_what_gave_most() -> None:
    models = OneModel()
    shown = Shown("one", noise())
    answer = handlers(models)["look"](event(shown.to_json()))
    assert isinstance(answer, Hidden)
    assert answer.mark == shown.mark
    np.testing.assert_allclose(answer.occlusion.hidden, occlude(models.network, noise()).hidden)
    order = explain(models.network, noise()).attention.mean((0, 1)).reshape(16, 16)
    np.testing.assert_allclose(answer.deletion.ranked, delete(models.network, noise(), order).ranked, atol=1e-6)


def test_the_panel_draws_changes_as_they_are_signed() -> None:
    hidden = np.full((8, 8), 0.6)
    hidden[2, 5], hidden[7, 0], hidden[1, 1] = 0.2, 0.8, 0.602
    occlusion = Occlusion(3, 0.6, hidden)
    deletion = a_deletion([1, 0.2, 0], [[1, 0.7, 0]] * 5)
    sent = HidingPanel().postprocess(Hidden("m", occlusion, deletion))
    assert sent is not None
    cells = sent["cells"]
    assert (cells[2][5]["text"], cells[2][5]["tone"], cells[2][5]["level"]) == (f"{MINUS}40", "for", 1)
    assert (cells[7][0]["text"], cells[7][0]["tone"], cells[7][0]["level"]) == ("+20", "against", 0.5)
    assert (cells[1][1]["text"], cells[1][1]["tone"]) == ("", "none")
    assert cells[2][5]["words"] == f"row 3, column 6 hidden: cat 20.0 %, {MINUS}40.0 points"
    assert sent["strongest"] == [2, 5]
    assert sent["occlusion_words"] == (
        "The patch in row 3, column 6 matters most: without it, cat goes from 60.0 % to 20.0 %. It spoke for cat."
    )
    assert [curve["mean"] for curve in sent["curves"]] == [[100, 20, 0], [100, 70, 0], [100, 70, 0]]
    assert HidingPanel().postprocess(None) is None
    assert HidingPanel().postprocess(Shown("one", noise())) == Shown("one", noise()).to_json()


def a_deletion(ranked: list[float], others: list[list[float]]) -> Deletion:
    return Deletion(3, np.array([0, 0.5, 1]), np.array(ranked), np.array(others), np.array(others))


def test_a_flat_map_of_occlusion_makes_no_drama() -> None:
    flat = Occlusion(3, 0.6, np.full((8, 8), 0.601))
    assert occlusion_words(flat).startswith("No single patch matters")
    faint = np.full((8, 8), 0.6)
    faint[0, 0] = 0.594
    sent = HidingPanel().postprocess(Hidden("m", Occlusion(3, 0.6, faint), a_deletion([1, 1, 1], [[1, 1, 1]])))
    assert sent is not None
    assert sent["cells"][0][0]["level"] == pytest.approx(0.3)


def test_a_band_is_the_lowest_and_the_highest_draw() -> None:
    draws = [[1, 0.3, 0], [1, 0.9, 0], [1, 0.6, 0]]
    sent = HidingPanel().postprocess(Hidden("m", Occlusion(3, 0.6, np.full((8, 8), 0.6)), a_deletion([1, 0.5, 0], draws)))
    assert sent is not None
    random = sent["curves"][1]
    assert (random["low"][1], random["mean"][1], random["high"][1]) == (30, 60, 90)


@pytest.mark.parametrize(
    ("draws", "words"),
    [
        ([[1, 0.9, 0], [1, 0.7, 0]], f"it hurts cat more ({MINUS}15.0 points on average, in 2 of 2 draws)"),
        ([[1, 0.3, 0], [1, 0.1, 0]], "it hurts cat less (+15.0 points on average, in 2 of 2 draws)"),
        ([[1, 0.9, 0], [1, 0.4, 0]], f"no clear difference ({MINUS}7.5 points on average, lower in 1 of 2 draws)"),
        ([[1, 0.5004, 0], [1, 0.5006, 0]], "no clear difference (less than 0.1 points on average, lower in 2 of 2 draws)"),
    ],
)
def test_curves_are_compared_in_words_and_never_more_than_the_draws_agree(draws: list[list[float]], words: str) -> None:
    for sentence in deletion_words(a_deletion([1, 0.5, 0], draws)):
        assert words in sentence


def test_points_have_a_sign() -> None:
    assert [points(x) for x in (0.5, -0.0312, 0.0001)] == ["+50.0 points", f"{MINUS}3.1 points", "less than 0.1 points"]


@pytest.mark.parametrize(
    "brought",
    [None, 5, [3, 4], {}, {"row": 3}, {"row": 3, "column": 16}, {"row": -1, "column": 0}, {"row": "3", "column": 4},
     {"row": True, "column": 4}],
)  # fmt: skip
def test_a_forged_position_is_refused(brought: Any) -> None:
    with pytest.raises(gr.Error, match=r"a row and a column in 0 \.\. 15"):
        attention_section.position(brought)


def test_a_position_is_taken() -> None:
    assert attention_section.position({"row": 0, "column": 15}) == (0, 15)


def test_without_a_picture_there_is_nothing() -> None:
    with gr.Blocks():
        components = attention_section.build(OneModel())
    for component, value in zip(components, attention_section.nothing(), strict=True):
        assert component.postprocess(value) is None
    assert CLASSES[3] == "cat"  # what the made-up figures above are about
    assert isinstance(attention_section.values("one", picture_of(noise()), *_both())[0], Attended)


def _both() -> tuple[Any, Any]:
    model = OneModel().network
    return explain(model, noise()), knock_out(model, noise())
