"""The whole page: which tabs there are, and what one does to another. Nothing else knows of two tabs."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware
from torch import Tensor

from demo import (
    about_tab,
    address,
    challenge,
    classify_api,
    classify_tab,
    confusion_tab,
    lesson,
    linked,
    queue_pace,
    train_tab,
)
from demo.components.model_chooser import ModelChooser
from demo.components.opened_picture import Opened, OpenedPicture
from demo.components.page_tools import PageTools
from demo.components.payload import whole
from demo.examples import EXAMPLES
from demo.first_script import FirstScript
from demo.gallery import Pictures
from demo.linked import TEST_PICTURES
from demo.messages import plain, told
from demo.models import BUNDLED, Models
from demo.theme import theme
from diclam import predict
from diclam.errors import DiclamError

HERE = Path(__file__).parent
TITLE = "DiCLAM, a small CIFAR-10 classifier you can look into"
HEADER = "<h1>DiCLAM</h1><p>a small CIFAR-10 classifier you can look into</p>"
TABS = {"train": "Train", "classify": "Classify", "confusion": "Confusion matrix", "about": "About"}
"""Ids, as in the address (`?tab=about`), and what a visitor reads."""
FIRST_TAB = "classify"
FIRST_EXAMPLE = EXAMPLES[3]
# Uploads beyond this are cut off; within it, `predict.load_picture` refuses with a message what is too large.
MAX_FILE_SIZE = predict.MAX_BYTES + 1_000_000
# Seconds after which a page that opens on another tab gets its answer in Classify.
LATER = 3.0
# Gradio keeps a third of a megabyte for each page that was ever opened, up to so many. Beyond, it forgets the one that was
# silent for the longest; a page that is open is never silent for long.
MAX_SESSIONS = 256


def build() -> gr.Blocks:
    """The page, ready to be launched with `launch_options()`. Nothing is loaded yet: a model comes with the first answer."""
    models = Models()
    pictures = Pictures()
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        with gr.Row(elem_id="dc-header"):
            gr.HTML(HEADER, apply_default_css=False, elem_id="dc-title")
            PageTools(elem_id="dc-tools")
            model_key = ModelChooser(
                models.choices(), value=BUNDLED, label="Model, for all tabs", filterable=False, elem_id="dc-model"
            )
        lesson.build()
        with gr.Tabs(selected=FIRST_TAB, overflow_behavior="wrap", elem_id="dc-tabs") as tabs:
            with gr.Tab(TABS["train"], id="train") as train_page:
                train = train_tab.build()
                challenge.build(train.shown_run, train.visitor)
            with gr.Tab(TABS["classify"], id="classify") as classify_page:
                opened = OpenedPicture(elem_id="dc-opened")
                classify = classify_tab.build(models, model_key)
            with gr.Tab(TABS["confusion"], id="confusion") as confusion_page:
                confusion = confusion_tab.build(models, model_key, pictures)
            with gr.Tab(TABS["about"], id="about") as about_page:
                about_tab.build(models, model_key, about_page)
        classify_api.build(models, BUNDLED)

        links = Links(models, pictures)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        for page in (train_page, classify_page, confusion_page, about_page):
            page.select(None, js=address.remember_tab(str(page.id)), **quiet)
        demo.load(None, None, tabs, js=address.open_tab(list(TABS), FIRST_TAB), **quiet)
        # A picture, so that Classify never opens empty: later, where another tab is open, so that this one need not wait.
        # Who has brought a picture by then keeps it.
        start = [classify.picture, classify.linked_square, opened]
        empty = gr.JSON(visible=False)
        demo.load(None, None, empty, js=address.when_open("classify", LATER), **quiet)
        empty.change(links.start, [empty, classify.picture], start, js=address.EMPTY, queue=False, **quiet)
        linked.fill(train.form, model_key, links.first)
        lesson.wire(train.form, train.begun)
        classify.picture.input(None, classify.picture, None, js=address.BROUGHT, **quiet)
        model_key.change(None, model_key, None, js=address.remember_model(BUNDLED), **quiet)
        # Runs come and go while the page is open. Through the queue, as only there Gradio shows what a listener tells. Few
        # things go through it: its stream closes after the last, and one sent at that very moment gets no answer.
        gr.on([confusion_page.select, model_key.focus], links.known, model_key, model_key, **quiet)
        classify.answered.failure(links.usable, model_key, model_key, **quiet)
        train.use_model.click(links.use, train.shown_run, model_key, **quiet)
        chosen: list[Any] = [gallery.select for gallery in confusion.galleries]
        each: dict[str, Any] = quiet | {"trigger_mode": "multiple"}
        gr.on(chosen, None, js=address.LEAVE, **each)
        gr.on(chosen, links.picture, None, [classify.picture, tabs], **each).success(None, js=address.UP, **quiet)
        gr.on(chosen, links.opened, model_key, opened, **each)
        gr.on([classify.picture.input, classify.examples.select], lambda: None, None, opened, queue=False, **quiet)
        opened.back(None, opened, tabs, js=address.BACK, **quiet)
    demo.queue(max_size=64, default_concurrency_limit=2, api_open=False)
    queue_pace.relax(demo._queue)
    return demo


def launch_options() -> dict[str, Any]:
    """How the page is served: on loopback unless GRADIO_SERVER_NAME says otherwise, and never a file of the project."""
    styles = [HERE / "style.css", HERE / "lesson.css", *sorted(HERE.glob("*_tab.css"))]
    return {
        "head": address.HEAD,
        "app_kwargs": {"middleware": [Middleware(FirstScript)]},
        "css": "\n".join(path.read_text(encoding="utf-8") for path in styles),
        "theme": theme(),
        "footer_links": ["settings"],
        "run_history": False,
        "show_error": False,
        "max_file_size": MAX_FILE_SIZE,
        "state_session_capacity": MAX_SESSIONS,
        "allowed_paths": [],
        "ssr_mode": False,
        "pwa": False,
        # Leaves out Gradio's look at its own address, which ends the server when a busy machine takes 3 seconds to answer.
        "_frontend": False,
    }


class HasPictures(Protocol):
    """What is asked of `demo.gallery.Pictures` here."""

    def get(self, index: int) -> Tensor | None: ...


@dataclass(frozen=True)
class Links:
    """What happens across tabs. Each method answers an event, which anybody can send by hand with anything in it."""

    models: Models
    pictures: HasPictures

    def first(self, request: gr.Request) -> gr.Dropdown:
        """The models there are now; the one that the address names is chosen, when it is one of them: `?run=`, or, in the
        Train tab, where that is the run that is shown, `?model=`."""
        choices = self.models.choices()
        run = request.query_params.get("model" if request.query_params.get("tab") == "train" else "run")
        return gr.Dropdown(choices, value=run) if run in [known for _, known in choices] else gr.Dropdown(choices)

    def start(self, empty: Any, _picture: None, request: gr.Request) -> tuple[Any, Any, Any]:
        """The picture that Classify opens with where it is `empty`, its square as JSON ('' for the largest one in its
        middle), and which test picture it is: what the address names, when that is here, the first example otherwise."""
        if empty is not True:
            return gr.skip(), gr.skip(), gr.skip()
        named = linked.asked(request)
        pixels = None
        if named.picture is not None:
            with suppress(DiclamError):  # the whole data set cannot be had
                pixels = self.pictures.get(named.picture)
        if pixels is not None:
            shown = Image.fromarray(pixels.permute(1, 2, 0).numpy())
            return shown, linked.fitting(named.square, shown.size), self._test_picture(BUNDLED, named.picture)
        path = FIRST_EXAMPLE if named.example is None else EXAMPLES[named.example]
        with Image.open(path) as image:
            return str(path), linked.fitting(named.square, image.size), None

    def known(self, key: str) -> gr.Dropdown:
        """The models there are now. One that is gone gives way to the bundled one."""
        choices = self.models.choices()
        if key in [known for _, known in choices]:
            return gr.Dropdown(choices)
        gr.Warning(f"The model {plain(key)} is no longer there. All tabs use the bundled one now.")
        return gr.Dropdown(choices, value=BUNDLED)

    def usable(self, key: str) -> gr.Dropdown:
        """After an answer that failed: a model that cannot be loaded gives way to the bundled one. Why it cannot, the
        answer's own message says."""
        choices = self.models.choices()
        try:
            self.models.model(key)
        except DiclamError:
            if key != BUNDLED:
                gr.Warning("All tabs use the bundled model now.")
                return gr.Dropdown(choices, value=BUNDLED)
        return gr.Dropdown(choices)

    def use(self, name: str | None) -> gr.Dropdown:
        """The model of a run becomes the model of all tabs."""
        choices = self.models.choices()
        if name not in [known for _, known in choices]:
            raise gr.Error("There is no trained model to use yet.", print_exception=False)
        with told():  # one that the page cannot show is refused before all tabs turn to it
            self.models.model(str(name))
        gr.Info(f"All tabs use {name} now.")
        return gr.Dropdown(choices, value=name)

    def opened(self, key: str, event: gr.EventData) -> Opened | None:
        """Which test picture was opened. None for a number that is none, which `picture` refuses."""
        with told():
            return self._test_picture(key, whole(event, "index"))

    def _test_picture(self, key: str, index: int | None) -> Opened | None:
        evaluation = self.models.evaluation(key)
        if evaluation is None or index is None or not 0 <= index < len(evaluation.true):
            return None
        suspect = evaluation.suspects.get(index)
        return Opened(index, int(evaluation.true[index]), "" if suspect is None else suspect.words)

    def picture(self, event: gr.EventData) -> tuple[Image.Image, gr.Tabs]:
        """A test picture of the gallery, opened in Classify."""
        index = whole(event, "index")
        if index is None or not 0 <= index < TEST_PICTURES:
            raise gr.Error(f"Expected the number of a test picture, 0 to {TEST_PICTURES - 1}.", print_exception=False)
        with told():
            pixels = self.pictures.get(index)
        if pixels is None:
            raise gr.Error("This picture is only there with the whole data set.", print_exception=False)
        return Image.fromarray(pixels.permute(1, 2, 0).numpy()), gr.Tabs(selected="classify")
