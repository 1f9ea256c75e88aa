"""Twelve pictures are pinned, never one of the test, and what is kept of them comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from diclam import data, recorder, snapshots
from diclam.data import CLASSES, hold_out
from diclam.events import Finished, Started, Step, Validated
from diclam.explain import EVEN
from diclam.model import Trace
from diclam.runs import Run
from diclam.snapshots import Album, Keeper
from tests.conftest import Clock, random_cifar10, small_config

STARTED = Started("report", 60.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)
FINISHED = Finished("time", 20, 2.0, 60.0, 320, 0.3)
DATA = random_cifar10()


def step(number: int, loss: float | None = 2.3) -> Step:
    return Step(number, number / 10, loss, 1e-4, 1.0, 300.0, 3.0 * number, number / 20)


def validated(number: int) -> Validated:
    return Validated(number, number / 10, 2.0, 0.3, 40, 3.0 * number, True)


class Certain(torch.nn.Module):
    """Is `sure` that everything is a cat, and looks everywhere alike."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.sure = 0.0

    def trace(self, x_BCHW: torch.Tensor) -> Trace:
        count, nothing = len(x_BCHW), torch.empty(0)
        logits = torch.zeros(count, 10)
        logits[:, CLASSES.index("cat")] = self.sure
        even = torch.full((1, 1, 256, 256), 1 / 256).expand(count, 2, 256, 256)
        return Trace(logits, even, torch.full((count, 2), 0.5), *(nothing,) * 6)


class Twenty(SimpleNamespace):
    """A training of twenty steps, as far as the one who takes snapshots knows it."""

    def at(self, event: Step | Validated) -> Any:
        self.fraction = event.step / 20
        return self


def learning_with(**changes: Any) -> Any:
    return Twenty(model=Certain(), dtype=torch.float32, fraction=0.0, config=small_config(**changes))


def album(folder: Path) -> Album:
    found = snapshots.read(folder)
    assert found is not None
    return found


def keeper(folder: Path, **options: Any) -> Keeper:
    return Keeper(folder, snapshots.choose(DATA, 40), **options)


def test_pinned_pictures_are_held_out_ones_of_every_class() -> None:
    pinned = snapshots.choose(DATA, 40)
    held_out = hold_out(DATA.train_labels, 40)[1]
    candidates = {DATA.train_images[k].permute(1, 2, 0).numpy().tobytes() for k in held_out}
    assert all(image.tobytes() in candidates for image in pinned.images)
    names = [CLASSES[label] for label in pinned.labels]
    assert names == sorted([*CLASSES, "cat", "dog"], key=CLASSES.index)
    assert pinned.held_out
    assert snapshots.choose(DATA, 40).images.tobytes() == pinned.images.tobytes()


def test_with_nothing_held_out_they_are_training_pictures_and_say_so() -> None:
    pinned = snapshots.choose(DATA, 0)
    assert not pinned.held_out
    training = {image.permute(1, 2, 0).numpy().tobytes() for image in DATA.train_images}
    assert all(image.tobytes() in training for image in pinned.images)


def test_snapshots_begin_before_the_first_step_and_end_with_what_is_kept(tmp_path: Path) -> None:
    keeps, learning = keeper(tmp_path), learning_with()
    keeps.see(STARTED, learning)
    for number in range(1, 21):
        learning.model.sure = float(number)
        keeps.see(step(number), learning.at(step(number)))
        if number in (5, 20):
            keeps.see(validated(number), learning.at(validated(number)))
    keeps.see(FINISHED, learning)
    found = album(tmp_path)
    assert found.pinned.labels == snapshots.choose(DATA, 40).labels
    # 15 of 20 steps pass a fifteenth; the last is not taken twice, nor is a validation of a step that was taken.
    assert [s.step for s in found.snapshots] == [0, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 15, 16, 18, 19, 20]
    assert [s.kept for s in found.snapshots] == [False] * 16 + [True]
    cats = [float(s.probabilities[0, CLASSES.index("cat")]) for s in found.snapshots]
    assert cats == sorted(cats)
    assert cats[0] == pytest.approx(0.1)
    assert found.snapshots[0].attention.shape == (12, 2, 16, 16)
    assert (found.snapshots[0].attention == EVEN).all()
    assert found.snapshots[4].seconds == 15.0


def test_snapshots_that_would_cost_too_much_of_the_time_are_left_out(tmp_path: Path) -> None:
    slow = Clock(tick=1.0)  # each takes a second
    keeps, learning = keeper(tmp_path, clock=slow), learning_with(epochs=None, budget=60.0)
    keeps.see(STARTED, learning)
    for number in range(1, 20):
        keeps.see(step(number), learning.at(step(number)))
    assert [s.step for s in album(tmp_path).snapshots] == [0, 4, 8, 12, 16]


def test_what_is_no_number_is_not_kept(tmp_path: Path) -> None:
    keeps, learning = keeper(tmp_path), learning_with()
    keeps.see(step(5, loss=None), learning.at(step(5)))
    learning.model.sure = float("nan")
    keeps.see(step(6), learning.at(step(6)))
    assert album(tmp_path).snapshots == []


def test_a_run_that_goes_on_drops_what_came_after_its_state(tmp_path: Path) -> None:
    keeps, learning = keeper(tmp_path), learning_with()
    for number in (4, 8):
        keeps.see(step(number), learning.at(step(number)))
    again = keeper(tmp_path, step=6)
    assert [s.step for s in album(tmp_path).snapshots] == [4]
    again.see(step(6), learning.at(step(6)))
    again.see(step(12), learning.at(step(12)))
    assert [s.step for s in album(tmp_path).snapshots] == [4, 6, 12]


def test_lines_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    assert snapshots.read(tmp_path) is None
    keeps, learning = keeper(tmp_path), learning_with()
    keeps.see(STARTED, learning)
    path = tmp_path / snapshots.FILE
    whole = path.read_text()
    wrong = json.loads(whole.splitlines()[1])
    lines = [{**wrong, "shape": [3, 2, 16, 16]}, {**wrong, "gates": "x"}, {**wrong, "attention": "AA"}, [1], None]
    path.write_text(whole + "".join(json.dumps(line) + "\n" for line in lines) + whole.splitlines()[1][:50])
    assert len(album(tmp_path).snapshots) == 1
    path.write_text(whole.replace('"labels": [0', '"labels": [99'))
    assert snapshots.read(tmp_path) is None


def test_a_recorded_run_keeps_its_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress=None: DATA)
    seen: list[object] = []
    recorder.record(Run(tmp_path / "run"), small_config(), seen.append, lambda: False)
    found = album(tmp_path / "run")
    (finished,) = [event for event in seen if isinstance(event, Finished)]
    first, *_, last = found.snapshots
    assert (first.step, first.kept) == (0, False)
    assert (last.step, last.kept, last.seconds) == (finished.step, True, pytest.approx(finished.seconds, abs=0.01))
    assert np.ptp(last.attention) > 0
    assert not np.array_equal(first.probabilities, last.probabilities)
    assert snapshots.size(tmp_path / "run") < 20_000 * (len(found.snapshots) + 3)
