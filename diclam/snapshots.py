"""Twelve pinned pictures, answered again and again while a network is trained.

A run keeps them in one small file, which is only ever added to:

    snapshots.jsonl   the pictures and their classes; then one snapshot a line, some kB each

It is apart from the events, which are read every second. The pictures are held-out ones, the same in every run that holds
pictures out; where nothing is held out they are training pictures, and the file says so. The test set is never among them.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from diclam.augment import normalize
from diclam.data import CLASSES, Cifar10, hold_out
from diclam.device import Clock, autocast
from diclam.events import Event, Finished, Started, Step, Validated
from diclam.explain import to_byte
from diclam.files import replacing
from diclam.model import DiCLAM
from diclam.predict import answering
from diclam.recipe import TrainConfig

FILE = "snapshots.jsonl"
PINNED = 12
# The second picture of a class is taken from these first, as they are mixed up most.
TWICE = ("cat", "dog")
# Snapshots of a run, evenly spread, beside those at its validations; fewer where they would take more than this share of its
# time. At each fifth, where a short run validates, is always one.
MOMENTS, LEAST, SHARE = 15, 5, 0.005
SIDE = 32


@dataclass(frozen=True, eq=False)
class Pinned:
    """Pictures that are looked at again and again."""

    images: np.ndarray
    """(P, 32, 32, 3) uint8"""
    labels: tuple[int, ...]
    """Their classes."""
    held_out: bool
    """False: the network is trained on them."""

    def to_json(self) -> dict[str, Any]:
        pixels = base64.b64encode(self.images.tobytes()).decode()
        return {"pictures": pixels, "labels": list(self.labels), "held_out": self.held_out}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the network said of P pinned pictures at one moment."""

    step: int
    epoch: float
    seconds: float
    """On the budget's clock."""
    fraction: float
    """Of the run that was over, 0 to 1."""
    kept: bool
    """Whether these are the weights that the run kept, at its end."""
    probabilities: np.ndarray
    """(P, 10), rows sum to 1 up to rounding."""
    gates: np.ndarray
    """(P, E), rows sum to 1 up to rounding."""
    attention: np.ndarray
    """(P, heads, rows, columns) uint8 on the scale of `diclam.explain.to_byte`: how much all positions together took from
    each, the mean over the queries."""

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            "seconds": round(self.seconds, 3),
            "fraction": round(self.fraction, 4),
            "kept": self.kept,
            "probabilities": self.probabilities.round(4).tolist(),
            "gates": self.gates.round(4).tolist(),
            "shape": list(self.attention.shape),
            "attention": base64.b64encode(self.attention.tobytes()).decode(),
        }


@dataclass(frozen=True)
class Album:
    """All that a run kept of its pinned pictures."""

    pinned: Pinned
    snapshots: Sequence[Snapshot]
    """In the order they were taken."""


def choose(data: Cifar10, holdout: int) -> Pinned:
    """The first held-out pictures of each class, sorted by class: one of each, and a second one of some, to make twelve. Of
    the training pictures where nothing is held out."""
    labels = data.train_labels
    learned, held_out = hold_out(labels, holdout)
    numbers = held_out if holdout else learned
    order = [CLASSES.index(name) for name in (*TWICE, *(name for name in CLASSES if name not in TWICE))]
    of_class = {k: numbers[labels[numbers] == k][:PINNED].tolist() for k in order}
    by_turns = [of_class[k][turn] for turn in range(PINNED) for k in order if turn < len(of_class[k])]
    chosen = sorted(by_turns[:PINNED], key=lambda number: int(labels[number]))
    images = data.train_images[chosen].permute(0, 2, 3, 1).contiguous().numpy()
    return Pinned(images, tuple(int(label) for label in labels[chosen]), held_out=holdout > 0)


class Learning(Protocol):
    """What is asked of `diclam.train.Training` here, between two of its events."""

    model: DiCLAM
    config: TrainConfig
    dtype: torch.dtype

    @property
    def fraction(self) -> float: ...


class Keeper:
    """Takes the snapshots of a run and adds them to its file. Each is one pass over twelve pictures."""

    def __init__(self, folder: Path, pinned: Pinned, step: int | None = None, clock: Clock = time.monotonic) -> None:
        """Begins the file in `folder`; with a step, goes on with the one there, without what came after that step."""
        self._path, self._clock = folder / FILE, clock
        self._images_P3HW = torch.from_numpy(pinned.images.copy()).permute(0, 3, 1, 2)
        kept = read(folder) if step is not None else None
        before = [snapshot for snapshot in kept.snapshots if snapshot.step <= (step or 0)] if kept else []
        self._step, self._fraction = (before[-1].step, before[-1].fraction) if before else (-1, 0.0)
        self._cost = 0.0
        """Seconds that the newest one took."""
        with replacing(self._path) as path:
            lines = [(kept.pinned if kept else pinned).to_json(), *(snapshot.to_json() for snapshot in before)]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def see(self, event: Event, training: Learning) -> None:
        """To be called after each event of the training. Takes a snapshot at the start, at each validation, evenly spread
        between them, and of the weights that are kept in the end."""
        if isinstance(event, Started):
            self._add(training, 0, 0.0, 0.0)
        elif isinstance(event, Finished):
            self._add(training, event.step, event.epoch, event.seconds, kept=True)
        elif isinstance(event, Step | Validated) and self._is_due(event, training):
            self._add(training, event.step, event.epoch, event.seconds)

    def _is_due(self, event: Step | Validated, training: Learning) -> bool:
        # At the end of its time a run has none left for this, and the weights that are kept follow at once.
        if event.loss is None or event.step == self._step or training.fraction >= 1:
            return False
        moments = MOMENTS
        if training.config.epochs is None:
            affordable = training.config.budget * SHARE / max(self._cost, 1e-9)
            moments = max(min(MOMENTS, int(affordable)), LEAST)
        return isinstance(event, Validated) or int(moments * training.fraction) > int(moments * self._fraction)

    def _add(self, training: Learning, step: int, epoch: float, seconds: float, *, kept: bool = False) -> None:
        start = self._clock()
        answers = answer(training.model, self._images_P3HW, training.dtype)
        self._cost = self._clock() - start
        self._step, self._fraction = step, 1.0 if kept else training.fraction
        if not np.isfinite(answers[0]).all():  # it has diverged since the last loss
            return
        snapshot = Snapshot(step, epoch, seconds, self._fraction, kept, *answers)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(snapshot.to_json(), allow_nan=False) + "\n")


def answer(model: DiCLAM, images_P3HW: Tensor, dtype: torch.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the model says of byte pictures (P, 3, 32, 32) in the precision it is trained in -> probabilities, gates and
    attention, as in a `Snapshot`. The model's mode is left as it was."""
    device = next(model.parameters()).device
    with answering(model), autocast(device, dtype):
        traced = model.trace(normalize(images_P3HW.to(device)).contiguous(memory_format=torch.channels_last))
        maps_PMN = traced.attention_BMNN.float().mean(2)
        probabilities, gates = traced.logits_BK.float().softmax(1), traced.gates_BE.float()
    rows, columns = (int(side) // 2 for side in images_P3HW.shape[2:])  # after the one max-pool before the attention
    attention = to_byte(maps_PMN.cpu().numpy()).reshape(*maps_PMN.shape[:2], rows, columns)
    return probabilities.cpu().numpy(), gates.cpu().numpy(), attention


def size(folder: Path) -> int:
    """Bytes of snapshots in a run's folder; it grows by each."""
    try:
        return (folder / FILE).stat().st_size
    except OSError:
        return 0


def read(folder: Path) -> Album | None:
    """What a run's folder holds; None when it has no pictures, or they cannot be read. A half-written last line, or any
    other that cannot be read, is left out."""
    try:
        first, *rest = (folder / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        pinned = _pinned(json.loads(first))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    snapshots = []
    for line in rest:
        with suppress(ValueError, TypeError, KeyError):
            snapshots.append(_snapshot(json.loads(line), len(pinned.labels)))
    return Album(pinned, snapshots)


def _pinned(values: dict[str, Any]) -> Pinned:
    labels = tuple(int(label) for label in values["labels"])
    if not labels or not all(0 <= label < len(CLASSES) for label in labels):
        raise ValueError(f"expected numbers of classes; got {labels}")
    images = np.frombuffer(base64.b64decode(values["pictures"], validate=True), np.uint8)
    return Pinned(images.reshape(len(labels), SIDE, SIDE, 3), labels, bool(values["held_out"]))


def _snapshot(values: dict[str, Any], count: int) -> Snapshot:
    attention = np.frombuffer(base64.b64decode(values["attention"], validate=True), np.uint8)
    pictures, heads, rows, columns = (int(side) for side in values["shape"])
    probabilities, gates = (np.array(values[name], np.float32) for name in ("probabilities", "gates"))
    if pictures != count or probabilities.shape != (count, len(CLASSES)) or gates.ndim != 2 or len(gates) != count:
        raise ValueError(f"expected the answers for {count} pictures")
    step, epoch, seconds, fraction = (values[name] for name in ("step", "epoch", "seconds", "fraction"))
    numbers = int(step), float(epoch), float(seconds), float(fraction)
    attention = attention.reshape(pictures, heads, rows, columns)
    return Snapshot(*numbers, bool(values["kept"]), probabilities, gates, attention)
