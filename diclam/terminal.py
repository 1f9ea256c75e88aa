"""A run's events as lines of text: one that is drawn anew in a terminal, one now and then in a file."""

from __future__ import annotations

import shutil
import time
from typing import Any, TextIO

from diclam.events import (
    Compiled,
    Compiling,
    Continued,
    Event,
    Failed,
    Fetching,
    Finished,
    Paused,
    Resumed,
    Started,
    Step,
    Tested,
    Testing,
    TrialEnded,
    TrialStarted,
    Validated,
)
from diclam.runs import Run

REASONS = {
    "time": "the time limit was reached",
    "epochs": "all epochs are done",
    "converged": "it stopped getting better",
    "stopped": "it was asked to stop",
    "diverged": "the loss was no longer a number; the last good weights are kept",
}
# In a file, a progress line every so many seconds.
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows events one after another on `out`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._budget = 0.0
        self._shown = float("-inf")

    def show(self, event: Event) -> None:
        match event:
            case Started():
                self._budget = event.budget
                device = event.device if event.processes == 1 else f"{event.processes} processes on {event.device}"
                self._line(
                    f"Training {event.parameters:,} parameters on {event.train_pictures:,} pictures, {device} in "
                    f"{event.precision}, recipe {event.recipe}, seed {event.seed}, limit {clock(event.budget)}"
                )
            case Compiling():
                self._line("Compiling the network for this device ...")
            case Compiled():
                self._line(f"That took {event.seconds:.1f} s. {event.reason}".rstrip())
            case Resumed():
                self._budget = event.budget
                self._line(f"Going on from step {event.step:,}, {clock(event.seconds)} used")
            case Paused():
                self._line(f"Paused after {clock(event.seconds)}")
            case Continued():
                self._line(f"Going on after {clock(event.seconds)}")
            case Step():
                left = max(self._budget - event.seconds, 0)
                bar = "#" * round(event.fraction * 20)
                self._passing(
                    f"[{bar:<20}] {clock(left)} left  epoch {event.epoch:.2f}  loss {_number(event.loss)}  "
                    f"{event.pictures_per_second:,.0f} pictures/s"
                )
            case Validated():
                mark = "  best so far" if event.best else ""
                self._line(f"{clock(event.seconds)}  epoch {event.epoch:.2f}  validation {event.accuracy:.2%}{mark}")
            case Finished():
                self._line(f"Ended after {event.seconds:.1f} s and {event.step:,} steps: {REASONS[event.reason]}.")
            case Fetching():
                self._passing(f"Fetching CIFAR-10 from {event.source}: {amount(event)}")
            case Testing():
                self._passing(f"Testing: {event.done:,} of {event.total:,} pictures")
            case Tested():
                self._line(
                    f"Test accuracy {event.accuracy:.2%}, precision {event.precision:.4f}, recall {event.recall:.4f}, "
                    f"F1 {event.f1:.4f}"
                )
            case TrialStarted():
                values = ", ".join(f"{name} {_short(value)}" for name, value in event.settings.items())
                self._line(f"Trial {event.number} ({event.count} of {event.trials}): {values}")
            case TrialEnded(accuracy=None):
                self._line(f"Trial {event.number}: {event.state}")
            case TrialEnded(accuracy=float(accuracy)):
                mark = ", best so far" if event.best else ""
                self._line(f"Trial {event.number}: {accuracy:.2%} of {event.pictures:,} held-out pictures{mark}")
            case Failed():
                self.clear()
            case _:
                pass

    def clear(self) -> None:
        """Removes the line that is being drawn anew."""
        if self._terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def _line(self, text: str) -> None:
        self.clear()
        print(text, file=self._out, flush=True)

    def _passing(self, text: str) -> None:
        if self._terminal:
            self._out.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
            self._out.flush()
        elif time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            print(text, file=self._out, flush=True)


def describe(run: Run) -> dict[str, Any]:
    """A run in one row: name, state, why it ended, test accuracy, training time."""
    status = run.status()
    return {
        "name": run.name,
        "state": status.state,
        "ended": status.finished and status.finished.reason,
        "accuracy": status.tested and f"{status.tested.accuracy:.2%}",
        "trained": status.finished and f"{status.finished.seconds:.0f} s",
        "problem": status.failed and status.failed.message,
    }


def clock(seconds: float) -> str:
    """75 -> '1:15'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """41 -> '41 s', 125 -> '2 min 5 s'."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"


def amount(event: Fetching) -> str:
    """How much has come: '34 of 170 MB', '3 of 5 files', '12 seconds'."""
    if event.unit == "bytes":
        total = f" of {event.total / 1e6:.0f}" if event.total else ""
        return f"{event.received / 1e6:.0f}{total} MB"
    return f"{event.received:,}{f' of {event.total:,}' if event.total else ''} {event.unit}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.3f}"
