"""What is set in the form becomes the settings of the run, and the command beside it makes the same."""

from __future__ import annotations

import shlex
from typing import Any

import gradio as gr
import pytest

from demo import more_settings
from demo.run_settings import FIRST, settings
from diclam import __main__ as cli
from diclam import flags
from diclam.command import train_command
from diclam.errors import ConfigError
from diclam.recipe import RECIPES, TrainConfig


def typed(**changes: Any) -> tuple[Any, ...]:
    return tuple((more_settings.changes(tuple(more_settings.values(FIRST))) | changes).values())


def parsed(command: str) -> TrainConfig:
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "diclam", "train"]
    return flags.settings(cli._parser().parse_args(words[3:]))


@pytest.mark.parametrize("seconds", [60, 600])
@pytest.mark.parametrize("recipe", RECIPES)
def test_untouched_fields_are_the_recipe(recipe: str, seconds: int) -> None:
    fields = more_settings.changes(tuple(more_settings.values(RECIPES[recipe])))
    config = settings(recipe, seconds, 0, 600, **fields)
    assert config == settings(recipe, seconds, 0, 600)
    assert train_command(config) == f"python -m diclam train --recipe {recipe} --budget {seconds}"
    assert parsed(train_command(config)) == config


def test_a_step_size_that_is_typed_is_in_the_command() -> None:
    shown = more_settings.command("fast", 600, 0, *typed(muon_learning_rate=0.085))
    assert shown.command.endswith("--budget 600 --muon-learning-rate 0.085")
    assert parsed(shown.command).muon_learning_rate == 0.085


def test_the_command_makes_the_same_settings() -> None:
    more = typed(batch_size=64, learning_rate=1e-5, flip="none", cutout=8, train_share=0.25, blocks="full", attention=False)
    config = settings("fast", 61.5, 7, 600, **more_settings.changes(more))
    assert (config.batch_size, config.model.attention, config.model.blocks) == (64, False, "full")
    shown = more_settings.command("fast", 61.5, 7, *more)
    assert parsed(shown.command) == config
    assert "--no-attention" in shown.command


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", None), ("batch_size", "${alert(1)}"), ("learning_rate", -1), ("flip", "up"), ("attention", "no"),
     ("blocks", ["light"]), ("train_share", 2), ("validate_epochs", float("nan"))],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_the_words_of_the_core(name: str, value: object) -> None:
    more = typed(**{name: value})
    with pytest.raises(ConfigError, match=name) as refusal:
        settings("fast", 60, 0, 600, **more_settings.changes(more))
    shown = more_settings.command("fast", 60, 0, *more)
    assert (shown.problem, shown.command) == (str(refusal.value), "")


def test_the_count_is_that_of_the_network() -> None:
    for changes, count in (({}, "1,837,452"), ({"blocks": "full"}, "3,845,966"), ({"experts": False}, "1,704,586")):
        assert more_settings.command("fast", 60, 0, *typed(**changes)).about == f"{count} parameters"


def test_every_field_has_the_help_of_the_core() -> None:
    with gr.Blocks():
        _, fields, _, _ = more_settings.build()
    assert [field.label for field in fields] == list(more_settings.LABELS.values())
    assert all(len(str(getattr(field, "info", ""))) > 10 for field in fields)
