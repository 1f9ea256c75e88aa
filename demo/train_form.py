"""What a visitor sets before a run: recipe, time budget, seed, and more. The help is that of `TrainConfig`."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from demo import more_settings
from demo.components.raw_number import RawNumber
from demo.run_settings import FIRST, MIN_BUDGET, RECIPE_WORDS, presets
from diclam.recipe import RECIPES, TrainConfig, field_docs
from diclam.terminal import duration


@dataclass(frozen=True)
class Form:
    """The settings and the three buttons below them."""

    settings: list[Component]
    """Recipe, seconds, seed: unchecked, for `demo.run_settings.settings`."""
    more: list[Component]
    """The fields of `demo.more_settings`, unchecked as well."""
    box: gr.Accordion
    """What those are folded into."""
    preset: gr.Radio
    """Some of the budgets to choose from; shows which of them the seconds are."""
    start: gr.Button
    stop: gr.Button
    pause: gr.Button


def build(limit: float) -> Form:
    """Builds the form in the current Blocks; `limit` is the longest budget in seconds."""
    docs = field_docs(TrainConfig)
    words = "  \n".join(f"**{name}**: {RECIPE_WORDS[name]}" for name in RECIPES)
    recipe = gr.Radio(list(RECIPES), value=FIRST.recipe, label="Recipe", info=words, elem_id="dc-recipe")
    default, known = min(FIRST.budget, limit), presets(limit)
    # The doc string opens with the core's own range; this server's is narrower.
    _, about_budget = docs["budget"].split(". ", 1)
    choices = [(duration(budget), budget) for budget in known]
    chosen = default if default in known else None
    preset = gr.Radio(choices, value=chosen, label="Time budget", info=about_budget, elem_id="dc-presets")
    seconds = RawNumber(value=default, label=f"or in seconds, {MIN_BUDGET:g} to {limit:g}", elem_id="dc-budget")
    seed = RawNumber(value=FIRST.seed, label="Seed", info=docs["seed"], elem_id="dc-seed")
    with gr.Row(elem_id="dc-buttons"):
        start = gr.Button("Start", variant="primary", min_width=90, elem_id="dc-start")
        pause = gr.Button("Pause", interactive=False, min_width=90, elem_id="dc-pause")
        stop = gr.Button("Stop", interactive=False, min_width=90, elem_id="dc-stop")
    # The number is what counts; the choices fill it in, and show when it is one of them.
    preset.input(None, preset, seconds, js="(seconds) => seconds", api_visibility="private")
    same = f"(seconds) => {list(known)}.includes(seconds) ? seconds : null"
    seconds.input(None, seconds, preset, js=same, api_visibility="private")
    first: list[Component] = [recipe, seconds, seed]
    box, more, reset, command = more_settings.build()
    more_settings.wire(first, more, preset, reset, command)
    return Form(first, more, box, preset, start, stop, pause)
