"""Training within a time limit, as a generator of events.

The clock starts when the first event is asked for and covers everything up to the final weights: choosing the precision,
every step and every validation. Loading the data set and the final test are outside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from diclam import compiled, distill, random_state
from diclam.averaging import Average
from diclam.data import SPLIT_SEED, Cifar10, hold_out, share
from diclam.device import Clock, pick_precision
from diclam.distributed import Team
from diclam.errors import ConfigError
from diclam.events import Compiled, Compiling, Continued, Event, Finished, Paused, Resumed, Started, Step, Validated
from diclam.gate_balance import Gates
from diclam.kept import LastGood
from diclam.model import DiCLAM
from diclam.pace import Pace, marker
from diclam.recipe import TrainConfig
from diclam.stepper import Stepper
from diclam.time_limit import StepTimes, TimeSupervisor
from diclam.validation import HeldOut
from diclam.validations import Validations

State = dict[str, Any]
"""A run between two steps: tensors and plain values."""
# At most four step events a second, and about a thousand a run, so that a long run's log stays small.
SECONDS_BETWEEN_STEP_EVENTS = 0.25
STEP_EVENTS = 1000
SECONDS_BETWEEN_LOOKS = 0.1
"""At whether a run that waits may go on."""
HURRY = 0.3
"""Seconds that the last validation of a run that was asked to stop may take: somebody waits. One at the end of the time may
take as many more than twice what was kept for it."""


def never() -> bool:
    return False


def train(
    model: DiCLAM,
    data: Cifar10,
    config: TrainConfig,
    *,
    clock: Clock = time.monotonic,
    stop: Callable[[], bool] = never,
) -> Iterator[Event]:
    """Trains `model` in place; yields Started, then Step and Validated, then Finished with the reason why it ended.

    When the generator ends, or is closed, the model holds the weights that are kept: the ones of the best validation; the
    last ones where nothing is held out; the last ones known to be good when the loss is no longer finite. At each event it
    holds those that could be kept then, at `Validated` the ones that were validated; late in a run with `weight_average`
    they are the average, not what training goes on with. `stop` is asked before each step, and within a validation, which
    is then made of the first pictures alone. Seeds torch's global generator, from which dropout draws. Raises ConfigError
    when the data set is smaller than the part to hold out, or the teacher cannot be had.
    """
    return Training(model, data, config, clock=clock, stop=stop).run()


class Training:
    """What `train` runs, for whoever also wants its state in between, to go on from it later."""

    def __init__(
        self,
        model: DiCLAM,
        data: Cifar10,
        config: TrainConfig,
        *,
        clock: Clock = time.monotonic,
        stop: Callable[[], bool] = never,
        pause: Callable[[], bool] = never,
        team: Team | None = None,
    ) -> None:
        """`pause` is asked before each step of a run of one process, which waits as long as the answer is yes."""
        if not 0 <= config.holdout < len(data.train_labels):
            raise ConfigError(
                f"holdout must be smaller than the {len(data.train_labels):,} training pictures; got {config.holdout:,}."
            )
        self.pictures = round(config.train_share * (len(data.train_labels) - config.holdout))
        if self.pictures < config.batch_size:
            raise ConfigError(f"batch_size is {config.batch_size}, but there are {self.pictures} training pictures.")
        self.model, self.data, self.config, self.clock, self.stop, self.pause = model, data, config, clock, stop, pause
        self.teacher_model = distill.load(config.teacher) if config.teacher else None
        self.team = team or Team()
        self.step = 0

    def run(self, state: State | None = None) -> Iterator[Event]:
        """All events; with a state, those that follow it."""
        self._prepare(state)
        yield self._resumed() if state else self._started()
        try:
            with Gates(self.stepper.learner) as gates:
                if self.team.size == 1 and compiled.wanted(self.config, self.device, self.time):
                    yield from self._compile()
                reason = yield from self._steps(gates)
            if reason != "diverged" and len(self.validations.held_out) and self.step > self.validations.step:
                with self.average.in_model():
                    yield self._last_validation(reason)
        finally:
            # Also when the reader closes the generator in the middle.
            if kept := self.validations.best.weights or self.average.weights:
                self.model.load_state_dict(kept)
            self.model.requires_grad_(True).eval()
        best = self.validations.best.accuracy
        yield Finished(reason, self.step, self.epoch, self.time.elapsed, self.seen, best if best >= 0 else None)

    def follow(self, state: State | None = None) -> None:
        """What every process of a team but the first does: its part of each step, as long as the first one goes on."""
        self._prepare(state)
        while True:
            reason, fraction = self.team.agree("stopped" if self.stop() else None, 0.0)
            if reason:
                return
            self._one_step(fraction)

    def _prepare(self, state: State | None) -> None:
        config, data = self.config, self.data
        self.time = TimeSupervisor(config.budget, self.clock, used=state["seconds"] if state else 0.0)
        torch.manual_seed(config.seed)
        self.device = self.team.device(config.device)
        if state and state.get("device", self.device.type) != self.device.type:
            raise ConfigError(
                f"This run was trained on {state['device']} so far and can only go on there: the randomness of "
                f"{self.device.type} is another."
            )
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # Two sides of pictures, thousands of steps: the search pays.
        # A run that goes on keeps its precision, whatever this moment's timing would say.
        precision = state["precision"] if state else config.precision
        self.dtype = self.team.same(pick_precision(precision, self.device, clock=self.clock))
        everything = data.train_images, data.train_labels
        chosen, kept = hold_out(data.train_labels, config.holdout)
        if self.pictures < len(chosen):
            chosen = chosen[share(data.train_labels[chosen], self.pictures, SPLIT_SEED)]
        images, labels = (t[chosen].to(self.device) for t in everything)
        self.model.to(device=self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.stepper = Stepper(
            self.model, images, labels, config, dtype=self.dtype, team=self.team, teacher=self.teacher_model
        )
        self.average = Average(self.model, config.weight_average)
        self.seen = self.step = 0
        held_images, held_labels = (t[kept].to(self.device) for t in everything)
        held_out = HeldOut(held_images, held_labels, self.dtype)
        self.validations = Validations(self.model, held_out, config, self.clock)
        if state:
            self._restore(state)
        elif len(held_out):
            count, self.time.reserve = held_out.affordable(self.model, config, self.pictures, self.clock)
            held_out.limit(count)

    def state(self) -> State:
        """All that `run` needs to go on from here as if nothing had happened; to be asked for between two events."""
        return {
            "step": self.step,
            "seen": self.seen,
            **self.validations.state(),
            "seconds": self.time.elapsed,
            "reserve": self.time.reserve,
            "precision": _name(self.dtype),
            "device": self.device.type,
            "weights": self.average.own(),
            "average": self.average.weights,
            **self.stepper.state(),
            "random": random_state.take(self.device),
        }

    def _restore(self, state: State) -> None:
        self.step, self.seen = state["step"], state["seen"]
        self.time.reserve = state["reserve"]
        self.validations.restore(state)
        self.model.load_state_dict(state["weights"])
        self.average.restore(state.get("average", {}))  # a state kept by an older version has none
        self.stepper.restore(state)
        random_state.restore(self.device, state["random"])

    def _started(self) -> Started:
        config = self.config
        return Started(
            recipe=config.recipe,
            budget=config.budget,
            seed=config.seed,
            device=self.device.type,
            precision=_name(self.dtype),
            train_pictures=self.pictures,
            validation_pictures=len(self.validations.held_out),
            batch_size=config.batch_size,
            parameters=sum(p.numel() for p in self.model.parameters()),
            processes=self.team.size,
        )

    def _resumed(self) -> Resumed:
        return Resumed(self.step, self.epoch, self.time.elapsed, self.config.budget)

    @property
    def epoch(self) -> float:
        return self.seen / self.pictures

    @property
    def fraction(self) -> float:
        """Of the run: by steps when their number is given, else by time."""
        if self.config.epochs is None:
            return self.time.fraction
        return min(self.step / self._total_steps(), 1.0)

    def _total_steps(self) -> int:
        assert self.config.epochs is not None
        return max(round(self.config.epochs * (self.pictures // self.config.batch_size)), 1)

    def _compile(self) -> Iterator[Event]:
        yield Compiling()
        start, config = self.clock(), self.config
        whole = self.data.train_images.shape[-1]
        # Each part begins with a side of its own, but for those that are over.
        sides = {config.side(max(self.fraction, begun), whole) for begun in (0.0, config.first_part, config.early_part, 1.0)}
        shapes = [(config.batch_size, 3, side, side) for side in sorted(sides)]

        def enough() -> bool:
            return self.stop() or self.time.expired()

        learner = self.stepper.learner
        self.stepper.learner, reason = compiled.compiled(learner, shapes, self.dtype, clock=self.clock, enough=enough)
        yield Compiled(self.clock() - start, reason)

    def _steps(self, gates: Gates) -> Iterator[Event]:
        losses: list[Tensor] = []
        good, times, pace = LastGood(self.model), StepTimes(), Pace(marker(self.device))
        told, told_seen, first_step = self.clock(), self.seen, self.step + 1
        if self._validation_is_due():  # The run was cut off between a step and its validation.
            with self.average.in_model():
                yield self._validate()
        spacing = max(SECONDS_BETWEEN_STEP_EVENTS, self.config.budget / STEP_EVENTS)
        while True:
            if self.team.size == 1 and self.pause():
                with self.average.in_model():
                    yield from self._wait()
                told, told_seen = self.clock(), self.seen
            reason = self._reason_to_end(times.longest)
            start = self.clock()
            reason, fraction = self.team.agree(reason, self.fraction)
            if reason:
                break
            loss, norm, rate = self._one_step(fraction)
            self.average.follow(self.step, fraction)
            gates.note()
            pace.keep()
            losses.append(loss)
            now = self.clock()
            times.note(now - start)
            due = self._validation_is_due()
            if now - told >= spacing or self.step == first_step or due or self._last_step():
                mean = torch.stack(losses).mean().item()  # The only wait for the device.
                now = self.clock()
                speed = (self.seen - told_seen) / max(now - told, 1e-9)
                numbers = _finite(mean), rate, _finite(norm.item()), speed
                with self.average.in_model():
                    yield Step(self.step, self.epoch, *numbers, self.time.elapsed, self.fraction, *gates.take())
                    losses.clear()
                    if not math.isfinite(mean):
                        self._go_back_to(good)
                        self.team.agree("diverged", self.fraction)
                        return "diverged"
                    good.confirm()
                    if due:
                        yield self._validate()
                told, told_seen = self.clock(), self.seen
        if losses and not math.isfinite(torch.stack(losses).mean().item()):
            self._go_back_to(good)
            return "diverged"
        return reason

    def _go_back_to(self, good: LastGood) -> None:
        """The weights that are kept when no validation has named any."""
        if not self.validations.best.weights:
            self.validations.best = good.kept

    def _wait(self) -> Iterator[Event]:
        elapsed = self.time.elapsed
        yield Paused(self.step, elapsed)
        while self.pause() and not self.stop():
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self.time.turn_back(elapsed)
        yield Continued(self.step, elapsed)

    def _reason_to_end(self, next_step: float) -> str | None:
        if self.stop():
            return "stopped"
        if self._last_step():
            return "epochs"
        if self.time.expired(next_step):
            return "time"
        return "converged" if self.validations.converged else None

    def _last_step(self) -> bool:
        return self.config.epochs is not None and self.step >= self._total_steps()

    def _one_step(self, fraction: float) -> tuple[Tensor, Tensor, float]:
        """As `Stepper.step`."""
        self.step += 1
        self.seen += self.config.batch_size
        return self.stepper.step(fraction)

    def _validation_is_due(self) -> bool:
        return not self._last_step() and self.validations.due(self.step, self.fraction, self.epoch)

    def _last_validation(self, reason: str) -> Validated:
        if reason == "stopped":
            return self._validate(HURRY, never)
        # The limit holds on a machine that has become slow as well.
        return self._validate(2 * self.time.reserve + HURRY if reason == "time" else math.inf)

    def _validate(self, seconds: float = math.inf, stop: Callable[[], bool] | None = None) -> Validated:
        """On the first pictures alone when there are only so many seconds, or somebody stops the run meanwhile."""
        event, took = self.validations.make(self.step, self.fraction, self.epoch, stop or self.stop, seconds)
        if self.config.epochs is None:
            self.time.reserve = took
        return replace(event, seconds=self.time.elapsed)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
