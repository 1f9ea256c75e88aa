"""What else a visitor may set before a run, each with the help of the core; and the command line that does the same."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from gradio.components import Component

from demo.components.command_line import Command, CommandLine
from demo.components.raw_number import RawNumber
from demo.run_settings import FIRST, max_budget, settings
from diclam import model_config, recipe
from diclam.command import train_command
from diclam.errors import ConfigError
from diclam.model import ModelConfig, parameters
from diclam.recipe import RECIPES, TrainConfig, field_docs

LABELS = {
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "muon_learning_rate": "Muon's learning rate",
    "label_smoothing": "Label smoothing",
    "flip": "Mirror pictures",
    "crop_padding": "Shift pictures",
    "cutout": "Cutout",
    "train_share": "Share of the training pictures",
    "validate_epochs": "Epochs between validations",
    "blocks": "Blocks",
    "attention": "Attention",
    "experts": "Experts",
}
"""The settings of `TrainConfig` and `ModelConfig` that are offered, in their order, and what they are called."""
AS_THE_RECIPE = "as the recipe says"
_CHOICES = {**recipe.CHOICES, **model_config.CHOICES}


def changes(values: tuple[Any, ...]) -> dict[str, Any]:
    """What came from the fields, by the names of the settings; unchecked. Where values are missing, so are settings."""
    return dict(zip(LABELS, values, strict=False))


def values(config: TrainConfig) -> list[Any]:
    """What the fields show for a recipe. Nothing as Muon's learning rate, as that may follow the time budget."""
    known = config.to_dict()["model"] | config.to_dict() | {"muon_learning_rate": None}
    return [known[name] for name in LABELS]


def usual() -> dict[str, dict[str, Any]]:
    """What the fields show for each recipe, by the names of the settings."""
    return {name: changes(tuple(values(config))) for name, config in RECIPES.items()}


def command(recipe: Any, seconds: Any, seed: Any, *more: Any) -> Command:
    """What the settings come to, whatever was typed."""
    try:
        config = settings(recipe, seconds, seed, max_budget(), **changes(more))
    except ConfigError as error:
        return Command(problem=str(error))
    return Command(f"{parameters(config.model):,} parameters", train_command(config))


def build() -> tuple[gr.Accordion, list[Component], gr.Button, CommandLine]:
    """Builds the fields in the current Blocks; -> what they are folded into, them as in LABELS, the button that resets all,
    and the command."""
    docs = field_docs(TrainConfig) | field_docs(ModelConfig)
    with gr.Accordion("More settings", open=False, elem_id="dc-more") as box:
        fields: list[Component] = []
        for name, value in zip(LABELS, values(FIRST), strict=True):
            common = {"value": value, "label": LABELS[name], "info": docs[name], "elem_id": f"dc-{name.replace('_', '-')}"}
            if isinstance(value, bool):
                fields.append(gr.Checkbox(**common))
            elif name in _CHOICES:
                fields.append(gr.Radio(list(_CHOICES[name]), **common))
            else:
                fields.append(RawNumber(**common, placeholder=AS_THE_RECIPE if value is None else None))
        reset = gr.Button("Reset all settings", size="md", elem_id="dc-reset")
    same = CommandLine(elem_id="dc-command", value=command(FIRST.recipe, min(FIRST.budget, max_budget()), FIRST.seed))
    return box, fields, reset, same


def wire(first: list[Component], fields: list[Component], preset: gr.Radio, reset: gr.Button, same: CommandLine) -> None:
    """`first` are recipe, seconds and seed; `preset` shows which of the usual budgets the seconds are, as it does now."""
    chosen, *_ = first
    table = json.dumps({name: values(config) for name, config in RECIPES.items()})
    fill = f"(recipe) => ({table})[recipe] ?? {json.dumps(values(FIRST))}"
    # Only a visitor's choice: a link may name a recipe and what differs from it.
    chosen.input(None, chosen, fields, js=fill, api_visibility="private")  # pyright: ignore[reportAttributeAccessIssue]
    opening = [FIRST.recipe, min(FIRST.budget, max_budget()), FIRST.seed, *values(FIRST), preset.value]
    reset.click(None, None, [*first, *fields, preset], js=f"() => {json.dumps(opening)}", api_visibility="private")
    every: Any = [*first, *fields]
    gr.on(
        [field.change for field in every], command, every, same,
        trigger_mode="always_last", queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
