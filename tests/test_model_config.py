"""Which settings a network can have."""

from __future__ import annotations

import pytest

from diclam.errors import ConfigError
from diclam.model_config import ModelConfig


@pytest.mark.parametrize(
    "wrong",
    [{"heads": 3}, {"heads": 0}, {"heads": True}, {"activation": "tanh"}, {"dropout_input": 1.0}, {"experts": 3}],
)
def test_refuses_impossible_settings(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ModelConfig.from_dict(wrong)


def test_a_config_survives_its_dict() -> None:
    config = ModelConfig(heads=4, activation="relu", dropout_hidden=0.25)
    assert ModelConfig.from_dict(config.to_dict()) == config
