"""What happens in a training run, as plain data: the one language between the core and whoever watches.

The command line prints events, a run folder stores them one a line, the Train tab draws them, a test lists them.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Base of all events. Fields are plain Python values, so each event goes to JSON and back unchanged."""

    kinds: ClassVar[dict[str, type[Event]]] = {}

    def __init_subclass__(cls) -> None:
        Event.kinds[cls.__name__] = cls

    def to_json(self) -> str:
        """One line of strict JSON, with the kind under 'event'; a number that is not finite becomes null."""
        values = {name: _finite(value) for name, value in asdict(self).items()}
        return json.dumps({"event": type(self).__name__, **values}, allow_nan=False)


@dataclass(frozen=True)
class Fetching(Event):
    """The data set is being fetched; before the clock starts."""

    source: str
    received: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class Probing(Event):
    """A short timing finds out which precision is the fastest here; the clock starts with it."""


@dataclass(frozen=True)
class Started(Event):
    """The clock has started; what the run will use."""

    recipe: str
    budget: float
    """Seconds."""
    seed: int
    device: str
    precision: str
    """'float32' or 'bfloat16'."""
    train_pictures: int
    validation_pictures: int
    """Pictures of the held-out part that each validation looks at; 0 when nothing is held out."""
    batch_size: int
    parameters: int
    processes: int = 1
    """That share each batch."""


@dataclass(frozen=True)
class Compiling(Event):
    """The network is compiled for the device, on the clock of the run."""


@dataclass(frozen=True)
class Compiled(Event):
    """That has ended."""

    seconds: float
    """That it took."""
    reason: str
    """Why the network is trained as it was all the same; '' where the compiled one is."""


@dataclass(frozen=True)
class Resumed(Event):
    """A run that was cut off goes on from where its state was last kept; what came after that is gone."""

    step: int
    epoch: float
    seconds: float
    """Of the budget that were used before."""
    budget: float


@dataclass(frozen=True)
class Step(Event):
    """Progress, at most about four a second."""

    step: int
    epoch: float
    """Pictures seen divided by training pictures."""
    loss: float | None
    """Mean training loss since the event before; None when it was not finite."""
    learning_rate: float
    gradient_norm: float | None
    """Before clipping, of the last step; None when it was not finite."""
    pictures_per_second: float
    """Since the event before."""
    seconds: float
    """On the budget's clock."""
    fraction: float
    """Of the budget that is used, 0 to 1."""
    gates: list[float] | None = None
    """Mean gate of each expert since the event before, sum 1; None in a record without them, or when they are not finite."""
    gate_spread: float | None = None
    """Largest difference between the gates of one expert for two pictures of a batch, 0 to 1; None as `gates`."""


@dataclass(frozen=True)
class Paused(Event):
    """The run waits between two steps; its clock stands still."""

    step: int
    seconds: float
    """On the budget's clock."""


@dataclass(frozen=True)
class Continued(Event):
    """The run goes on, or was asked to stop while it waited."""

    step: int
    seconds: float
    """On the budget's clock, as before the pause."""


@dataclass(frozen=True)
class Validated(Event):
    """A look at the held-out pictures."""

    step: int
    epoch: float
    loss: float | None
    accuracy: float
    """Fraction of 1."""
    pictures: int
    seconds: float
    best: bool
    """True when no validation before was more accurate on these pictures: these weights are the ones to keep."""
    confusion: list[list[int]] | None = None
    """(10, 10) counts on the same held-out pictures each time, fewer at the end of a run that was stopped; rows are the real
    classes, columns what the model said. None in a record without them."""


@dataclass(frozen=True)
class Finished(Event):
    """The clock has stopped; the model holds the weights that are kept."""

    reason: str
    """'time', 'epochs', 'converged', 'stopped' or 'diverged'."""
    step: int
    epoch: float
    seconds: float
    """Training time: from before the first batch to the final weights, validations included."""
    pictures_seen: int
    best_accuracy: float | None
    """On the held-out pictures, fraction of 1; None when there was no validation."""


@dataclass(frozen=True)
class Testing(Event):
    """The final test is going on, after the clock."""

    done: int
    total: int


@dataclass(frozen=True)
class Tested(Event):
    """Result of the final test: fractions of 1; precision, recall and F1 are means over the classes."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    seconds: float
    """How long the test took."""


@dataclass(frozen=True)
class TrialStarted(Event):
    """A search for better settings trains with these now."""

    number: int
    """From 0 on, in the order in which trials begin."""
    count: int
    """Trials, with this one, that came to an end or are going on."""
    trials: int
    """How many it will be."""
    settings: dict[str, Any]


@dataclass(frozen=True)
class TrialEnded(Event):
    """What those settings gave."""

    number: int
    state: str
    """'complete', 'pruned' or 'failed'."""
    accuracy: float | None
    """On all held-out pictures, fraction of 1; None unless complete."""
    pictures: int
    """How many are held out."""
    best: bool
    """True when no trial before was as accurate."""


@dataclass(frozen=True)
class Failed(Event):
    """The run ended by a mistake or a crash; always the last event."""

    message: str


def from_json(line: str) -> Event:
    """The event that `Event.to_json` wrote. Raises ValueError for anything else."""
    values: Any = json.loads(line)
    kind = Event.kinds.get(str(values.pop("event", None))) if isinstance(values, dict) else None
    if kind is None:
        raise ValueError(f"Expected a line with an event of a known kind; got {line[:80]!r}.")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"The fields of {kind.__name__} do not fit: {error}.") from error


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
