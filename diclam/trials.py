"""What a search found: the table of its trials, the best settings, and which settings mattered."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from diclam.errors import ConfigError
from diclam.files import replacing
from diclam.provenance import hardware, versions
from diclam.recipe import BY_LENGTH, TrainConfig, usual
from diclam.search_space import Space, changed

TABLE, BEST, FINAL, SUMMARY, PICTURE = "trials.csv", "best.json", "final.json", "study.json", "importance.png"
# With fewer complete trials, which settings matter is a guess.
TRIALS_FOR_IMPORTANCE = 8
AS_IT_IS = "as it is"
"""Marks the trial of the settings without any change."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched, from where, and for how long."""

    settings: TrainConfig
    """Of every trial, but for what the space changes."""
    space: Space
    trials: int
    """How many the study has in the end, those of earlier and of other workers included."""
    seed: int = 0
    """Of the settings that are drawn; 0 or more."""

    def __post_init__(self) -> None:
        if not self.settings.holdout:
            raise ConfigError("A search judges by held-out pictures; holdout must be above 0.")
        if self.trials < 1 or self.seed < 0:
            raise ConfigError(f"A search needs 1 trial or more and a seed of 0 or more; got {self.trials} and {self.seed}.")


def table(study: optuna.Study) -> pd.DataFrame:
    """A row for each trial, in the order they began: its state ('complete', 'pruned', 'failed', 'running'), accuracy on all
    held-out pictures (None unless complete), the accuracy at which it was pruned (on the few pictures of one validation),
    its settings, and what its training used: epochs, seconds, why it ended."""
    columns = ["trial", "state", "accuracy", "pruned_at", *study.user_attrs["plan"]["search"], "epochs", "seconds", "ended"]
    rows = []
    for trial in study.get_trials(deepcopy=False):
        value = "accuracy" if trial.state is TrialState.COMPLETE else "pruned_at"
        rows.append(
            {"trial": trial.number, "state": state_of(trial), value: trial.value, **trial.params, **trial.user_attrs}
        )
    return pd.DataFrame(rows, columns=columns)


def state_of(trial: FrozenTrial) -> str:
    return "failed" if trial.state is TrialState.FAIL else trial.state.name.lower()


def as_it_is(study: optuna.Study) -> FrozenTrial | None:
    """The trial of the settings without any change, if there is one."""
    trials = study.get_trials(deepcopy=False)
    return next((t for t in trials if t.user_attrs.get(AS_IT_IS) and t.state is not TrialState.FAIL), None)


def final_settings(config: TrainConfig) -> TrainConfig:
    """The same, to train on every training picture, for as long as recipes do unless told otherwise. Where the recipe takes
    smaller steps of Muon in a run of that length, so does this, by as much; what else it chooses by the length is as for
    that run, unless it was tried."""
    final = replace(config, holdout=0, epochs=None, budget=TrainConfig().budget)
    before, after = usual(config), usual(final)
    rate = round(config.muon_learning_rate * after.muon_learning_rate / before.muon_learning_rate, 6)
    usual_then = {name: getattr(after, name) for name in BY_LENGTH if getattr(config, name) == getattr(before, name)}
    return replace(final, muon_learning_rate=rate, **usual_then)


def final_command(folder: Path) -> str:
    """What a person types to train the best settings on all training pictures."""
    return f"python -m diclam train --settings {shlex.quote(str(folder / FINAL))} --budget {TrainConfig().budget:g}"


def importances(study: optuna.Study) -> dict[str, float]:
    """Share of each setting, the largest first, in what sets the best quarter of the complete trials apart (PED-ANOVA,
    Watanabe et al. 2023); empty with too few of them to tell."""
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < TRIALS_FOR_IMPORTANCE:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=0.25))


def save_table(study: optuna.Study, folder: Path) -> None:
    _write(folder / TABLE, table(study).to_csv(index=False))


def save(study: optuna.Study, search: Search, folder: Path) -> None:
    """Writes the table; and, once a trial is complete, the best settings, the same for all training pictures, a summary and,
    with enough trials, the picture of what mattered."""
    save_table(study, folder)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        return
    best, own, shares = study.best_trial, as_it_is(study), importances(study)
    config = changed(search.settings, best.params)
    _write(folder / BEST, _json(config.to_dict()))
    _write(folder / FINAL, _json(final_settings(config).to_dict()))
    summary = {
        "study": study.study_name,
        **study.user_attrs["plan"],
        "sampler_seed": search.seed,
        "trials": Counter(table(study)["state"]),
        "best": {"trial": best.number, "accuracy": best.value, **best.params},
        "as_it_is": own.value if own is not None and own.state is TrialState.COMPLETE else None,
        "importance": {name: round(share, 4) for name, share in shares.items()},
        "versions": versions() | {"optuna": optuna.__version__},
        "hardware": hardware(),
    }
    _write(folder / SUMMARY, _json(summary))
    if shares:
        from diclam import figures  # It is slow to import, and every other trial does without.

        with replacing(folder / PICTURE) as path:
            path.write_bytes(figures.png(figures.importance(shares, len(complete))))


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
