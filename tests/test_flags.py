"""Each setting has a flag, a flag changes its setting alone, and a run that goes on has no use for any."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, replace

import pytest

from diclam import flags
from diclam.errors import ConfigError
from diclam.model import ModelConfig
from diclam.recipe import TrainConfig, config, with_model

PARSER = flags.parser(defaultdict(lambda: print))


def test_every_setting_has_its_flag_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        PARSER.parse_args(["train", "--help"])
    text = capsys.readouterr().out
    for cls in (TrainConfig, ModelConfig):
        for field in fields(cls):
            assert field.name == "model" or "--" + field.name.replace("_", "-") in text


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_flag_changes_its_setting_alone(command: str) -> None:
    def settings(*words: str) -> TrainConfig:
        return flags.settings(PARSER.parse_args([command, *words]))

    assert settings() == config("report")
    assert settings("--recipe", "fast", "--no-whiten") == replace(config("fast"), whiten=False)
    assert settings("--seed", "0", "--heads", "4") == with_model(replace(config("report"), seed=0), heads=4)


def test_a_run_that_goes_on_keeps_its_settings() -> None:
    flags.refuse_settings(PARSER.parse_args(["train", "--resume", "mine"]))
    with pytest.raises(ConfigError, match="leave out --heads, --seed"):
        flags.refuse_settings(PARSER.parse_args(["train", "--resume", "mine", "--seed", "0", "--heads", "2"]))
