"""The one endpoint for programs: /classify, for `gradio_client` or plain HTTP."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr

from demo import asked
from demo.components.safe_image import SafeImage
from demo.messages import told
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM
from diclam.predict import Picture, predict

NAME = "classify"
DESCRIPTION = (
    "Classify a picture: a PNG, JPEG, WebP, GIF or BMP. `model` is 'bundled' or the name of a run. `square` is the part "
    "that is classified, [left, top, size] in fractions of the width, the height and the short side; without it the largest "
    "square in the middle. Returns label, confidence, the probabilities of the ten classes, the gates, what each expert "
    "would have said alone, and whether the picture looks like those the model was trained on: `in_distribution` is true, "
    "false, or null where that was not measured; `familiarity` holds its score and the threshold. All probabilities are "
    "calibrated by `temperature`, which the logits were divided by; null where the model has none."
)


class HasModels(Protocol):
    """What is asked of `demo.models.Models` here."""

    def model(self, key: str) -> DiCLAM: ...

    def familiarity(self, key: str) -> Familiarity | None: ...


def build(models: HasModels, default: str) -> None:
    """Adds the endpoint to the current Blocks, and nothing that can be seen. It answers with the model `default` unless told
    otherwise."""

    def classify(picture: Picture | None, model: str = default, square: list[float] | None = None) -> dict[str, Any]:
        cut = asked.cut(picture, asked.square_of(square))
        if cut is None:
            raise gr.Error("Expected a picture.", print_exception=False)
        with told():
            return predict(models.model(model), cut.pixels, models.familiarity(model)).to_json()

    with gr.Row(visible=False):
        inputs = [SafeImage(label="picture"), gr.Textbox(default, label="model"), gr.JSON(label="square")]
        answer = gr.JSON(label="answer")
        gr.Button().click(
            classify, inputs, answer,
            api_name=NAME, api_description=DESCRIPTION, api_visibility="public", show_progress="hidden",
        )  # fmt: skip
