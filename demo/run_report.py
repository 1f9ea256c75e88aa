"""What a run has told so far, in words and numbers for a person. Data in, plain data out; knows no page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diclam.draw import percent
from diclam.events import Finished
from diclam.gate_balance import collapse
from diclam.last_words import INTERRUPTED
from diclam.pause import Pause
from diclam.runs import Status, Usage
from diclam.terminal import REASONS, amount, clock, duration

# Pictures a second are the mean of so many reports, or they would flicker.
REPORTS = 8


@dataclass(frozen=True)
class Progress:
    """How far a run is in its present phase."""

    fraction: float | None
    """0 to 1; None when nobody knows."""
    text: str
    elapsed: float | None = None
    """Seconds of the budget that are used, while they run; who shows this counts on by itself."""
    budget: float | None = None
    phase: str = ""
    """What goes before the time that is left."""


@dataclass(frozen=True)
class Report:
    """One run, as it is now."""

    sentence: str
    """Changes from phase to phase only, so that it can be spoken."""
    progress: Progress | None = None
    numbers: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    note: str = ""
    warning: str = ""
    """What goes wrong while it learns."""


EMPTY = Report(
    "Nothing has been trained here yet.",
    note="Start trains a new network from scratch within the time you give it, and draws here how it learns. You can close "
    "the page meanwhile: the run goes on, and is here when you come back.",
)


def report(
    status: Status,
    *,
    name: str,
    age: float,
    stopping: bool,
    usable: bool,
    killed: bool = False,
    stopper: str = "",
    pause: Pause | None = None,
    machine: tuple[tuple[str, str], ...] = (),
) -> Report:
    """`age` is the number of seconds since the newest event, `stopping` whether the run was asked to stop, `usable` whether
    it has weights, `killed` whether its process was killed, `stopper` who asked, as 'you', `pause` a request to wait that
    was not withdrawn; `machine` are names and values of what it takes of the machine."""
    match status.state:
        case _ if status.done or status.tested or status.failed:
            sentence, progress = _ended(status, stopping, usable, killed, stopper), None
        case "training":
            sentence, progress = _training(status, stopping, pause), _time(status, age)
        case "compiling":
            sentence = "Compiling the network for this device, which makes its steps faster. The clock has started."
            progress = Progress(None, "compiling the network")
        case "testing":
            sentence, progress = _testing(status, stopper)
        case "probing":
            sentence = "Finding out which precision is the fastest here. The clock has started."
            progress = Progress(None, "probing the fastest precision")
        case "fetching":
            sentence, progress = _fetching(status)
        case _:
            sentence = "Getting ready: loading PyTorch and the pictures. The clock starts afterwards."
            progress = Progress(None, "getting ready")
    sentence, _, details = sentence.partition("\n")
    note = "\n".join(filter(None, (details, _went_on(status, pause), _note(status, name)))).lstrip()
    return Report(sentence, progress, (*_numbers(status), *machine), note, _warning(status))


def machine(now: Usage | None, before: Usage | None) -> tuple[tuple[str, str], ...]:
    """What a training process takes of the machine: memory, and processor cores since the look before."""
    if now is None:
        return ()
    memory = ("Memory", f"{now.memory / 1e9:.1f} GB")
    if before is None or now.at - before.at < 0.1 or now.processor < before.processor:
        return (memory,)
    return ("Processor", f"{(now.processor - before.processor) / (now.at - before.at):.1f} cores"), memory


def figures(status: Status) -> list[tuple[str, str]]:
    """Names and values of what the final test found; nothing before it."""
    if not status.tested or not status.finished:
        return []
    tested = status.tested
    return [
        ("Accuracy", percent(tested.accuracy)),
        ("Training time", duration(status.finished.seconds)),
        ("Precision", f"{tested.precision:.3f}"),
        ("Recall", f"{tested.recall:.3f}"),
        ("F1", f"{tested.f1:.3f}"),
    ]


def time_left(elapsed: float, budget: float) -> str:
    """(48, 120) -> '1:12 left of 2:00'."""
    return f"{clock(max(budget - elapsed, 0))} left of {clock(budget)}"


def _training(status: Status, stopping: bool, pause: Pause | None) -> str:
    if stopping:
        return "Stopping after this step; the best weights so far are kept."
    if status.paused:
        by_itself = _by_itself(pause) if pause and pause.longest < math.inf else ""
        return f"Paused: the clock stands still. Continue goes on from here, Stop keeps the best weights so far.{by_itself}"
    assert status.started
    return f"Training on {status.started.train_pictures:,} pictures."


def _by_itself(pause: Pause) -> str:
    if not pause.before:
        return f" It goes on by itself after {duration(pause.longest)}."
    together = duration(pause.before + pause.longest)
    return f" It goes on by itself after {duration(pause.longest)}: that is left of the {together} for all its pauses."


def _went_on(status: Status, pause: Pause | None) -> str:
    if pause is None or not pause.over or status.state != "training" or status.paused:
        return ""
    together = duration(pause.before + pause.longest)
    return (
        f"It went on by itself, and cannot be paused again: all pauses of a run take {together} at the most, as nobody else "
        "can train meanwhile."
    )


def _testing(status: Status, stopper: str) -> tuple[str, Progress]:
    assert status.finished
    sentence = f"{_reason(status.finished, stopper)} Now it answers the test pictures, which it has never seen."
    if status.testing is None:
        return sentence, Progress(None, "starting the test")
    done, total = status.testing.done, status.testing.total
    return sentence, Progress(done / total, f"{done:,} of {total:,} test pictures")


def _fetching(status: Status) -> tuple[str, Progress]:
    assert status.fetching
    sentence = f"Fetching CIFAR-10 from {status.fetching.source}. The clock starts afterwards."
    total = status.fetching.total
    return sentence, Progress(status.fetching.received / total if total else None, amount(status.fetching))


def _time(status: Status, age: float) -> Progress:
    assert status.started
    budget = status.started.budget
    newest = max((event.seconds for event in (*status.steps[-1:], *status.validations[-1:])), default=0.0)
    epoch = _epoch(status)
    if status.paused:  # Nothing counts on by itself.
        return Progress(newest / budget, f"{epoch}{time_left(newest, budget)}, paused")
    elapsed = min(newest + age, budget)
    return Progress(elapsed / budget, f"{epoch}{time_left(elapsed, budget)}", elapsed, budget, epoch)


def _epoch(status: Status) -> str:
    """'epoch 2 of about 4 · ', once that can be told."""
    newest = status.steps[-1] if status.steps else None
    if newest is None or newest.fraction <= 0.05:
        return ""
    total = math.ceil(newest.epoch / newest.fraction - 0.05)
    return f"epoch {min(int(newest.epoch) + 1, total)} of about {total} · "


def _ended(status: Status, stopping: bool, usable: bool, killed: bool, stopper: str) -> str:
    if status.finished:
        return f"{_reason(status.finished, stopper)} {_tested(status, stopping, usable, killed)}"
    kept = " Its best weights so far can be used." if usable else ""
    if _on_request(status, stopping):
        return f"Ended in the middle of training.{kept}" if usable else "Stopped before it had learned anything."
    return f"{status.failed.message if status.failed else 'It failed.'}{kept}"


def _tested(status: Status, stopping: bool, usable: bool, killed: bool) -> str:
    """What became of the final test."""
    if status.tested:
        return f"It is right about {percent(status.tested.accuracy)} of the test pictures."
    left = "Its weights can be used; the test pictures are yet to be answered." if usable else "Its weights are gone."
    if status.failed and not _on_request(status, stopping):
        return f"Then its test failed: {status.failed.message} {left}"
    if killed and not stopping:
        return f"Then its test was killed; mostly the system does that when memory runs out: end other programs. {left}"
    return left


def _on_request(status: Status, stopping: bool) -> bool:
    """Whether somebody ended the process, and nothing else did: it may run out of something before it stops."""
    if status.failed is None:
        return stopping
    return status.failed.message == INTERRUPTED or (stopping and status.cut_off)


def _reason(finished: Finished, stopper: str) -> str:
    after = duration(finished.seconds)
    match finished.reason:
        case "stopped":
            return f"Stopped{stopper and f' by {stopper}'} after {after}; the best weights until then are kept."
        case "converged":
            return f"Training ended after {after}: {REASONS['converged']}, so the rest of the time was not needed."
        case reason:
            return f"Training ended after {after}: {REASONS[reason]}."


def _warning(status: Status) -> str:
    """The first tenth of a run tells nothing yet."""
    newest = status.steps[-REPORTS:]
    return collapse(newest) if newest and newest[-1].fraction > 0.1 else ""


def _numbers(status: Status) -> tuple[tuple[str, str], ...]:
    if not status.started:
        return ()
    if status.finished:
        speed = status.finished.pictures_seen / max(status.finished.seconds, 1e-9)
        epoch, step = f"{status.finished.epoch:.2f}", status.finished.step
    elif status.steps:
        newest = status.steps[-1]
        recent = [event.pictures_per_second for event in status.steps[-REPORTS:]]
        speed = sum(recent) / len(recent)
        about = f" of about {newest.epoch / newest.fraction:.2f}" if newest.fraction > 0.05 else ""
        epoch, step = f"{newest.epoch:.2f}{about}", newest.step
    else:
        return ()
    return ("Epoch", epoch), ("Steps", f"{step:,}"), ("Pictures a second", f"{speed:,.0f}")


def _note(status: Status, name: str) -> str:
    started = status.started
    if started is None:
        return f"Run {name}."
    return (
        f"Run {name}: recipe {started.recipe}, {duration(started.budget)}, seed {started.seed}, on {started.device} in "
        f"{started.precision}."
    )
