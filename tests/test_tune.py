"""What a search promises: it goes on, it is shared, it ends what falls behind, and it never looks at the test pictures."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import optuna
import pandas as pd
import pytest
import sqlalchemy.event
import torch

from diclam import trials, tune
from diclam.augment import normalize
from diclam.data import Cifar10, split
from diclam.errors import ConfigError
from diclam.events import Event, Finished, Step, TrialEnded, TrialStarted, Validated
from diclam.recipe import TrainConfig, build_model
from diclam.search_space import parse
from diclam.train import SPLIT_SEED, Training
from diclam.trials import Search
from diclam.validation import Look
from tests.conftest import random_cifar10, small_config

SEARCH = ["learning_rate=1e-4:1e-2:log", "label_smoothing=0:0.3"]


class Untested(Cifar10):
    """Training pictures only: looking at a test picture is an error."""

    def __init__(self, count: int) -> None:
        data = random_cifar10(count, side=8)
        for name in ("train_images", "train_labels"):
            object.__setattr__(self, name, getattr(data, name))

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"a search looked at {name}")


def make_search(wanted: int = 2, texts: list[str] = SEARCH, **changes: Any) -> Search:
    settings = small_config(**({"holdout": 20, "epochs": 1.0} | changes))
    return Search(settings=settings, space=parse(texts, settings), trials=wanted)


def open_in(folder: Path, search: Search, name: str = "mine", prune: bool = True) -> optuna.Study:
    return tune.open_study(search, name=name, storage=f"sqlite:///{folder / 'study.db'}", prune=prune)


class Pretended:
    """A run without any training: its accuracy grows by fifths up to its label smoothing; a learning rate of 1 diverges."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, model: TrainConfig, data: Cifar10, config: TrainConfig, *, stop: Callable[[], bool]) -> None:
        self.model, self.config, self.stop = model, config, stop

    def run(self) -> Iterator[Event]:
        for k in range(1, 6):
            if self.stop():
                yield Finished("stopped", k, k / 5, float(k), k, None)
                return
            yield Step(k, k / 5, 1.0, 0.1, 1.0, 100.0, float(k), k / 5)
            if self.config.learning_rate >= 1:
                yield Finished("diverged", k, k / 5, float(k), k, None)
                return
            yield Validated(k, k / 5, 1.0, self.config.label_smoothing * k / 5, 20, float(k), True)
        yield Finished("epochs" if self.config.epochs else "time", 5, 1.0, 5.0, 5, 0.5)


class Looked:
    """Whatever the held-out pictures are, the accuracy is the label smoothing of the settings that stand for the model."""

    def __init__(self, *_: object) -> None:
        pass

    def look(self, config: TrainConfig) -> Look:
        return Look(1.0, config.label_smoothing, [], torch.tensor([]))


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def _no_wait_for_the_disk(connection: Any, _: object) -> None:
    """No test here pulls the plug."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials take no time."""
    monkeypatch.setattr(tune, "Training", Pretended)

    monkeypatch.setattr(tune, "first_model", lambda config: config)
    monkeypatch.setattr(tune, "HeldOut", Looked)


def test_a_trial_that_another_worker_ended_first_is_no_failure(
    tmp_path: Path, pretended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = make_search(3)
    study = open_in(tmp_path, search)
    carried_out = tune._Worker.trial

    def ended_elsewhere(worker: Any, trial: optuna.Trial) -> float:
        accuracy = carried_out(worker, trial)
        if trial.number == 0:
            study.tell(0, 0.25)
        return accuracy

    monkeypatch.setattr(tune._Worker, "trial", ended_elsewhere)
    tune.tune(study, random_cifar10(64, side=8), search, tmp_path)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert study.trials[0].value == 0.25

    def fails(worker: Any, trial: optuna.Trial) -> float:
        carried_out(worker, trial)
        raise ValueError("of its own")

    monkeypatch.setattr(tune._Worker, "trial", fails)
    with pytest.raises(ValueError, match="of its own"):
        tune.tune(study, random_cifar10(64, side=8), replace(search, trials=4), tmp_path)


def test_a_real_study_learns_from_training_pictures_alone(tmp_path: Path) -> None:
    data, search = Untested(64), make_search(2)
    study = open_in(tmp_path, search)
    events: list[Event] = []
    tune.tune(study, data, search, tmp_path, watch=events.append)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]

    assert sum(isinstance(event, TrialStarted) for event in events) == 2
    ended = [event for event in events if isinstance(event, TrialEnded)]
    assert [event.accuracy for event in ended] == [trial.value for trial in study.trials]
    assert ended[0].best

    # The best settings give that accuracy again: of the kept weights, on every held-out picture.
    best = TrainConfig.from_dict(json.loads((tmp_path / trials.BEST).read_text()))
    training = Training(build_model(best), data, best)
    list(training.run())
    kept = split(data.train_labels, 44, 20, SPLIT_SEED)[1]
    with torch.inference_mode():
        said = training.model(normalize(data.train_images[kept])).argmax(1)
    assert (said == data.train_labels[kept]).double().mean().item() == study.best_value


def test_the_first_trial_is_the_settings_as_they_are(tmp_path: Path, pretended: None) -> None:
    search = make_search(3)
    study = open_in(tmp_path, search)
    tune.tune(study, Untested(64), search, tmp_path)
    own = search.settings.learning_rate, search.settings.label_smoothing
    assert tuple(study.trials[0].params.values()) == own
    assert all(tuple(trial.params.values()) != own for trial in study.trials[1:])
    assert json.loads((tmp_path / trials.SUMMARY).read_text())["as_it_is"] == search.settings.label_smoothing


def test_the_same_seed_tries_the_same_and_another_does_not(tmp_path: Path, pretended: None) -> None:
    tables = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        search = replace(make_search(12), seed=seed)
        study = open_in(tmp_path, search, name=name)
        tune.tune(study, Untested(64), search, tmp_path)
        tables.append(trials.table(study))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0].equals(tables[2])


def test_a_study_that_goes_on_is_the_study_that_was_not_cut(tmp_path: Path, pretended: None) -> None:
    whole, search = open_in(tmp_path, make_search(12), name="whole"), make_search(12)
    tune.tune(whole, Untested(64), search, tmp_path)
    for wanted in (1, 5, 12, 12):
        search = make_search(wanted)
        cut = open_in(tmp_path, search, name="cut")
        tune.tune(cut, Untested(64), search, tmp_path)
        assert len(cut.trials) == wanted
    pd.testing.assert_frame_equal(trials.table(whole), trials.table(cut))


def test_a_study_goes_on_only_with_what_it_was_begun_with(tmp_path: Path, pretended: None) -> None:
    open_in(tmp_path, make_search())
    with pytest.raises(ConfigError, match="has another batch_size, search"):
        open_in(tmp_path, make_search(texts=["warmup=0.1:0.3"], batch_size=8))
    open_in(tmp_path, make_search(texts=["warmup=0.1:0.3"], batch_size=8), name="other")
    open_in(tmp_path, make_search(budget=900.0))  # Only a guard, when epochs are given.


def test_a_study_of_an_older_version_goes_on_that_knew_fewer_settings(tmp_path: Path, pretended: None) -> None:
    study = open_in(tmp_path, make_search())
    plan = study.user_attrs["plan"]
    study.set_user_attr("plan", {name: value for name, value in plan.items() if name != "compile"})
    assert open_in(tmp_path, make_search()).user_attrs["plan"] == plan


def test_two_workers_share_the_trials(tmp_path: Path, pretended: None) -> None:
    """All that one worker does happens within the other's first trial."""
    search = make_search(6)
    studies = [open_in(tmp_path, search) for _ in range(2)]
    other = iter([lambda: tune.tune(studies[1], Untested(64), search, tmp_path)])

    def watch(event: Event) -> None:
        if isinstance(event, TrialStarted):
            for work in other:
                work()

    tune.tune(studies[0], Untested(64), search, tmp_path, watch=watch)
    table = trials.table(studies[0])
    assert list(table["state"]) == ["complete"] * 6
    assert not table.duplicated(["learning_rate", "label_smoothing"]).any()


def test_a_trial_that_falls_behind_is_pruned(tmp_path: Path, pretended: None) -> None:
    search = make_search(6)
    study = open_in(tmp_path, search)
    for value in (0.1, 0.2, 0.25, 0.28, 0.29, 0.01):
        study.enqueue_trial({"learning_rate": 1e-3, "label_smoothing": value})
    events: list[Event] = []
    # The settings as they are would come after those above.
    tune.tune(study, Untested(64), search, tmp_path, watch=events.append)
    table = trials.table(study)
    assert list(table["state"]) == ["complete"] * 5 + ["pruned", "waiting"]
    pruned = table.iloc[5]
    assert pd.isna(pruned["accuracy"])
    assert pruned["pruned_at"] == pytest.approx(0.01 * 2 / 5)
    assert pruned["epochs"] == 2 / 5, "it was ended at the second fifth"
    assert [e.state for e in events if isinstance(e, TrialEnded)][-1] == "pruned"

    unpruned = open_in(tmp_path, search, name="unpruned", prune=False)
    for value in (0.1, 0.2, 0.25, 0.28, 0.29, 0.01):
        unpruned.enqueue_trial({"learning_rate": 1e-3, "label_smoothing": value})
    tune.tune(unpruned, Untested(64), search, tmp_path)
    assert list(trials.table(unpruned)["state"]) == ["complete"] * 6 + ["waiting"]


def test_a_trial_that_diverges_is_pruned_and_the_search_goes_on(tmp_path: Path, pretended: None) -> None:
    search = make_search(3, texts=["learning_rate=1e-3:10:log"])
    study = open_in(tmp_path, search)
    study.enqueue_trial({"learning_rate": 2.0})
    study.enqueue_trial({"learning_rate": 0.01})
    tune.tune(study, Untested(64), search, tmp_path)
    table = trials.table(study)
    assert list(table["state"]) == ["pruned", "complete", "complete"]
    assert list(table["ended"]) == ["diverged", "epochs", "epochs"]


def test_stopping_fails_the_trial_in_progress_and_writes_the_table(tmp_path: Path, pretended: None) -> None:
    search = make_search(4)
    study = open_in(tmp_path, search)
    asked = iter([False] * 8 + [True] * 10)
    tune.tune(study, Untested(64), search, tmp_path, stop=lambda: next(asked))
    written = pd.read_csv(tmp_path / trials.TABLE)
    assert list(written["state"]) == ["complete", "failed"]
    tune.tune(study, Untested(64), search, tmp_path)
    assert list(trials.table(study)["state"]) == ["complete", "failed", "complete", "complete", "complete"]


@pytest.fixture
def at_a_terminal() -> Iterator[None]:
    """Ctrl-C interrupts, also where a shell made these tests a background job, which is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_fails_the_trial_and_keeps_the_results(tmp_path: Path, pretended: None, at_a_terminal: None) -> None:
    search = make_search(4)
    study = open_in(tmp_path, search)

    def interrupt(event: Event) -> None:
        if isinstance(event, TrialStarted) and event.number == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        tune.tune(study, Untested(64), search, tmp_path, watch=interrupt)
    assert list(pd.read_csv(tmp_path / trials.TABLE)["state"]) == ["complete", "failed"]
    assert (tmp_path / trials.BEST).exists()


def test_settings_as_they_are_that_were_cut_off_are_tried_again(tmp_path: Path, pretended: None) -> None:
    search = make_search(2)
    study = open_in(tmp_path, search)
    asked = iter([False, True, True])
    tune.tune(study, Untested(64), search, tmp_path, stop=lambda: next(asked))
    tune.tune(study, Untested(64), search, tmp_path)
    table = trials.table(study)
    assert list(table["state"]) == ["failed", "complete", "complete"]
    assert list(table["learning_rate"])[1] == search.settings.learning_rate


def test_a_worker_that_died_leaves_its_trial_to_others(tmp_path: Path, pretended: None) -> None:
    search = make_search(2)
    study = open_in(tmp_path, search)
    for _ in range(2):
        with pytest.warns(UserWarning, match="Heartbeat"):
            study.ask()
    storage: Any = study._storage._backend  # pyright: ignore[reportAttributeAccessIssue]
    with storage.engine.begin() as connection:
        # The worker of the first one was last heard of long ago; the second one has just begun.
        connection.exec_driver_sql("INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (1, '2020-01-01 00:00:00')")
    tune.tune(study, Untested(64), search, tmp_path)
    assert sorted(trials.table(study)["state"]) == ["complete", "failed", "running"]


def test_a_time_limit_that_ends_a_trial_before_its_epochs_is_a_mistake(tmp_path: Path) -> None:
    search = make_search(2, budget=1.0, epochs=1000.0)
    study = open_in(tmp_path, search)
    with pytest.raises(ConfigError, match=r"time limit of 1 s after .* of 1000 epochs.*larger --budget"):
        tune.tune(study, Untested(64), search, tmp_path)
    assert list(pd.read_csv(tmp_path / trials.TABLE)["state"]) == ["failed"]


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("nonsense", "expected an SQLAlchemy URL"),
        ("rocket://somewhere/study", "rocket"),
        ("sqlite:////no/such/folder/study.db", "unable to open"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(storage: str, words: str) -> None:
    with pytest.raises(ConfigError, match="Cannot keep a study in") as error:
        tune.open_study(make_search(), name="mine", storage=storage)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as error:
        tune.open_study(make_search(), name="mine", storage="rocket://me:secret@somewhere/study")
    assert "secret" not in str(error.value)
