"""The validations of a run: when one is due, what they have told so far, and which weights they say to keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from diclam.device import Clock
from diclam.events import Validated
from diclam.kept import Kept
from diclam.recipe import TrainConfig
from diclam.validation import HeldOut, share_right


class Validations:
    """Of one model, on the held-out pictures of its run."""

    def __init__(self, model: nn.Module, held_out: HeldOut, config: TrainConfig, clock: Clock) -> None:
        self._model, self.held_out, self._config, self._clock = model, held_out, config, clock
        self.best = Kept()
        self.step = 0
        """At which the last one was made."""
        self._at = 0.0, 0.0
        """Fraction and epoch of it."""
        self._best_loss, self._unimproved = math.inf, 0

    def due(self, step: int, fraction: float, epoch: float) -> bool:
        """After this step, which is not the last."""
        if not len(self.held_out) or step == self.step:
            return False
        before, epoch_before = self._at
        # A fifth that is passed counts from the start of the run: steps are coarse, and delays would add up.
        return int(5 * fraction) > int(5 * before) or epoch - epoch_before >= self._config.validate_epochs

    @property
    def converged(self) -> bool:
        """Whether so many in a row as `TrainConfig.patience` says were no better."""
        return 0 < self._config.patience <= self._unimproved

    def make(
        self, step: int, fraction: float, epoch: float, stop: Callable[[], bool], seconds: float = math.inf
    ) -> tuple[Validated, float]:
        """-> what it found, `seconds` still to be filled in by the run's own clock, and the seconds that it took. It looks
        at the first pictures alone when `stop` says yes meanwhile, or after so many `seconds`."""
        start = self._clock()
        hurry = seconds < math.inf

        def enough() -> bool:
            return (hurry and self._clock() - start >= seconds) or stop()

        look = self.held_out.look(self._model, enough, closely=hurry)
        loss, accuracy, count = look.loss, look.accuracy, len(look.right_N)
        # Against the best ones on the same pictures; at equal accuracy the later weights: they have seen more.
        before = self.best.accuracy if self.best.right_N is None else share_right(self.best.right_N[:count])
        best = accuracy >= before and math.isfinite(loss)
        improved = accuracy > self.best.accuracy or loss < self._best_loss
        self._unimproved = 0 if improved else self._unimproved + 1
        self._best_loss = min(self._best_loss, loss)
        if best:
            self.best.take(self._model, accuracy, look.right_N)
        self.step, self._at = step, (fraction, epoch)
        return Validated(step, epoch, loss, accuracy, count, 0.0, best, look.confusion), self._clock() - start

    def state(self) -> dict[str, Any]:
        """All that `restore` needs: tensors and plain values."""
        return {
            "validated_step": self.step,
            "validated_at": self._at,
            "best_loss": self._best_loss,
            "unimproved": self._unimproved,
            "validation_pictures": len(self.held_out),
            "best_accuracy": self.best.accuracy,
            "best_weights": self.best.weights,
            "best_right": self.best.right_N,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """What `state` gave; an older version's has no `best_right`."""
        self.step, self._at = state["validated_step"], state["validated_at"]
        self._best_loss, self._unimproved = state["best_loss"], state["unimproved"]
        self.held_out.limit(state["validation_pictures"])
        self.best = Kept(state["best_accuracy"], state["best_weights"], state.get("best_right"))
