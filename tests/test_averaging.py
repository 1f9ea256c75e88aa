"""The average of the weights late in a run: what it is, and that training knows nothing of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from diclam.averaging import AVERAGE_FROM, SHARE, Average
from diclam.data import hold_out
from diclam.events import Finished, Resumed, Step, Validated
from diclam.recipe import TrainConfig, build_model
from diclam.train import Training
from diclam.validation import HeldOut
from tests.conftest import Clock, random_cifar10, small_config

LATE = round(1 / SHARE) * 10
"""So many steps were made that the average may look back over ten."""


class Walker(nn.BatchNorm1d):
    """A model whose every weight, statistic and counter is told."""

    def go(self, where: float) -> None:
        with torch.no_grad():
            for value in self.state_dict().values():
                value.fill_(where)


def at(weights: dict[str, Tensor]) -> float:
    """Where all floating-point weights are."""
    values = {value for tensor in weights.values() if tensor.is_floating_point() for value in tensor.tolist()}
    assert len(values) == 1
    return values.pop()


def walked(places: list[float], decay: float, step: int = LATE, fraction: float = 0.8) -> tuple[Walker, Average]:
    model = Walker(3)
    average = Average(model, decay)
    for place in places:
        model.go(place)
        average.follow(step, fraction)
    return model, average


def test_it_is_the_moving_average_of_the_weights_after_each_step() -> None:
    _, average = walked([1.0, 3.0, 2.0], 0.75)
    assert at(average.weights) == pytest.approx(0.75 * (0.75 * 1.0 + 0.25 * 3.0) + 0.25 * 2.0)
    assert average.weights["num_batches_tracked"] == 2  # a counter is the newest


@pytest.mark.parametrize(("step", "expected"), [(LATE, 0.9), (LATE // 2, 0.8), (1, 0.0)])
def test_it_looks_back_over_a_share_of_the_steps_at_the_most(step: int, expected: float) -> None:
    _, average = walked([1.0, 0.0], 0.9999, step)
    assert at(average.weights) == pytest.approx(expected)


def test_before_its_part_of_the_run_and_without_a_decay_there_is_none() -> None:
    for decay, fraction in ((0.9, AVERAGE_FROM - 0.01), (0.0, 0.9)):
        model, average = walked([1.0, 2.0], decay, fraction=fraction)
        with average.in_model():
            assert at(model.state_dict()) == 2.0
        assert average.weights == {}


def test_the_model_holds_it_for_a_while_and_goes_on_with_its_own() -> None:
    model, average = walked([1.0, 2.0], 0.5)
    with suppress(KeyError), average.in_model():
        assert at(model.state_dict()) == 1.5
        assert at(average.own()) == 2.0
        raise KeyError
    assert at(model.state_dict()) == at(average.own()) == 2.0
    model.go(3.0)
    assert at(average.weights) == 1.5


def test_it_goes_on_from_what_was_kept() -> None:
    _, whole = walked([1.0, 2.0, 5.0], 0.5)
    model, half = walked([1.0, 2.0], 0.5)
    going_on = Average(model, 0.5)
    going_on.restore(half.weights)
    model.go(5.0)
    going_on.follow(LATE, 0.8)
    assert at(going_on.weights) == at(whole.weights)


def training(**changes: object) -> Training:
    """Thirty steps, the last of which are averaged."""
    config = small_config(**{"epochs": 3.0, "validate_epochs": 0.5, "weight_average": 0.9, **changes})
    return Training(build_model(config), random_cifar10(side=8), config, clock=Clock(tick=0.1))


def test_training_itself_is_the_same_without_it() -> None:
    def losses(weight_average: float) -> list[float | None]:
        return [event.loss for event in training(weight_average=weight_average).run() if isinstance(event, Step)]

    assert losses(0.9) == losses(0.0)


def test_what_is_validated_is_the_average_and_is_kept() -> None:
    run = training(patience=1000)
    images = run.data.train_images[hold_out(run.data.train_labels, 40)[1]]
    labels = run.data.train_labels[hold_out(run.data.train_labels, 40)[1]]
    late, best = 0, dict[str, Tensor]()
    for event in run.run():
        if isinstance(event, Validated):
            held = HeldOut(images, labels, torch.float32)
            held.limit(event.pictures)
            assert held.look(run.model).confusion == event.confusion
            if run.average.weights:
                late += 1
                assert all(torch.equal(t, run.average.weights[name]) for name, t in run.model.state_dict().items())
                assert any(not torch.equal(t, run.average.own()[name]) for name, t in run.model.state_dict().items())
            if event.best:
                best = {name: t.clone() for name, t in run.model.state_dict().items()}
    assert late
    assert all(torch.equal(t, best[name]) for name, t in run.model.state_dict().items())


def test_a_run_that_goes_on_in_the_middle_of_it_ends_with_the_same_average(tmp_path: Path) -> None:
    whole, cut_off, going_on = (training(holdout=0) for _ in range(3))
    list(whole.run())
    for event in cut_off.run():
        if isinstance(event, Step) and cut_off.average.weights and event.step >= 30:
            torch.save(cut_off.state(), tmp_path / "state.pt")
            break
    events = list(going_on.run(torch.load(tmp_path / "state.pt", weights_only=True)))
    assert isinstance(events[0], Resumed)
    assert whole.step > 30
    for name, weight in going_on.model.state_dict().items():
        assert torch.equal(weight, whole.average.weights[name]), name
        assert torch.equal(weight, whole.model.state_dict()[name]), name


def test_a_run_whose_loss_is_no_number_keeps_finite_weights() -> None:
    run = training(holdout=0)
    for event in run.run():
        if isinstance(event, Step) and event.step > 30:
            with torch.no_grad():
                run.average.own()["classifier.4.weight"].fill_(float("inf"))
        if isinstance(event, Finished):
            assert event.reason == "diverged"
    assert all(t.isfinite().all() for t in run.model.state_dict().values())


def test_an_older_state_has_none() -> None:
    assert TrainConfig().weight_average == 0.0
    run = training(weight_average=0.0)
    state = next(run.state() for event in run.run() if isinstance(event, Step))
    del state["average"]
    assert isinstance(next(training(weight_average=0.0).run(state)), Resumed)
