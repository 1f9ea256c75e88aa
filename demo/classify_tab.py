"""The Classify tab: any picture, its answer, where attention mixed information and which expert answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency
from PIL import Image

from demo import asked, attention_section, expert_section, keep_section
from demo.components.answer_bars import AnswerBars, AnswerSentence
from demo.components.example_strip import ExampleStrip, Group
from demo.components.payload import whole
from demo.components.reliability import ReliabilityPanel, Trust
from demo.components.safe_image import SafeImage
from demo.components.seen_picture import SeenPicture
from demo.components.square_picker import Cut, SquarePicker
from demo.examples import CREDITS, EXAMPLES, PHOTOGRAPHS, TEST_PICTURES
from demo.messages import told
from diclam.calibration import Calibration
from diclam.explain import explain
from diclam.knockout import knock_out
from diclam.predict import Picture, trace

KNOWS = "It knows these ten classes only: anything else gets the nearest of them."


class HasModels(attention_section.HasModels, expert_section.HasModels, keep_section.HasModels, Protocol):
    """What this tab asks of `demo.models.Models`."""

    def calibration(self, key: str) -> Calibration | None: ...


@dataclass(frozen=True)
class ClassifyTab:
    """What the wiring between tabs needs."""

    picture: SafeImage
    """Changing it classifies; it may be set to a PIL picture or a path."""
    examples: ExampleStrip
    """Its `select` puts another picture there."""
    outputs: list[Component]
    """What the values of `answer` go to, in their order."""
    linked_square: gr.Textbox
    """The square of the next picture, as JSON; '' for the largest one in its middle."""
    answered: Dependency
    """Its `failure`: there was no answer, and a message said why."""


def answer(models: HasModels, key: str, picture: Picture | None, name: str = "") -> tuple[Any, ...]:
    """The values of `ClassifyTab.outputs`; empty ones without a picture. `name` tells the picture from the one before.
    Raises gr.Error when there is no such model."""
    if picture is None:
        below = (*attention_section.nothing(), *expert_section.nothing(), *keep_section.nothing())
        return None, None, None, None, None, *below
    with told():
        model = models.model(key)
        traced = trace(model, picture.pixels)
        explanation = explain(model, picture.pixels, models.familiarity(key), traced)
        knockouts = knock_out(model, picture.pixels, traced) if model.config.light else None
        prediction = explanation.prediction
        trust = Trust(prediction, models.calibration(key))
        attention = attention_section.values(key, picture, explanation, knockouts)
        experts = expert_section.values(models, model, key, picture, prediction, knockouts, traced)
    return Cut(name, picture), picture, prediction, prediction, trust, *attention, *experts, *keep_section.values()


def build(models: HasModels, model_key: gr.Dropdown) -> ClassifyTab:
    """Builds the tab in the current Blocks. `model_key` holds the key of a model of `models`; changing it answers anew."""
    with gr.Column(elem_id="dc-classify"):
        with gr.Row():
            with gr.Column(scale=2, min_width=280, elem_id="dc-bring"):
                picture = SafeImage(
                    label="Picture",
                    show_label=False,
                    sources=["upload", "clipboard", "webcam"],
                    height=300,
                    buttons=[],
                    alt_text="The picture to classify",
                    elem_id="dc-picture",
                )
                square = SquarePicker("dc-picture", elem_id="dc-square")
                examples = ExampleStrip(
                    [
                        Group("CIFAR-10 test pictures", TEST_PICTURES),
                        Group("Photographs", [photograph.path for photograph in PHOTOGRAPHS], CREDITS),
                    ],
                    elem_id="dc-examples",
                )
            with gr.Column(scale=5, min_width=280):
                sentence = AnswerSentence(elem_id="dc-sentence")
                with gr.Row():
                    with gr.Column(scale=0, min_width=264):
                        seen = SeenPicture(elem_id="dc-seen")
                    with gr.Column(scale=1, min_width=260):
                        bars = AnswerBars(elem_id="dc-bars")
                        gr.HTML(f"<p class='dc-quiet'>{KNOWS}</p>")
                trust = ReliabilityPanel(elem_id="dc-trust")
        attention = attention_section.build(models)
        experts = expert_section.build(models)
        keep = keep_section.build()

    outputs: list[Component] = [square, seen, sentence, bars, trust, *attention, *experts, *keep]
    question = gr.Textbox(visible="hidden")
    linked = gr.Textbox(visible="hidden")
    answered = _wire_answer(models, model_key, picture, square, question, linked, outputs)
    keep_section.wire(models, model_key, picture, question, keep)
    examples.select(
        _example, None, picture,
        show_progress="hidden", trigger_mode="multiple", queue=False, api_visibility="private",
    )  # fmt: skip
    return ClassifyTab(picture, examples, outputs, linked, answered)


def _wire_answer(
    models: HasModels,
    model_key: gr.Dropdown,
    picture: SafeImage,
    square: SquarePicker,
    question: gr.Textbox,
    linked: gr.Textbox,
    outputs: list[Component],
) -> Dependency:
    """`question` holds, in the words of `demo.asked`, which picture was asked about and which square of it; its changes are
    answered. It is written in the browser alone, so moving the square uploads nothing."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    picture.change(None, [picture, question, linked], [question, linked], js=asked.PICTURE, **quiet)
    picture.clear(None, None, question, js="() => ''", **quiet)
    square.cut(None, question, question, js=asked.SQUARE, **quiet)
    answered = gr.on(
        [question.change, model_key.change], _handler(models), [model_key, picture, question], outputs,
        trigger_mode="always_last", **quiet,
    )  # fmt: skip
    # A refused file leaves the answer as it was; the picture that belongs to it comes back, from the browser's own copy.
    kept = gr.JSON(visible=False)
    answered.success(None, [picture, question], kept, js="(...kept) => kept", api_visibility="private")
    answered.failure(None, kept, [picture, question], js="(kept) => kept || [null, '']", api_visibility="private")
    return answered


def _handler(models: HasModels) -> Callable[[str, Picture | None, Any], tuple[Any, ...]]:
    def respond(key: str, picture: Picture | None, question: Any) -> tuple[Any, ...]:
        name, square = asked.read(question)
        return answer(models, key, asked.cut(picture, square), name)

    return respond


# Anybody can send this event by hand, with anything in it.


def _example(event: gr.EventData) -> Image.Image:
    index = whole(event, "index")
    if index is None or not 0 <= index < len(EXAMPLES):
        raise gr.Error(f"Expected the number of an example, 0 to {len(EXAMPLES) - 1}.", print_exception=False)
    return Image.open(EXAMPLES[index])
