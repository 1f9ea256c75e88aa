"""What a link asks the page to show, checked, as anybody can write one. What makes no sense is left out, with a word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.context import Context

from demo import address, more_settings
from demo.components.runs_table import MOST
from demo.examples import EXAMPLES
from demo.messages import plain
from demo.overlay import AXES
from demo.run_settings import FIRST, MIN_BUDGET, max_budget, presets, settings
from demo.train_form import Form
from diclam import runs
from diclam.environment import number
from diclam.errors import DiclamError, PictureError, RunError
from diclam.square import Square

TEST_PICTURES = 10_000
MOMENTS = 1000
SHOWN = 60
"""Letters of what a link named that a message repeats."""


@dataclass(frozen=True)
class Linked:
    """What a link names; None for what it does not name, or names in vain."""

    recipe: str | None = None
    budget: float | None = None
    """Seconds."""
    seed: int | None = None
    more: dict[str, Any] = field(default_factory=dict)
    """The settings of `demo.more_settings` by their names."""
    run: str | None = None
    """The run to show in the Train tab."""
    over: tuple[str, ...] | None = None
    """The runs to lay over each other there; they, the axis and the moment are the browser's to show."""
    axis: str | None = None
    moment: int | None = None
    example: int | None = None
    picture: int | None = None
    """The number of a test picture."""
    square: Square | None = None
    challenge: float | None = None
    """Seconds."""
    left_out: dict[str, str] = field(default_factory=dict)
    """What was named in vain: its name in the address and why, as a sentence."""


def read(query: Mapping[str, str], limit: float) -> Linked:
    """The query of an address, where no run may be longer than `limit` seconds."""
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    readers: dict[str, Callable[[str], Any]] = {
        "recipe": lambda text: settings(text, MIN_BUDGET, 0, limit).recipe,
        "budget": lambda text: settings(FIRST.recipe, _number(text), 0, limit).budget,
        "seed": lambda text: settings(FIRST.recipe, MIN_BUDGET, _number(text), limit).seed,
        "example": lambda text: _index(text, len(EXAMPLES), "an example"),
        "picture": lambda text: _index(text, TEST_PICTURES, "a test picture"),
        "square": _square,
        "challenge": lambda text: settings(FIRST.recipe, _number(text), 0, limit).budget,
    }
    if query.get("tab") == "train":  # in the other tabs it names the model
        readers["run"] = lambda text: runs.find(text).name
        readers["over"] = _over
        readers["axis"] = _axis
        readers["moment"] = lambda text: _index(text, MOMENTS, "a moment of the run")
    for name, reader in readers.items():
        text = query.get(name)
        if not text:
            continue
        try:
            found[name] = reader(text)
        except DiclamError as error:
            left_out[name] = str(error)
    recipe, more = found.get("recipe", FIRST.recipe), dict[str, Any]()
    for name, usual in more_settings.usual()[recipe].items():
        text = query.get(name)
        if not text:
            continue
        try:
            one = {name: _like(usual, text[:SHOWN])}
            settings(recipe, MIN_BUDGET, 0, limit, **more, **one)  # with those before, as some exclude one another
            more |= one
        except DiclamError as error:
            left_out[name] = str(error)
    return Linked(**found, more=more, left_out=left_out)


def fitting(square: Square | None, size: tuple[int, int]) -> str:
    """The square as JSON for a picture of `size` (width, height); '' for none, or one that would reach outside."""
    if square is None:
        return ""
    try:
        square.check(size)
    except PictureError:
        return ""
    return json.dumps([square.left, square.top, square.size])


def challenge_budget() -> float:
    """Seconds that each run of this server's challenge has: DICLAM_CHALLENGE, or 60. Raises ConfigError when it is no
    possible budget."""
    limit = max_budget()
    return number("DICLAM_CHALLENGE", min(60.0, limit), MIN_BUDGET, limit, "seconds")


def asked(request: gr.Request | None) -> Linked:
    """What the address of this visitor's page names."""
    return Linked() if request is None else read(dict(request.query_params), max_budget())


def fill(form: Form, model_key: gr.Dropdown, models: Callable[[gr.Request], gr.Dropdown]) -> None:
    """Fills the form of a page that opens with what its address names, and `model_key` with what `models` gives, keeps the
    address true to the form, and says what of the address was left out."""
    limit = max_budget()
    defaults = {"recipe": FIRST.recipe, "budget": min(FIRST.budget, limit), "seed": FIRST.seed}
    known, usual = presets(limit), more_settings.usual()
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def open_with(request: gr.Request) -> tuple[Any, ...]:
        named = asked(request)
        values = [gr.skip() if value is None else value for value in (named.recipe, named.budget, named.seed)]
        preset = gr.skip() if named.budget is None else named.budget if named.budget in known else None
        more = [gr.skip()] * len(form.more)
        if named.recipe is not None or named.more:
            more = list((usual[named.recipe or FIRST.recipe] | named.more).values())
        if named.left_out:
            gr.Warning(plain("Of this link, something was left out. " + " ".join(named.left_out.values())))
        box = gr.Accordion(open=True) if named.more else gr.skip()
        return *values, preset, *more, box, list(named.left_out), models(request)

    left_out = gr.JSON(visible=False)
    every = [*form.settings, *form.more]
    page = Context.root_block
    assert page is not None, "the form is part of a page"
    # Through the queue, as only there Gradio shows what a listener tells.
    page.load(open_with, None, [*form.settings, form.preset, *form.more, form.box, left_out, model_key], **quiet).then(
        None, left_out, None, js=address.FILLED, **quiet
    )
    gr.on(
        [setting.change for setting in every],  # pyright: ignore[reportAttributeAccessIssue]
        None, every, None, js=address.remember_settings(defaults, usual), **quiet,
    )  # fmt: skip


def _number(text: str) -> float | str:
    """The text itself where it is no number: whoever checks it says so."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _like(usual: Any, text: str) -> Any:
    """What the text says, as the kind of value that `usual` is; the text itself where it is none."""
    if isinstance(usual, bool):
        return {"true": True, "false": False}.get(text, text)
    return text if isinstance(usual, str) else _number(text)


def _index(text: str, count: int, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) >= count:
        raise PictureError(f"Expected the number of {what}, 0 to {count - 1}; got {text[:SHOWN]!r}.")
    return int(text)


def _over(text: str) -> tuple[str, ...]:
    names = text.split(",")
    if len(names) > MOST:
        raise RunError(f"Expected at most {MOST} runs to lay over each other; got {len(names)}.")
    return tuple(runs.find(name).name for name in names)


def _axis(text: str) -> str:
    if text not in AXES:
        raise RunError(f"Expected an axis, {' or '.join(AXES)}; got {text[:SHOWN]!r}.")
    return text


def _square(text: str) -> Square:
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", text[:SHOWN])
    if parts is None:
        raise PictureError(f"Expected a square as left, top and size in per cent, such as 10-0-80; got {text[:SHOWN]!r}.")
    left, top, size = (float(part) / 100 for part in parts.groups())
    return Square(left, top, size)
