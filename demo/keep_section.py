"""The section of Classify that hands out an explanation: as a page, as numbers, as a drawing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from demo import asked, attention_section
from demo.messages import told
from diclam.export import KINDS, export
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM
from diclam.predict import Picture

WORDS = {"html": "Download as a page", "json": "as numbers (JSON)", "png": "as a picture (PNG)"}
_SAVE = """(file) => Object.assign(document.createElement('a'), { href: file.content, download: file.name }).click()"""


class HasModels(Protocol):
    """What this section asks of `demo.models.Models`."""

    def model(self, key: str) -> DiCLAM: ...

    def familiarity(self, key: str) -> Familiarity | None: ...


def build() -> list[Component]:
    """Builds the section in the current Blocks -> what the values of `values` go to: a button for each of KINDS."""
    gr.HTML(
        "<h2>Keep and share</h2><p>This answer and what was measured about it, in one file that needs neither this page nor "
        "a network.</p>",
        elem_id="dc-keep-words",
    )
    with gr.Row(elem_id="dc-keep"):
        return [gr.Button(WORDS[kind], size="sm", interactive=False, elem_id=f"dc-keep-{kind}") for kind in KINDS]


def values() -> tuple[Any, ...]:
    return tuple(gr.Button(interactive=True) for _ in KINDS)


def nothing() -> tuple[Any, ...]:
    """The values without a picture."""
    return tuple(gr.Button(interactive=False) for _ in KINDS)


def wire(
    models: HasModels,
    model_key: gr.Dropdown,
    picture: Component,
    question: gr.Textbox,
    buttons: list[Component],
) -> None:
    """A click computes what is not on the page yet, then the browser saves the file. It is sent inside the answer, so that
    no file of a visitor lies on the server."""
    for kind, button in zip(KINDS, buttons, strict=True):
        file = gr.JSON(visible=False)
        made = button.click(  # pyright: ignore[reportAttributeAccessIssue]
            _handler(models, kind), [model_key, picture, question, gr.JSON(visible=False)], file,
            js=attention_section.WITH_POSITION, show_progress="hidden", api_visibility="private",
        )  # fmt: skip
        made.success(None, file, None, js=_SAVE, api_visibility="private")


def _handler(models: HasModels, kind: str) -> Callable[[str, Picture | None, Any, Any], dict[str, str]]:
    def keep(key: str, picture: Picture | None, question: Any, position: Any) -> dict[str, str]:
        cut = asked.cut(picture, asked.read(question)[1])
        if cut is None:
            raise gr.Error("Choose a picture first.", print_exception=False)
        with told():
            content = export(
                models.model(key), cut, kind,
                name=key, query=attention_section.position(position), familiarity=models.familiarity(key),
            )  # fmt: skip
        address = f"data:{KINDS[kind]};base64,{base64.b64encode(content).decode()}"
        return {"name": f"diclam-explanation.{kind}", "content": address}

    return keep
