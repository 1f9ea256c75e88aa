"""Carries a training run out and writes its folder: fetch, train, keep the weights, test; and goes on with one that was
cut off.

A stop request in the folder comes from somebody who waits for the end: it leaves the test out, and `resume` makes up for it.
"""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import torch

from diclam import checkpoint, data, distill, snapshots
from diclam.device import pick_device
from diclam.distributed import LostError, Several, Team
from diclam.errors import ConfigError, DiclamError, RunError
from diclam.events import (
    Continued,
    Event,
    Failed,
    Fetching,
    Finished,
    Paused,
    Probing,
    Resumed,
    Step,
    Tested,
    Testing,
    Validated,
)
from diclam.files import replacing
from diclam.last_words import keep_room, last_words, make_room
from diclam.model import DiCLAM
from diclam.provenance import hardware, versions
from diclam.recipe import TrainConfig, build_model
from diclam.runs import EVENTS, INFO, STATE, Run, locate, make_root
from diclam.train import State, Training, never

Watch = Callable[[Event], None]
# What a run needs to go on is kept this often, and at validations, in case the machine stops; the first time soon. Without
# validations nothing says which weights are good, so then the newest ones are kept with it.
FIRST_SAVE, SECONDS_BETWEEN_SAVES = 2.0, 5.0
SAVING_SHARE = 0.01
"""Of the run's time that keeping it may take: less often where the disk is slow, or validations are many."""
SECONDS_BETWEEN_REPORTS = 0.3


def record(run: Run, config: TrainConfig, watch: Watch, stop: Callable[[], bool], team: Team | None = None) -> None:
    """Trains as `config` says within the run's folder and calls `watch` with each event after it is written.

    `stop` is asked before each step, beside the folder's own stop request. With a team, this is its first process. Raises
    RunError when the folder cannot be made, or holds a run already. Whatever else goes wrong is written as `Failed` and
    raised again.
    """
    make_root(run.path)
    if (run.path / EVENTS).exists() or (run.path / INFO).exists():
        raise RunError(f"{run.path} holds a run already; choose another folder.")
    run.claim(os.getpid())
    with replacing(run.path / INFO) as path:
        path.write_text(json.dumps(_info(config), indent=1) + "\n", encoding="utf-8")
    _carry_out(run, config, watch, lambda tell: _fetch_train_test(run, config, tell, stop, team or Team(), None))


def resume(run: Run, watch: Watch, stop: Callable[[], bool], team: Team | None = None) -> None:
    """Goes on with a run that was cut off in training, from its last kept state: the same settings, the time already used,
    and, with a number of epochs, the same final weights as if nothing had happened. What was written after that state is
    taken out of its events. A run whose training has ended, and whose test has not, is tested. Raises RunError when the
    folder holds no such run, or when its process is still there; ConfigError when its teacher is gone."""
    config = TrainConfig.from_dict(run.info()["config"])
    if run.alive() and not run.mine():
        raise RunError(f"The run {run.name} is still going on.")
    team = team or Team()
    events = run.events()
    if finished := next((event for event in events if isinstance(event, Finished)), None):
        if any(isinstance(event, Tested) for event in events):
            raise RunError(f"The run {run.name} has ended and was tested; `python -m diclam evaluate` tests it again.")
        if team.size > 1:
            raise RunError(f"The training of {run.name} has ended; one process alone tests it.")
        model = checkpoint.load(run.path, pick_device(config.device))
        _take_over(run, [event for event in events if not isinstance(event, Failed)])

        def work(tell: Watch) -> None:
            _test(run, config, model, data.load(progress=_thinned(tell)), tell, finished)

        _carry_out(run, config, watch, work)
        return
    distill.check(config)
    state = _load_state(run)
    _take_over(run, [event for event in events if not isinstance(event, Failed) and _before(event, state["step"])])
    _carry_out(run, config, watch, lambda tell: _fetch_train_test(run, config, tell, stop, team, state))


def _take_over(run: Run, events: list[Event]) -> None:
    """This process writes the folder from now on, which has told so much."""
    run.claim(os.getpid())
    run.withdraw_stop()
    run.withdraw_pause(until=(run.path / EVENTS).stat().st_mtime)
    with replacing(run.path / EVENTS) as path:
        path.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")


def assist(team: Several, stop: Callable[[], bool]) -> None:
    """What every process of a team but the first does while that one records or resumes a run. Raises DismissedError or
    LostError when the run comes to nothing."""
    config, state = team.orders()
    with team.unbroken():
        training = _training(config, state, team, stop, lambda _: None)
        training.follow(state)


def _carry_out(run: Run, config: TrainConfig, watch: Watch, work: Callable[[Watch], None]) -> None:
    """`work` is given what it tells its events to."""
    with (run.path / EVENTS).open("a", encoding="utf-8") as file:

        def tell(event: Event) -> None:
            file.write(event.to_json() + "\n")
            file.flush()
            watch(event)

        try:
            keep_room(run.path)
            work(tell)
        except DiclamError as error:
            tell(Failed(str(error)))
            raise
        except BaseException as error:
            make_room(run.path)
            with suppress(OSError):
                tell(Failed(last_words(error, config, run.path)))
            raise
        finally:
            make_room(run.path)


def _fetch_train_test(
    run: Run, config: TrainConfig, tell: Watch, stop: Callable[[], bool], team: Team, state: State | None
) -> None:
    def asked() -> bool:
        return stop() or run.stop_requested()

    with team.unbroken():
        team.lead((config, state))
        training = _training(config, state, team, asked, _thinned(tell), run.pause_requested)
    try:
        with team.unbroken():
            finished = _train(run, training, tell, state)
    except LostError as error:
        if not training.step:
            raise
        checkpoint.save(run.path, training.model)
        kept = "of the best validation" if training.validations.best.weights else "of the last step"
        hint = f" `--resume {run.name}` goes on from where it was last kept." if (run.path / STATE).exists() else ""
        raise LostError(f"{error} Training got to step {training.step:,}; the weights {kept} are kept.{hint}") from error
    if not (finished.reason == "stopped" and run.stop_requested()):
        _test(run, config, training.model, training.data, tell, finished)


def _test(run: Run, config: TrainConfig, model: DiCLAM, cifar10: data.Cifar10, tell: Watch, finished: Finished) -> None:
    from diclam.final_test import final_test  # with pandas and scikit-learn, for which a run that begins does not wait

    tell(final_test(run, model, cifar10, config.holdout, finished, _thinned(tell)))


def _training(
    config: TrainConfig,
    state: State | None,
    team: Team,
    stop: Callable[[], bool],
    tell: Callable[[Fetching], None],
    pause: Callable[[], bool] = never,
) -> Training:
    with team.united():
        team.check(config)
        model = build_model(config) if state else first_model(config)
        return Training(model, data.load(progress=tell), config, stop=stop, pause=pause, team=team)


def _train(run: Run, training: Training, tell: Watch, state: State | None) -> Finished:
    model, next_save, next_by_validation = training.model, time.monotonic() + FIRST_SAVE, 0.0
    pinned = snapshots.choose(training.data, training.config.holdout)
    keeper = snapshots.Keeper(run.path, pinned, step=state["step"] if state else None)
    finished: Finished | None = None
    if state is None and training.config.precision == "auto":
        tell(Probing())
    for event in training.run(state):
        if isinstance(event, Validated) and event.best:
            checkpoint.save(run.path, model)
        elif isinstance(event, Finished):
            checkpoint.save(run.path, model)
            finished = event
        tell(event)
        keeper.see(event, training)
        now = time.monotonic()
        good = isinstance(event, Step) and event.loss is not None
        due = isinstance(event, Paused) or (good and now >= next_save)
        due = due or (isinstance(event, Validated) and now >= next_by_validation)
        if due and not training.stop():  # Or it ends in a moment, and needs none.
            if not training.config.holdout:
                checkpoint.save(run.path, model)
            with replacing(run.path / STATE) as path:
                torch.save(training.state(), path)
            saved = time.monotonic()
            next_by_validation = saved + (saved - now) / SAVING_SHARE
            next_save = max(saved + SECONDS_BETWEEN_SAVES, next_by_validation)
    assert finished is not None
    (run.path / STATE).unlink(missing_ok=True)
    return finished


def check(config: TrainConfig) -> None:
    """Raises as `first_model` does, or ConfigError for a teacher, when a model that the settings name cannot be had; to be
    asked before there is a folder of a run that never begins."""
    if config.start_from:
        first_model(config)
    distill.check(config)


def first_model(config: TrainConfig) -> DiCLAM:
    """The network before its first step: the one that `config.start_from` names, or a fresh one. Raises RunError or
    CheckpointError when that model cannot be had, ConfigError when it is another network than `config.model`."""
    if not config.start_from:
        return build_model(config)
    model = checkpoint.load(locate(config.start_from))
    changed = {"dropout_input", "dropout_hidden"}
    wanted, had = ({k: v for k, v in c.to_dict().items() if k not in changed} for c in (config.model, model.config))
    if wanted != had:
        differing = ", ".join(
            f"{name} {wanted[name]!r} instead of {had.get(name)!r}" for name in wanted if wanted[name] != had.get(name)
        )
        raise ConfigError(
            f"The weights of {config.start_from} are of another network: {differing}. Ask for the same network as theirs."
        )
    fresh = build_model(config)
    fresh.load_state_dict(model.state_dict())
    return fresh


def _load_state(run: Run) -> State:
    try:
        # Weights only: a state is tensors and plain values, and a foreign file cannot run code.
        return torch.load(run.path / STATE, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"The run {run.name} was cut off before its first state was kept; start it anew.") from error
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise RunError(f"The state kept in {run.name} is damaged ({str(error).splitlines()[0]}).") from error


def _before(event: Event, step: int) -> bool:
    """Whether an event belongs to the run up to this step."""
    return not isinstance(event, Step | Validated | Resumed | Paused | Continued) or event.step <= step


def _thinned(tell: Watch) -> Callable[[Fetching | Testing], None]:
    """Passes on a few reports a second; the first of each source always."""
    last = {"time": float("-inf"), "source": ""}

    def report(event: Fetching | Testing) -> None:
        source = event.source if isinstance(event, Fetching) else "test"
        now = time.monotonic()
        if source != last["source"] or now - float(last["time"]) >= SECONDS_BETWEEN_REPORTS:
            last.update(time=now, source=source)
            tell(event)

    return report


def _info(config: TrainConfig) -> dict[str, Any]:
    return {
        "config": config.to_dict(),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "hardware": hardware(),
    }
