"""Training within a time limit, as a generator of events.

The clock starts when the first event is asked for and covers everything up to the final weights: choosing the precision,
every step and every validation. Loading the data set and the final test are outside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from diclam import augment, initialize
from diclam.batches import Batches
from diclam.data import Cifar10, split
from diclam.device import autocast, pick_device, pick_precision
from diclam.errors import ConfigError
from diclam.events import Event, Finished, Started, Step, Validated
from diclam.model import CLASSES, DiCLAM
from diclam.optim import build_optimizers, set_rates
from diclam.recipe import TrainConfig

Clock = Callable[[], float]
# Every run holds out the same pictures, whatever its seed, so that runs can be compared.
SPLIT_SEED = 0
# Validations together may take a twentieth of the budget; a little is left for what a measurement misses.
VALIDATION_SHARE = 0.045
# At most four step events a second, and about a thousand a run, so that a long run's log stays small.
SECONDS_BETWEEN_STEP_EVENTS = 0.25
STEP_EVENTS = 1000


class TimeSupervisor:
    """The one place that knows the time limit. `limit` in seconds, from the moment of construction."""

    def __init__(self, limit: float, clock: Clock = time.monotonic) -> None:
        self.limit = limit
        self.reserve = 0.0
        """Seconds that must be left at the end, for the final validation."""
        self._clock = clock
        self._start = clock()

    @property
    def elapsed(self) -> float:
        return self._clock() - self._start

    @property
    def fraction(self) -> float:
        """Of the time that is there for training steps, 0 to 1."""
        return min(self.elapsed / max(self.limit - self.reserve, 1e-9), 1.0)

    def expired(self, next_step: float = 0.0) -> bool:
        """Whether a step that takes `next_step` seconds would not end in time."""
        return self.elapsed + next_step + self.reserve >= self.limit


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
    last ones where nothing is held out; the last ones known to be good when the loss is no longer finite. At each
    `Validated` it holds the weights that were validated. `stop` is asked before each step. Seeds torch's global generator,
    from which dropout draws. Raises ConfigError when the data set is smaller than the part to hold out.
    """
    return _Training(model, data, config, clock, stop).run()


@dataclass
class _Kept:
    """Weights worth going back to."""

    accuracy: float = -1.0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def take(self, model: DiCLAM, accuracy: float = -1.0) -> None:
        self.accuracy = accuracy
        self.weights = {name: t.detach().clone() for name, t in model.state_dict().items()}


class _Training:
    def __init__(self, model: DiCLAM, data: Cifar10, config: TrainConfig, clock: Clock, stop: Callable[[], bool]) -> None:
        if not 0 <= config.holdout < len(data.train_labels):
            raise ConfigError(
                f"holdout must be smaller than the {len(data.train_labels):,} training pictures; got {config.holdout:,}."
            )
        self.model, self.data, self.config, self.clock, self.stop = model, data, config, clock, stop

    def run(self) -> Iterator[Event]:
        config = self.config
        self.time = TimeSupervisor(config.budget, self.clock)
        self._prepare()
        yield self._started()
        try:
            reason = yield from self._steps()
            if reason != "diverged" and self.validation_pictures and self.step > self.validated_step:
                yield self._validate()
        finally:
            # Also when the reader closes the generator in the middle.
            if self.best.weights:
                self.model.load_state_dict(self.best.weights)
            self.model.requires_grad_(True).eval()
        best = self.best.accuracy if self.best.accuracy >= 0 else None
        yield Finished(reason, self.step, self.epoch, self.time.elapsed, self.seen, best)

    def _prepare(self) -> None:
        config, data = self.config, self.data
        torch.manual_seed(config.seed)
        self.device = pick_device(config.device)
        self.dtype = pick_precision(config.precision, self.device, clock=self.clock)
        if config.holdout:
            chosen, held_out = split(data.train_labels, len(data.train_labels) - config.holdout, config.holdout, SPLIT_SEED)
        else:
            chosen, held_out = torch.arange(len(data.train_labels)), torch.empty(0, dtype=torch.long)
        images, labels = (t[chosen].to(self.device) for t in (data.train_images, data.train_labels))
        self.pictures = len(labels)
        if self.pictures < config.batch_size:
            raise ConfigError(f"batch_size is {config.batch_size}, but there are {self.pictures} training pictures.")
        self.model.to(device=self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        initialize.prepare(self.model, images, config)
        self.optimizers = build_optimizers(self.model, config, self.dtype)
        self.batches = Batches(images, labels, config)
        self.seen = self.step = self.validated_step = 0
        self.validated_at = 0.0, 0.0
        """Fraction and epoch of the last validation."""
        self.best, self.best_loss, self.unimproved = _Kept(), math.inf, 0
        self.validation_pictures = self._affordable_validation(data.train_images[held_out], len(held_out))
        held_out = held_out[: self.validation_pictures]
        self.held_images, self.held_labels = (t[held_out].to(self.device) for t in (data.train_images, data.train_labels))

    def _affordable_validation(self, images: Tensor, held_out: int) -> int:
        """How many held-out pictures each validation can look at without all of them costing over a twentieth of the run.

        A step costs about three looks at its pictures (forward, and backward twice as much), so a run's length in looks is
        known from its steps, or from its time and the measured speed of looking.
        """
        if not held_out:
            return 0
        config = self.config
        if config.epochs is not None:
            looks = 3 * config.epochs * self.pictures
        else:
            probe = images[:128].to(self.device)
            self._losses(probe[:32], torch.zeros(min(32, len(probe)), dtype=torch.long, device=self.device))
            start = self.clock()
            self._losses(probe, torch.zeros(len(probe), dtype=torch.long, device=self.device))[0].sum().item()
            looks = config.budget * len(probe) / max(self.clock() - start, 1e-9)
        epochs = looks / 3 / self.pictures
        validations = max(5, math.ceil(epochs / config.validate_epochs))
        self.time.reserve = config.budget * VALIDATION_SHARE / validations if config.epochs is None else 0.0
        return min(max(int(looks * VALIDATION_SHARE / validations), 1), held_out)

    def _started(self) -> Started:
        config = self.config
        return Started(
            recipe=config.recipe,
            budget=config.budget,
            seed=config.seed,
            device=self.device.type,
            precision=str(self.dtype).removeprefix("torch."),
            train_pictures=self.pictures,
            validation_pictures=self.validation_pictures,
            batch_size=config.batch_size,
            parameters=sum(p.numel() for p in self.model.parameters()),
        )

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

    def _steps(self) -> Iterator[Event]:
        losses: list[Tensor] = []
        good, candidate = _Kept(), _Kept()
        good.take(self.model)
        candidate.take(self.model)
        told, told_seen = self.clock(), 0
        longest_step = 0.0
        spacing = max(SECONDS_BETWEEN_STEP_EVENTS, self.config.budget / STEP_EVENTS)
        while (reason := self._reason_to_end(longest_step)) is None:
            start = self.clock()
            loss, norm, rate = self._one_step()
            losses.append(loss)
            now = self.clock()
            # The first step builds kernels; it says nothing about the next ones.
            longest_step = max(longest_step, now - start) if self.step > 1 else 0.0
            due = self._validation_is_due()
            if now - told >= spacing or self.step == 1 or due or self._last_step():
                mean = torch.stack(losses).mean().item()  # The only wait for the device.
                now = self.clock()
                speed = (self.seen - told_seen) / max(now - told, 1e-9)
                numbers = _finite(mean), rate, _finite(norm.item()), speed
                yield Step(self.step, self.epoch, *numbers, self.time.elapsed, self.fraction)
                losses.clear()
                if not math.isfinite(mean):
                    # A finite loss shows that the weights before that step were good, so the newest snapshot may be bad.
                    self.best = self.best if self.best.weights else good
                    return "diverged"
                good, candidate = candidate, good
                candidate.take(self.model)
                if due:
                    yield self._validate()
                told, told_seen = self.clock(), self.seen
        if losses and not math.isfinite(torch.stack(losses).mean().item()):
            self.best = self.best if self.best.weights else good
            return "diverged"
        return reason

    def _reason_to_end(self, next_step: float) -> str | None:
        if self.stop():
            return "stopped"
        if self._last_step():
            return "epochs"
        if self.time.expired(next_step):
            return "time"
        return "converged" if self.unimproved >= self.config.patience else None

    def _last_step(self) -> bool:
        return self.config.epochs is not None and self.step >= self._total_steps()

    def _one_step(self) -> tuple[Tensor, Tensor, float]:
        """-> loss and gradient norm, still on the device, and the learning rate."""
        config = self.config
        fraction = self.fraction
        rate = set_rates(self.optimizers, config, fraction)
        self.model.train()
        x_B3HW, labels_B = self.batches.next(fraction)
        with autocast(self.device, self.dtype):
            logits_BK = self.model(x_B3HW)
        loss = F.cross_entropy(logits_BK.float(), labels_B, label_smoothing=config.label_smoothing)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.seen += len(labels_B)
        return loss.detach(), norm, rate

    def _validation_is_due(self) -> bool:
        fraction, epoch = self.validated_at
        if not self.validation_pictures or self._last_step():
            return False
        # A fifth that is passed counts from the start of the run: steps are coarse, and delays would add up.
        return int(5 * self.fraction) > int(5 * fraction) or self.epoch - epoch >= self.config.validate_epochs

    def _validate(self) -> Validated:
        start = self.clock()
        losses, said = self._losses(self.held_images, self.held_labels)
        loss, accuracy = losses.mean().item(), (said == self.held_labels).double().mean().item()
        cells = torch.bincount(self.held_labels * CLASSES + said, minlength=CLASSES**2)
        # At equal accuracy the later weights: they have seen more.
        best = accuracy >= self.best.accuracy and math.isfinite(loss)
        improved = accuracy > self.best.accuracy or loss < self.best_loss
        self.unimproved = 0 if improved else self.unimproved + 1
        self.best_loss = min(self.best_loss, loss)
        if best:
            self.best.take(self.model, accuracy)
        self.validated_step, self.validated_at = self.step, (self.fraction, self.epoch)
        if self.config.epochs is None:
            self.time.reserve = self.clock() - start
        confusion = cells.view(CLASSES, CLASSES).tolist()
        return Validated(self.step, self.epoch, loss, accuracy, len(said), self.time.elapsed, best, confusion)

    @torch.inference_mode()
    def _losses(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of each picture, and the class that the model says."""
        self.model.eval()
        losses, said = [], []
        for batch, target in zip(images.split(512), labels.split(512), strict=True):
            x = augment.normalize(batch).contiguous(memory_format=torch.channels_last)
            with autocast(self.device, self.dtype):
                logits = self.model(x).float()
            losses.append(F.cross_entropy(logits, target, reduction="none"))
            said.append(logits.argmax(1))
        return torch.cat(losses), torch.cat(said)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
