"""The Classify tab: any picture, its answer, where attention mixed information and which expert answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency
from PIL import Image

from demo import attention_section, expert_section
from demo.components.answer_bars import AnswerBars, AnswerSentence
from demo.components.example_strip import ExampleStrip
from demo.components.payload import whole
from demo.components.safe_image import SafeImage
from demo.components.seen_picture import SeenPicture
from demo.messages import told
from diclam.data import CLASSES
from diclam.draw import data_uri, render
from diclam.explain import Explanation, explain
from diclam.knockout import knock_out
from diclam.predict import Picture

EXAMPLES = [Path(__file__).parents[1] / "assets" / "examples" / f"{name}.png" for name in CLASSES]
KNOWS = "It knows these ten classes only: anything else gets the nearest of them."


class HasModels(attention_section.HasModels, expert_section.HasModels, Protocol):
    """What this tab asks of `demo.models.Models`."""


@dataclass(frozen=True)
class ClassifyTab:
    """What the wiring between tabs needs."""

    picture: SafeImage
    """Changing it classifies; it may be set to a PIL picture or a path."""
    examples: ExampleStrip
    """Its `select` puts another picture there."""
    outputs: list[Component]
    """What the values of `answer` go to, in their order."""
    answered: Dependency
    """Its `failure`: there was no answer, and a message said why."""


def answer(models: HasModels, key: str, picture: Picture | None) -> tuple[Any, ...]:
    """The values of `ClassifyTab.outputs`; empty ones without a picture. Raises gr.Error when there is no such model."""
    if picture is None:
        nothing = (*attention_section.nothing(), *expert_section.nothing())
        return None, None, None, *nothing, gr.Button(interactive=False)
    with told():
        model = models.model(key)
        explanation, knockouts = explain(model, picture.pixels), knock_out(model, picture.pixels)
        prediction = explanation.prediction
        attention = attention_section.values(key, picture, explanation, knockouts)
        experts = expert_section.values(models, model, key, picture, prediction, knockouts)
    return picture, prediction, prediction, *attention, *experts, gr.Button(interactive=True)


def build(models: HasModels, model_key: gr.Dropdown) -> ClassifyTab:
    """Builds the tab in the current Blocks. `model_key` holds the key of a model of `models`; changing it answers anew."""
    with gr.Column(elem_id="dc-classify"):
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                picture = SafeImage(
                    label="Picture",
                    show_label=False,
                    sources=["upload", "clipboard", "webcam"],
                    height=300,
                    buttons=[],
                    alt_text="The picture to classify",
                    elem_id="dc-picture",
                )
                gr.HTML("<p class='dc-quiet'>Or one of these CIFAR-10 test pictures:</p>", js_on_load=_SHARP)
                examples = ExampleStrip(EXAMPLES, elem_id="dc-examples")
            with gr.Column(scale=5, min_width=280):
                sentence = AnswerSentence(elem_id="dc-sentence")
                with gr.Row():
                    with gr.Column(scale=0, min_width=264):
                        seen = SeenPicture(elem_id="dc-seen")
                    with gr.Column(scale=1, min_width=260):
                        bars = AnswerBars(elem_id="dc-bars")
                        gr.HTML(f"<p class='dc-quiet'>{KNOWS}</p>")
        attention = attention_section.build(models)
        experts = expert_section.build(models)
        download = gr.Button("Download this explanation as a picture", size="sm", interactive=False, elem_id="dc-download")

    outputs: list[Component] = [seen, sentence, bars, *attention, *experts, download]
    answered = _wire_answer(models, model_key, picture, outputs)
    _wire_download(models, model_key, picture, download)
    examples.select(
        _example, None, picture,
        show_progress="hidden", trigger_mode="multiple", queue=False, api_visibility="private",
    )  # fmt: skip
    return ClassifyTab(picture, examples, outputs, answered)


def _wire_answer(
    models: HasModels,
    model_key: gr.Dropdown,
    picture: SafeImage,
    outputs: list[Component],
) -> Dependency:
    # The stock picture reports each change twice, and an empty one while a file is on its way. Its path, as a text, changes
    # once; only the cross empties it.
    path = gr.Textbox(visible="hidden")
    picture.change(None, [picture, path], path, js=_PATH, show_progress="hidden", api_visibility="private")
    picture.clear(None, None, path, js="() => ''", show_progress="hidden", api_visibility="private")
    answered = gr.on(
        [path.change, model_key.change], _handler(models), [model_key, picture], outputs,
        show_progress="hidden", trigger_mode="always_last", api_visibility="private",
    )  # fmt: skip
    # A refused file leaves the answer as it was; the picture that belongs to it comes back, from the browser's own copy.
    kept = gr.JSON(visible=False)
    answered.success(None, picture, kept, js="(picture) => picture", api_visibility="private")
    answered.failure(None, kept, [picture, path], js=_BACK, api_visibility="private")
    return answered


def _wire_download(
    models: HasModels,
    model_key: gr.Dropdown,
    picture: SafeImage,
    download: gr.Button,
) -> None:
    position = gr.JSON(visible=False)
    drawing = gr.Textbox(visible=False)

    def draw(key: str, chosen: Picture | None, brought: Any) -> str:
        if chosen is None:
            raise gr.Error("Choose a picture first.", print_exception=False)
        return data_uri(render(_explained(models, key, chosen), chosen, attention_section.position(brought)))

    drawn = download.click(
        draw, [model_key, picture, position], drawing,
        js=attention_section.WITH_POSITION, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    drawn.success(None, drawing, None, js=_SAVE, api_visibility="private")


# A picture of 32 x 32 is shown as the squares that it is; a photograph would only look ragged.
_SHARP = """document.addEventListener('load', ({ target }) => {
  if (target.matches?.('#dc-picture img')) target.style.imageRendering = target.naturalWidth <= 64 ? 'pixelated' : 'auto';
}, true);"""
_PATH = "(picture, path) => picture ? picture.path : path"
_BACK = "(kept) => [kept, kept ? kept.path : '']"
_SAVE = """(drawing) => {
  Object.assign(document.createElement('a'), {href: drawing, download: 'diclam-explanation.png'}).click();
}"""


def _handler(models: HasModels) -> Callable[[str, Picture | None], tuple[Any, ...]]:
    return lambda key, picture: answer(models, key, picture)


def _explained(models: HasModels, key: str, picture: Picture) -> Explanation:
    with told():
        return explain(models.model(key), picture.pixels)


# Anybody can send these events by hand, with anything in them.


def _example(event: gr.EventData) -> Image.Image:
    index = whole(event, "index")
    if index is None or not 0 <= index < len(EXAMPLES):
        raise gr.Error(f"Expected the number of an example, 0 to {len(EXAMPLES) - 1}.", print_exception=False)
    return Image.open(EXAMPLES[index])
