"""What a search may change: what the texts accept, and what they become."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from diclam.errors import ConfigError
from diclam.recipe import RECIPES, TrainConfig, config
from diclam.search_space import DEFAULTS, changed, own_values, parse, suggest, text_of

TEXTS = [
    "learning_rate=0.0001:0.01:log",
    "warmup=0.1:0.4",
    "crop_padding=0:4",
    "batch_size=125,250,500",
    "flip=random,alternating",
    "whiten=true,false",
    "dropout_input=0.0,0.1",
]


def test_a_range_and_a_list_are_read_by_the_kind_of_the_setting() -> None:
    space = parse(TEXTS, config("report"))
    assert space["learning_rate"] == FloatDistribution(1e-4, 1e-2, log=True)
    assert space["warmup"] == FloatDistribution(0.1, 0.4)
    assert space["crop_padding"] == IntDistribution(0, 4)
    assert space["batch_size"] == CategoricalDistribution([125, 250, 500])
    assert space["flip"] == CategoricalDistribution(["random", "alternating"])
    assert space["whiten"] == CategoricalDistribution([True, False])


def test_a_space_is_its_text() -> None:
    space = parse(TEXTS, config("report"))
    assert [f"{name}={text_of(distribution)}" for name, distribution in space.items()] == TEXTS


def test_dashes_as_in_flags_are_read_too() -> None:
    assert parse(["learning-rate=1e-4:1e-2"], config("report")) == {"learning_rate": FloatDistribution(1e-4, 1e-2)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning_rate", "expected NAME=LOW:HIGH"),
        ("learning_rate=", "expected NAME=LOW:HIGH"),
        ("learning_rate=1e-3", "two values or more"),
        ("learning_rate=1e-3,1e-3", "each once"),
        ("learning_rate=a:b", "could not convert"),
        ("learning_rate=1e-2:1e-4", "from a lower to a higher"),
        ("learning_rate=nan:1", "from a lower to a higher"),
        ("learning_rate=1e-4:1e-2:lin", "with :log or nothing"),
        ("learning_rate=1:2:3:log", "with :log or nothing"),
        ("weight_decay=0:1:log", "log"),
        ("batch_size=100:1e3", "invalid literal"),
        ("batch_size=0,128", "batch_size must be a whole number from 1"),
        ("warmup=0.1:1.5", "warmup must be a number from 0.001 to 0.999; got 1.5"),
        ("whiten=true,maybe", "maybe"),
        ("flip=random:none", "two values or more"),
        ("flip=random,sideways", "flip must be"),
        ("heads=2,3", "heads must be a whole number that divides 64"),
        ("budget=60,120", "'budget' cannot be searched"),
        ("seed=0,1,2", "'seed' cannot be searched"),
        ("holdout=10,20", "'holdout' cannot be searched"),
        ("colour=red,blue", "These can: activation, attention, batch_size"),
        ("muon_momentum=0.5:0.9", "changes nothing while optimizer is 'adamw'"),
        ("early_side=16,24", "changes nothing while early_part is 0.0"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"must be|--search") as error:
        parse([text], config("report"))
    assert words in str(error.value)


def test_a_setting_is_searched_once() -> None:
    with pytest.raises(ConfigError, match="warmup is searched already"):
        parse(["warmup=0.1:0.2", "warmup=0.1:0.3"], config("report"))


def test_a_setting_that_needs_another_may_be_searched_with_it() -> None:
    assert len(parse(["early_side=16,24", "early_part=0:0.5"], config("report"))) == 2
    assert len(parse(["muon_momentum=0.5:0.9", "optimizer=adamw,muon"], config("report"))) == 2


@pytest.mark.parametrize("recipe", DEFAULTS)
def test_the_default_space_is_around_the_recipe(recipe: str) -> None:
    space = parse([], RECIPES[recipe])
    own = own_values(RECIPES[recipe], space)
    assert own is not None
    assert changed(RECIPES[recipe], own) == RECIPES[recipe]


def test_a_recipe_without_a_default_says_so() -> None:
    with pytest.raises(ConfigError, match="no default for the recipe 'mine'"):
        parse([], TrainConfig(recipe="mine"))


def test_settings_outside_the_space_are_not_in_it() -> None:
    assert own_values(config("report"), parse(["batch_size=64,256"], config("report"))) is None
    assert own_values(config("report"), parse(["learning_rate=1e-4:1e-3"], config("report"))) is None


def test_values_of_the_network_reach_the_network() -> None:
    settings = changed(config("report"), {"heads": 4, "warmup": 0.3})
    assert (settings.model.heads, settings.warmup) == (4, 0.3)


def test_every_suggested_setting_is_one_that_can_be() -> None:
    space = parse([*TEXTS, "heads=1,2,4", "cutout=1:16:log"], config("report"))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        values = suggest(study.ask(), space)
        assert values.keys() == space.keys()
        assert isinstance(values["cutout"], int)
        changed(config("report"), values)
