"""The whole page: which tabs there are, and what one does to another. Nothing else knows of two tabs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr
from PIL import Image

from demo import about_tab, classify_tab, confusion_tab, train_tab
from demo.gallery import Pictures
from demo.models import BUNDLED, Models, choices
from diclam import predict
from diclam.errors import DiclamError

HERE = Path(__file__).parent
TITLE = "DiCLAM, a small CIFAR-10 classifier you can look into"
SYSTEM_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO_FONT = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
# Uploads beyond this are refused before they are written; pictures have a stricter limit of their own.
MAX_FILE_SIZE = predict.MAX_BYTES + 1_000_000


def build() -> gr.Blocks:
    """The page, ready to be launched with `launch_options()`."""
    models = Models()
    pictures = Pictures()
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        with gr.Row(elem_id="dc-header"):
            gr.HTML("<h1>DiCLAM <small>a small CIFAR-10 classifier you can look into</small></h1>")
            model_key = gr.Dropdown(
                choices(), value=BUNDLED, label="Model, for all tabs", elem_id="dc-model", filterable=False, scale=0,
                min_width=300,
            )  # fmt: skip
        with gr.Tabs(selected="classify") as tabs:
            with gr.Tab("Train", id="train"):
                train = train_tab.build()
            with gr.Tab("Classify", id="classify"):
                classify = classify_tab.build(models, model_key)
            with gr.Tab("Confusion matrix", id="confusion"):
                confusion = confusion_tab.build(models, model_key, pictures)
            with gr.Tab("About", id="about"):
                about_tab.build()

        first = classify_tab.EXAMPLES[3]

        def on_load() -> tuple[Any, ...]:
            """An example with its answer, so that the page never opens empty."""
            return str(first), *classify_tab.answer(models, BUNDLED, predict.load_picture(first))

        demo.load(on_load, None, [classify.picture, *classify.outputs], show_progress="hidden", api_visibility="private")
        demo.load(_fresh_choices, model_key, model_key, show_progress="hidden", api_visibility="private")
        model_key.focus(_fresh_choices, model_key, model_key, show_progress="hidden", api_visibility="private")

        def use_model(name: str | None) -> gr.Dropdown:
            if not name:
                raise gr.Error("There is no trained model to use yet.", print_exception=False)
            known = choices()
            if name not in [key for _, key in known]:
                raise gr.Error(f"The run {name} has no model that can be used.", print_exception=False)
            gr.Info("All tabs use this model now.")
            return gr.Dropdown(known, value=name)

        train.use_model.click(use_model, train.shown_run, model_key, show_progress="hidden", api_visibility="private")

        def open_picture(shown: list[int], event: gr.SelectData) -> tuple[Image.Image, gr.Tabs]:
            place = event.index
            if not isinstance(place, int) or not 0 <= place < len(shown):
                raise gr.Error("There is no such picture in this gallery.", print_exception=False)
            try:
                pixels = pictures.get(int(shown[place]))
            except DiclamError as error:
                raise gr.Error(str(error), print_exception=False) from error
            if pixels is None:
                raise gr.Error("This picture is only there with the whole data set.", print_exception=False)
            return Image.fromarray(pixels.permute(1, 2, 0).numpy()), gr.Tabs(selected="classify")

        confusion.gallery.select(
            open_picture, confusion.chosen, [classify.picture, tabs],
            show_progress="hidden", trigger_mode="multiple", api_visibility="private",
        )  # fmt: skip
    demo.queue(max_size=64, default_concurrency_limit=2, api_open=False)
    return demo


def launch_options() -> dict[str, Any]:
    """How the page is served: on loopback unless GRADIO_SERVER_NAME says otherwise, and never a file of the project."""
    styles = [HERE / "style.css", *sorted(HERE.glob("*_tab.css"))]
    theme = gr.themes.Default(primary_hue="blue", secondary_hue="blue", font=SYSTEM_FONT, font_mono=MONO_FONT)
    return {
        "css": "\n".join(path.read_text(encoding="utf-8") for path in styles),
        "theme": theme,
        "footer_links": ["settings"],
        "show_error": False,
        "max_file_size": MAX_FILE_SIZE,
        "allowed_paths": [],
        "ssr_mode": False,
        "pwa": False,
    }


def _fresh_choices(key: str) -> gr.Dropdown:
    """The list as it is now: runs come and go while the page is open."""
    known = choices()
    return gr.Dropdown(known, value=key if key in [k for _, k in known] else BUNDLED)
