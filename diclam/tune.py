"""A search for better settings: trials of a recipe with changed settings, judged on held-out pictures alone.

A trial trains as `train` does, on the part of the training pictures that is not held out, and then answers every picture
that is; the share it gets right is what the search wants more of. Optuna decides what is tried next (TPE, Bergstra et al.
2011, from what the trials before gave) and ends trials that have fallen behind half of the others. The first trial is the
recipe as it is, trained to its end in any case, so that the table says what the search was worth. The test pictures are
not touched.

The study lives in a database, so it goes on where it was cut off, and several workers share it by naming the same one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, OptunaError, TrialPruned
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from diclam import trials
from diclam.data import Cifar10, hold_out
from diclam.errors import ConfigError
from diclam.events import Event, Finished, Step, TrialEnded, TrialStarted, Validated
from diclam.recorder import first_model
from diclam.search_space import changed, own_values, suggest, text_of
from diclam.train import Training, never
from diclam.trials import Search
from diclam.validation import HeldOut

# The trainer looks at held-out pictures at each fifth of a run. There trials are compared, but not after the first fifth,
# when a high learning rate still looks worse than it is.
FIFTHS = 5
FIRST_COMPARED = 2
# A worker that was not heard of for twice as long is dead, and its trial has failed.
SECONDS_BETWEEN_HEARTBEATS = 60
# Several workers wait for each other on one SQLite file.
SQLITE_PATIENCE = 60.0


class _StopAskedError(Exception):
    """The search was asked to stop in the middle of a trial."""


def open_study(search: Search, *, name: str, storage: str, prune: bool = True) -> optuna.Study:
    """The study of this name in a database (any SQLAlchemy URL), made if it is not there. Raises ConfigError when the
    database cannot be used, or when the study there is about other settings or another space."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = MedianPruner(n_warmup_steps=FIRST_COMPARED) if prune else NopPruner()
    try:
        study = optuna.create_study(
            study_name=name, storage=_database(storage), direction="maximize", pruner=pruner, load_if_exists=True
        )
    except (SQLAlchemyError, OptunaError, ImportError) as error:
        raise ConfigError(f"Cannot keep a study in {_shown(storage)} ({str(error).splitlines()[0]}).") from error
    plan = search.settings.to_dict() | {"search": {setting: text_of(values) for setting, values in search.space.items()}}
    if search.settings.epochs is not None:
        del plan["budget"]  # It only guards then.
    # A study that was begun before there was a setting says nothing of it.
    held = study.user_attrs.get("plan", plan)
    if names := sorted(key for key in held if plan.get(key) != held[key]):
        raise ConfigError(
            f"The study {name!r} has another {', '.join(names)}. Give the flags it was begun with, or another --name."
        )
    study.set_user_attr("plan", plan)  # With what it did not know: the next worker's has to be the same.
    return study


def _database(storage: str) -> RDBStorage:
    def opened() -> RDBStorage:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            patience = {"connect_args": {"timeout": SQLITE_PATIENCE}} if storage.startswith("sqlite") else None
            return RDBStorage(storage, engine_kwargs=patience, heartbeat_interval=SECONDS_BETWEEN_HEARTBEATS)

    try:
        return opened()
    except DBAPIError:  # Two workers that start at once both make the tables; the second finds them now.
        time.sleep(1.0)
        return opened()


def _shown(storage: str) -> str:
    """The URL without its password."""
    try:
        return make_url(storage).render_as_string()
    except ArgumentError:
        return "--storage; expected an SQLAlchemy URL such as sqlite:////tmp/study.db"


def tune(
    study: optuna.Study,
    data: Cifar10,
    search: Search,
    folder: Path,
    *,
    watch: Callable[[Event], None] = lambda event: None,
    stop: Callable[[], bool] = never,
) -> None:
    """Carries out trials until the study has as many as the search wants, and writes its results into the folder, the table
    after each trial. Workers that take the last one at the same moment carry out one more.

    `watch` hears of each trial and of the training within it. `stop` is asked before each step; the trial in progress has
    then failed, and does not count. A trial that diverges is pruned. Raises ConfigError when a trial cannot be trained, or
    when the time limit ends one before its epochs.
    """

    def ended(study: optuna.Study, trial: FrozenTrial) -> None:
        trials.save_table(study, folder)
        accuracy = trial.value if trial.state is TrialState.COMPLETE else None
        best = accuracy is not None and study.best_trial.number == trial.number
        watch(TrialEnded(trial.number, trials.state_of(trial), accuracy, search.settings.holdout, best))

    with FileLock(folder / ".queue.lock"):  # Or two that start at once here both find that nobody has.
        _queue_the_recipe(study, search)
    worker = _Worker(data, search, watch, stop)
    try:
        while not stop() and _taken(study) < search.trials:
            try:
                study.optimize(worker.trial, n_trials=1, catch=(_StopAskedError,), callbacks=[ended])
            except ValueError:
                # SQLite cannot lock a row: two workers that start at once may both get the trial that was queued first.
                # Whoever ends it second finds it told.
                if not worker.told_by_another(study):
                    raise
    finally:
        trials.save(study, search, folder)


def _taken(study: optuna.Study) -> int:
    """Trials that came to an end, or are going on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)))


def _queue_the_recipe(study: optuna.Study, search: Search) -> None:
    """The settings as they are come first, if the space has them and no trial was, or is, that."""
    values = own_values(search.settings, search.space)
    if values is not None and trials.as_it_is(study) is None:
        study.enqueue_trial(values, user_attrs={trials.AS_IT_IS: True})


class _Worker:
    """Carries out one trial after another."""

    def __init__(self, data: Cifar10, search: Search, watch: Callable[[Event], None], stop: Callable[[], bool]) -> None:
        self.data, self.search, self.watch, self.stop = data, search, watch, stop
        kept = hold_out(data.train_labels, search.settings.holdout)[1]
        self.images, self.labels = data.train_images[kept], data.train_labels[kept]
        self.number = -1
        """Of the trial in progress."""

    def told_by_another(self, study: optuna.Study) -> bool:
        """Whether the trial that was in progress here was ended from elsewhere; one that failed here has failed there."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        return any(trial.number == self.number for trial in ended)

    def trial(self, trial: optuna.Trial) -> float:
        """-> the share of all held-out pictures that is answered right, fraction of 1."""
        self.number = trial.number
        # Draws that follow from the trial's number: neither a study that goes on nor another worker repeats them.
        seed = np.random.SeedSequence([self.search.seed, trial.number]).generate_state(1)[0]
        trial.study.sampler = TPESampler(seed=int(seed))
        values = suggest(trial, self.search.space)
        self.watch(TrialStarted(trial.number, _taken(trial.study), self.search.trials, values))
        config = changed(self.search.settings, values)
        training = Training(first_model(config), self.data, config, stop=self.stop)
        finished = self._train(trial, training)
        trial.set_user_attr("ended", finished.reason)
        if finished.reason == "stopped":
            raise _StopAskedError
        if finished.reason == "diverged":
            raise TrialPruned
        if finished.reason == "time" and config.epochs is not None:
            raise ConfigError(
                f"Trial {trial.number} came to its time limit of {config.budget:g} s after {finished.epoch:.2f} of "
                f"{config.epochs:g} epochs, so it does not compare with the others; give a larger --budget."
            )
        held_out = HeldOut(self.images.to(training.device), self.labels.to(training.device), training.dtype)
        return held_out.look(training.model).accuracy

    def _train(self, trial: optuna.Trial, training: Training) -> Finished:
        """Raises TrialPruned when the others were better by then."""
        fifth = compared = 0
        with closing(training.run()) as events:  # pyright: ignore[reportArgumentType]
            for event in events:
                self.watch(event)
                if isinstance(event, Finished):
                    _note(trial, event)
                    return event
                if isinstance(event, Step):
                    fifth = int(FIFTHS * event.fraction)
                elif isinstance(event, Validated) and compared < fifth < FIFTHS:
                    compared = fifth
                    trial.report(event.accuracy, fifth)
                    if trial.should_prune() and trials.AS_IT_IS not in trial.user_attrs:
                        _note(trial, event)
                        raise TrialPruned
        raise AssertionError("a run ends with Finished")


def _note(trial: optuna.Trial, event: Validated | Finished) -> None:
    trial.set_user_attr("epochs", round(event.epoch, 4))
    trial.set_user_attr("seconds", round(event.seconds, 1))
