"""What a search found is told as it was: table, best settings, what mattered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState, create_trial
from PIL import Image

from diclam import trials
from diclam.errors import ConfigError
from diclam.recipe import BY_LENGTH, TrainConfig, config
from diclam.search_space import parse, text_of
from diclam.trials import Search

SETTINGS = config("fast", epochs=0.35)
SPACE = parse(["learning_rate=0.001:0.02:log", "muon_momentum=0.4:0.9", "heads=1,2,4"], SETTINGS)
SEARCH = Search(settings=SETTINGS, space=SPACE, trials=20)


def study_of(complete: int, *, pruned: int = 0, failed: int = 0) -> optuna.Study:
    """Accuracy grows with the learning rate alone."""
    study = optuna.create_study(direction="maximize", study_name="fast")
    plan = SETTINGS.to_dict() | {"search": {name: text_of(values) for name, values in SPACE.items()}}
    study.set_user_attr("plan", plan)
    states = [TrialState.COMPLETE] * complete + [TrialState.PRUNED] * pruned + [TrialState.FAIL] * failed
    for k, state in enumerate(states):
        params = {"learning_rate": 0.001 + 0.019 * k / len(states), "muon_momentum": 0.4 + 0.5 * (k * 7 % 10) / 10}
        study.add_trial(
            create_trial(
                state=state,
                value=None if state is TrialState.FAIL else 0.5 + k / 100,
                params={**params, "heads": (1, 2, 4)[k % 3]},
                distributions=SPACE,
                user_attrs={"epochs": 0.35, "seconds": 50.0, "ended": "epochs", trials.AS_IT_IS: k == 0},
            )
        )
    return study


def test_the_table_has_a_row_for_each_trial() -> None:
    table = trials.table(study_of(3, pruned=1, failed=1))
    assert list(table.columns) == [
        "trial", "state", "accuracy", "pruned_at", "learning_rate", "muon_momentum", "heads", "epochs", "seconds", "ended",
    ]  # fmt: skip
    assert list(table["state"]) == ["complete"] * 3 + ["pruned", "failed"]
    assert list(table["accuracy"].dropna()) == [0.5, 0.51, 0.52]
    assert list(table["pruned_at"].dropna()) == [0.53]


def test_the_best_settings_are_ones_that_train_accepts(tmp_path: Path) -> None:
    study = study_of(4, pruned=1)
    trials.save(study, SEARCH, tmp_path)
    best, final = (TrainConfig.from_dict(json.loads((tmp_path / name).read_text())) for name in (trials.BEST, trials.FINAL))
    assert best.learning_rate == study.trials[3].params["learning_rate"], "a pruned trial is never the best"
    assert best.model.heads == study.trials[3].params["heads"]
    assert (best.holdout, best.epochs) == (10_000, 0.35)
    assert (final.holdout, final.epochs, final.learning_rate) == (0, None, best.learning_rate)


def test_without_a_complete_trial_only_the_table_is_written(tmp_path: Path) -> None:
    trials.save(study_of(0, failed=2), SEARCH, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [trials.TABLE]
    trials.save(study_of(0), SEARCH, tmp_path)
    assert pd.read_csv(tmp_path / trials.TABLE).empty


def test_what_decides_the_accuracy_is_the_most_important(tmp_path: Path) -> None:
    study = study_of(20, failed=1)
    shares = trials.importances(study)
    assert next(iter(shares)) == "learning_rate"
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1)
    trials.save(study, SEARCH, tmp_path)
    with Image.open(tmp_path / trials.PICTURE) as picture:
        assert picture.width > picture.height > 100
    summary = json.loads((tmp_path / trials.SUMMARY).read_text())
    assert summary["trials"] == {"complete": 20, "failed": 1}
    assert summary["best"]["accuracy"] == pytest.approx(0.69)
    assert summary["as_it_is"] == 0.5
    assert summary["search"]["muon_momentum"] == "0.4:0.9"
    assert {"python", "torch", "optuna"} <= summary["versions"].keys()


def test_too_few_trials_have_no_importance(tmp_path: Path) -> None:
    trials.save(study_of(trials.TRIALS_FOR_IMPORTANCE - 1), SEARCH, tmp_path)
    assert not (tmp_path / trials.PICTURE).exists()
    assert json.loads((tmp_path / trials.SUMMARY).read_text())["importance"] == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trials": 0}, "1 trial or more"),
        ({"seed": -1}, "seed of 0 or more"),
        ({"settings": config("fast", holdout=0)}, "holdout must be above 0"),
    ],
)
def test_a_search_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(SEARCH, **changes)


def test_the_final_run_takes_as_much_smaller_steps_of_muon_as_the_recipe_does_in_its_time() -> None:
    short = config("fast", budget=60.0)
    assert trials.final_settings(short).muon_learning_rate == pytest.approx(config("fast", budget=600.0).muon_learning_rate)
    for name in BY_LENGTH:
        assert getattr(trials.final_settings(short), name) == getattr(config("fast", budget=600.0), name)
        assert getattr(trials.final_settings(replace(short, **{name: 0.3})), name) == 0.3
    tuned = replace(short, muon_learning_rate=2 * short.muon_learning_rate)
    assert trials.final_settings(tuned).muon_learning_rate == pytest.approx(2 * 0.0848)
    for same in (config("report", budget=60.0), config("fast", epochs=0.5)):
        assert trials.final_settings(same).muon_learning_rate == same.muon_learning_rate
