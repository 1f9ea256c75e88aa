"""The models that the page can use: the bundled one and the runs', loaded once, a few at a time."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from diclam import calibration, checkpoint, familiarity, runs, suspects
from diclam.blocks import EXPERTS
from diclam.calibration import Calibration
from diclam.draw import percent
from diclam.errors import CheckpointError, DiclamError, RunError
from diclam.evaluate import FIGURES, Evaluation
from diclam.fader import TABLE, FaderTable
from diclam.familiarity import Familiarity
from diclam.gates import GatesByClass, gates_by_class
from diclam.model import DiCLAM

BUNDLED = "bundled"
"""Key of the checkpoint that comes with the project; every other key is the name of a run."""
Stamp = tuple[str | int, ...]


class Models:
    """Checkpoints and their evaluations, loaded when they are first asked for; the least used are dropped beyond
    `capacity`. A run that was written anew is loaded anew. Safe to use from several threads."""

    def __init__(self, capacity: int = 4) -> None:
        self._capacity = capacity
        self._suspects = suspects.shipped()
        self._lock = threading.Lock()
        self._models: OrderedDict[Stamp, DiCLAM] = OrderedDict()
        self._evaluations: OrderedDict[Stamp, Evaluation] = OrderedDict()
        self._gates: OrderedDict[Stamp, GatesByClass] = OrderedDict()
        self._faders: OrderedDict[Stamp, FaderTable | None] = OrderedDict()
        self._familiarities: OrderedDict[Stamp, Familiarity | None] = OrderedDict()
        self._calibrations: OrderedDict[Stamp, Calibration | None] = OrderedDict()

    def folder(self, key: str) -> Path:
        """Raises RunError for a key that is neither 'bundled' nor the name of a run."""
        return checkpoint.bundled() if key == BUNDLED else runs.find(key).path

    def model(self, key: str) -> DiCLAM:
        """In eval mode, on the CPU: one picture at a time is no work for a GPU; with its temperature, where it has one.
        Raises RunError or CheckpointError."""
        folder = self.folder(key)
        stamp = _stamp(key, folder / calibration.TABLE, folder / checkpoint.WEIGHTS)
        calibrated = self.calibration(key)
        with self._lock:
            if stamp not in self._models:
                try:
                    model = checkpoint.load(folder)
                except CheckpointError as error:  # a visitor knows the model by its key, and no folder of the server
                    raise CheckpointError(str(error).replace(str(folder), key)) from error
                model.temperature = calibrated.temperature if calibrated else None
                self._keep(self._models, stamp, model)
            self._models.move_to_end(stamp)
            return self._models[stamp]

    def evaluation(self, key: str) -> Evaluation | None:
        """With what is known of doubtful labels. None when the model was not tested, the files of its test cannot be read,
        or it has other than two experts, which the page's views of many answers have no place for. Raises RunError."""
        folder = self.folder(key)
        stamp = _stamp(key, folder / FIGURES)
        with self._lock:
            if stamp not in self._evaluations:
                try:
                    evaluation = Evaluation.load(folder)
                except DiclamError:
                    return None
                if evaluation.gates.shape[1] != EXPERTS:
                    return None
                doubted = suspects.among(self._suspects, evaluation.true)
                self._keep(self._evaluations, stamp, replace(evaluation, suspects=doubted))
            self._evaluations.move_to_end(stamp)
            return self._evaluations[stamp]

    def gates(self, key: str) -> GatesByClass | None:
        """Which expert is used for which class; None as with `evaluation`. Raises RunError."""
        evaluation = self.evaluation(key)
        if evaluation is None:
            return None
        stamp = _stamp(key, self.folder(key) / FIGURES)
        with self._lock:
            if stamp not in self._gates:
                self._keep(self._gates, stamp, gates_by_class(evaluation))
            self._gates.move_to_end(stamp)
            return self._gates[stamp]

    def fader_table(self, key: str) -> FaderTable | None:
        """None when it was not measured for these weights, or cannot be read. Raises RunError."""
        folder = self.folder(key)
        stamp = _stamp(key, folder / TABLE, folder / checkpoint.WEIGHTS)
        with self._lock:
            if stamp not in self._faders:
                try:
                    table = FaderTable.load(folder)
                except CheckpointError:
                    table = None
                self._keep(self._faders, stamp, table)
            self._faders.move_to_end(stamp)
            return self._faders[stamp]

    def familiarity(self, key: str) -> Familiarity | None:
        """What tells whether a picture looks like the training pictures. None when it was not made for these weights, or
        cannot be read. Raises RunError."""
        folder = self.folder(key)
        stamp = _stamp(key, folder / familiarity.TABLE, folder / checkpoint.WEIGHTS)
        with self._lock:
            if stamp not in self._familiarities:
                try:
                    found = Familiarity.load(folder)
                except CheckpointError:
                    found = None
                self._keep(self._familiarities, stamp, found)
            self._familiarities.move_to_end(stamp)
            return self._familiarities[stamp]

    def calibration(self, key: str) -> Calibration | None:
        """How far its percentages can be believed. None when that was not measured for these weights, or cannot be read.
        Raises RunError."""
        folder = self.folder(key)
        stamp = _stamp(key, folder / calibration.TABLE, folder / checkpoint.WEIGHTS)
        with self._lock:
            if stamp not in self._calibrations:
                try:
                    found = Calibration.load(folder)
                except CheckpointError:
                    found = None
                self._keep(self._calibrations, stamp, found)
            self._calibrations.move_to_end(stamp)
            return self._calibrations[stamp]

    def choices(self) -> list[tuple[str, str]]:
        """(label, key) of every model there is: the bundled one, then the runs with weights, the newest first."""
        choices = []
        for key in [BUNDLED, *(run.name for run in runs.list_runs() if run.has_checkpoint)]:
            with suppress(RunError):  # deleted a moment ago, or no name of a run
                choices.append((_label(key, self.folder(key)), key))
        return choices

    def _keep(self, cache: OrderedDict, stamp: Stamp, value: object) -> None:
        for old in [old for old in cache if old[0] == stamp[0]]:
            del cache[old]
        cache[stamp] = value
        while len(cache) > self._capacity:
            cache.popitem(last=False)


def _stamp(key: str, *paths: Path) -> Stamp:
    """Tells one state of some files from the next."""
    return key, *(_written(path) for path in paths)


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _label(key: str, folder: Path) -> str:
    """Reads one number only: there may be hundreds of runs, and the list is made each time somebody opens it."""
    try:
        accuracy = json.loads((folder / FIGURES).read_text(encoding="utf-8"))["accuracy"]
        if 0 <= accuracy <= 1:
            return f"{key} - {percent(accuracy)}"
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return f"{key} - not tested"
