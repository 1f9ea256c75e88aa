"""What a training run promises: its limit, its reasons to end, the weights it leaves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from sklearn.metrics import confusion_matrix

from diclam.augment import normalize
from diclam.data import Cifar10, hold_out, share
from diclam.errors import ConfigError
from diclam.events import Continued, Event, Finished, Paused, Resumed, Started, Step, Validated
from diclam.model import DiCLAM
from diclam.recipe import TrainConfig, build_model
from diclam.train import HURRY, Training, train
from diclam.validation import BATCH, SMALL_BATCH, HeldOut, Look
from tests.conftest import Clock, random_cifar10, small_config


def pictures(train: int = 200) -> Cifar10:
    """Small ones: what a run promises has nothing to do with how large they are."""
    return random_cifar10(train, side=8)


def run(config: TrainConfig, clock: Clock | None = None, data: Cifar10 | None = None) -> tuple[DiCLAM, list[Event]]:
    model = build_model(config)
    return model, list(train(model, data or pictures(), config, clock=clock or Clock()))


def the(events: list[Event], kind: type[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_stops_at_the_time_limit() -> None:
    # Every look at the clock takes 0.05 s, so a run of 10 s ends after a few dozen steps.
    _, events = run(small_config(budget=10.0, epochs=None), Clock(tick=0.05))
    finished = the(events, Finished)[0]
    assert finished.reason == "time"
    assert 8.5 < finished.seconds <= 10.5


def test_a_second_step_that_would_not_end_in_time_is_not_begun() -> None:
    clock = Clock(tick=0.001)
    config = small_config(budget=10.0, epochs=None, holdout=0)
    model = build_model(config)

    def charge(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        clock.now += 6 if module.training else 0

    model.register_forward_pre_hook(charge)  # pyright: ignore[reportArgumentType]
    finished = the(list(train(model, pictures(), config, clock=clock)), Finished)[0]
    assert (finished.reason, finished.step) == ("time", 1)
    assert finished.seconds <= 10


def test_one_slow_step_does_not_end_a_run_early() -> None:
    clock = Clock(tick=0.05)
    config = small_config(budget=30.0, epochs=None)
    model = build_model(config)
    steps = iter(range(10**6))

    def hesitate(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if module.training and next(steps) == 10:
            clock.now += 5

    model.register_forward_pre_hook(hesitate)  # pyright: ignore[reportArgumentType]
    finished = the(list(train(model, pictures(), config, clock=clock)), Finished)[0]
    assert 28.5 < finished.seconds <= 30.5


@pytest.mark.parametrize("budget", [3.0, 10.0, 60.0])
def test_a_short_budget_validates_at_least_five_times(budget: float) -> None:
    _, events = run(small_config(budget=budget, epochs=None), Clock(tick=budget / 300))
    assert len(the(events, Validated)) >= 5


def test_validation_costs_under_a_twentieth_of_the_run() -> None:
    class Metered(Clock):
        """Each batch that the model looks at takes time: 10 ms a picture, three times as much when it learns."""

    clock = Metered()
    config = small_config(budget=20.0, epochs=None, holdout=1000)
    model = build_model(config)
    spent = {True: 0.0, False: 0.0}

    def charge(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        seconds = len(inputs[0]) * (0.03 if module.training else 0.01)
        spent[module.training] += seconds
        clock.now += seconds

    handle = model.register_forward_pre_hook(charge)  # pyright: ignore[reportArgumentType]
    events = list(train(model, pictures(2000), config, clock=clock))
    handle.remove()
    validations = the(events, Validated)
    assert len(validations) >= 5
    assert sum(v.pictures for v in validations) * 0.01 <= 0.05 * 20
    assert the(events, Finished)[0].seconds <= 20.5


def test_a_machine_that_becomes_slow_does_not_hold_up_the_end() -> None:
    clock, slow = Clock(), False
    config = small_config(budget=20.0, epochs=None, holdout=1000)
    model = build_model(config)

    def charge(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        clock.now += len(inputs[0]) * (0.05 if module.training else 0.01 if slow else 0.0005)

    model.register_forward_pre_hook(charge)  # pyright: ignore[reportArgumentType]
    looks = []
    for event in train(model, pictures(2000), config, clock=clock):
        if isinstance(event, Validated):
            looks.append(event.pictures)
        slow = slow or (isinstance(event, Step) and event.seconds > 17)
    *before, last = looks
    assert set(before) == {looks[0]}
    assert looks[0] > 2 * SMALL_BATCH
    assert last == SMALL_BATCH
    assert clock.now <= 20 + 0.01 * SMALL_BATCH + HURRY


def test_each_validation_tells_its_confusion_matrix() -> None:
    config = small_config(epochs=2.0, validate_epochs=1.0)
    model, events = run(config)
    validations = the(events, Validated)
    held_out = hold_out(pictures().train_labels, 40)[1][: validations[-1].pictures]
    data = pictures()
    with torch.inference_mode():
        said = model(normalize(data.train_images[held_out])).argmax(1)
    expected = confusion_matrix(data.train_labels[held_out], said, labels=range(10)).tolist()
    best = [v for v in validations if v.best][-1]
    assert best.confusion == expected
    for validated in validations:
        counts = torch.tensor(validated.confusion)
        assert counts.sum() == validated.pictures
        assert counts.trace() / counts.sum() == pytest.approx(validated.accuracy)


def test_stops_after_the_epochs() -> None:
    _, events = run(small_config(epochs=2.0))
    finished = the(events, Finished)[0]
    assert finished.reason == "epochs"
    assert finished.step == 2 * (160 // 16)
    assert finished.epoch == 2.0
    assert the(events, Step)[-1].step == finished.step


def test_the_learning_rate_reaches_its_end() -> None:
    config = small_config(epochs=3.0)
    _, events = run(config)
    rates = [step.learning_rate for step in the(events, Step)]
    assert rates[0] == pytest.approx(config.learning_rate / 25)
    assert rates[-1] < config.learning_rate / 20


def test_stops_when_asked_and_keeps_the_result() -> None:
    config = small_config(epochs=100.0)
    model = build_model(config)
    asked = iter([False] * 15 + [True] * 10)
    events = list(train(model, pictures(), config, clock=Clock(), stop=lambda: next(asked)))
    finished = the(events, Finished)[0]
    assert finished.reason == "stopped"
    assert finished.step == 15
    assert finished.best_accuracy is not None
    assert not model.training


def test_who_stops_a_run_does_not_wait_for_a_whole_validation() -> None:
    clock = Clock()
    config = small_config(epochs=100.0, holdout=600, batch_size=100)
    model = build_model(config)

    def charge(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        clock.now += 0.002 * len(inputs[0])

    model.register_forward_pre_hook(charge)  # pyright: ignore[reportArgumentType]
    asked = iter([False] * 2 + [True])
    events = list(train(model, pictures(1000), config, clock=clock, stop=lambda: next(asked)))
    [hurried] = the(events, Validated)
    assert 0 < hurried.pictures <= SMALL_BATCH * math.ceil(HURRY / 0.002 / SMALL_BATCH) < 600
    assert sum(map(sum, hurried.confusion)) == hurried.pictures
    assert the(events, Finished)[0].seconds - the(events, Step)[-1].seconds <= HURRY + 0.002 * SMALL_BATCH


def test_a_stop_ends_a_validation_after_the_pictures_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeldOut, "affordable", lambda *_: (1500, 0.0))
    config = small_config(epochs=100.0, holdout=1500, batch_size=100, validate_epochs=1.0)
    model, answered = build_model(config), []

    def answers(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if not module.training:
            answered.append(len(inputs[0]))

    model.register_forward_pre_hook(answers)  # pyright: ignore[reportArgumentType]
    events = list(train(model, pictures(2000), config, clock=Clock(), stop=lambda: bool(answered)))
    assert [(v.pictures, v.step) for v in the(events, Validated)] == [(BATCH, 5)]
    assert the(events, Finished)[0].reason == "stopped"


@pytest.mark.parametrize(("right", "kept"), [(9, False), (10, True)])
def test_a_shorter_look_is_held_against_the_same_pictures(right: int, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first 10 of 40 pictures are the easy ones: all of them were answered right before, and a quarter of the whole."""
    looks = iter([torch.arange(40) < 10, torch.arange(10) < right])

    def look(*_: object, **__: object) -> Look:
        right_N = next(looks)
        return Look(1.0, right_N.double().mean().item(), [], right_N)

    monkeypatch.setattr(HeldOut, "look", look)
    config = small_config(epochs=20.0, validate_epochs=1.0)
    model = build_model(config)
    asked = iter([False] * 15 + [True])
    events = list(train(model, pictures(), config, clock=Clock(), stop=lambda: next(asked)))
    assert [(v.pictures, v.best) for v in the(events, Validated)] == [(40, True), (10, kept)]


def test_a_pause_does_not_count_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(tick=0.01)
    config = small_config(epochs=0.5)
    asked = iter([False] * 3 + [True] * 4)

    def sleep(seconds: float) -> None:
        clock.now += 1000

    monkeypatch.setattr("diclam.train.time.sleep", sleep)
    model = build_model(config)
    training = Training(model, pictures(), config, clock=clock, pause=lambda: next(asked, False))
    events = list(training.run())
    paused, continued = the(events, Paused)[0], the(events, Continued)[0]
    assert (paused.step, continued.step) == (3, 3)
    assert continued.seconds == paused.seconds
    assert the(events, Finished)[0].seconds < 10
    assert all(step.pictures_per_second > 16 for step in the(events, Step))
    unpaused, _ = run(config)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), unpaused.parameters(), strict=True))


def test_a_run_that_waits_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("diclam.train.time.sleep", waited.append)
    config = small_config()
    training = Training(
        build_model(config), pictures(), config, clock=Clock(), pause=lambda: True, stop=lambda: len(waited) > 2
    )
    assert the(list(training.run()), Finished)[0].reason == "stopped"
    assert len(waited) == 3


def test_a_share_of_the_pictures_is_even_and_makes_the_epochs_shorter() -> None:
    _, events = run(small_config(train_share=0.5))
    started, finished = the(events, Started)[0], the(events, Finished)[0]
    assert (started.train_pictures, finished.step) == (80, 5)
    labels = pictures().train_labels
    some, more = share(labels, 50, seed=0), share(labels, 100, seed=0)
    assert torch.bincount(labels[some]).tolist() == [5] * 10
    assert set(some.tolist()) < set(more.tolist())
    with pytest.raises(ConfigError, match="train_share"):
        share(labels, 9, seed=0)


def test_steps_tell_how_the_experts_are_used() -> None:
    _, events = run(small_config())
    for step in the(events, Step):
        assert sum(step.gates) == pytest.approx(1, abs=1e-4)
        assert 0 <= step.gate_spread < 1


def test_stops_as_converged_when_nothing_improves() -> None:
    # A learning rate of almost zero: no validation after the first is better.
    config = small_config(epochs=500.0, validate_epochs=0.5, patience=3, learning_rate=1e-9, weight_decay=0.0)
    data = pictures()
    model = build_model(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0  # or the moving averages would go on changing the answers
    events = list(train(model, data, config, clock=Clock()))
    assert the(events, Finished)[0].reason == "converged"
    assert the(events, Finished)[0].step < 500 * 10


def test_without_patience_nothing_is_waited_for() -> None:
    config = small_config(epochs=8.0, validate_epochs=0.5, patience=0, learning_rate=1e-9, weight_decay=0.0)
    _, events = run(config)
    assert len(the(events, Validated)) > 10
    assert the(events, Finished)[0].reason == "epochs"


class Poisoned(DiCLAM):
    """Answers with infinity from its n-th training step on."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x_B3HW: torch.Tensor) -> torch.Tensor:
        logits = super().forward(x_B3HW)
        if self.training:
            self.steps -= 1
            if self.steps < 0:
                return logits * math.inf
        return logits


def test_the_stem_stays_as_it_is_in_the_last_part() -> None:
    settings = small_config("fast", epochs=4.0, holdout=0, weight_average=0.0, freeze_stem=0.5)
    model = build_model(settings)
    training = Training(model, pictures(), settings, clock=Clock(tick=0.1))
    weights, fractions, stems, heads = dict(model.named_parameters()), [], [], []
    for event in training.run():
        if isinstance(event, Step):
            fractions.append(training.fraction)
            stems.append(weights["stem.1.0.weight"].detach().clone())
            heads.append(weights["classifier.4.weight"].detach().clone())
    moved = [not torch.equal(before, after) for before, after in pairwise(stems)]
    # A step is made with what is over of the run before it.
    assert moved == [fraction < 0.5 for fraction in fractions[:-1]]
    assert {True, False} == set(moved)
    assert not any(torch.equal(before, after) for before, after in pairwise(heads))
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_loss_that_is_no_number_ends_the_run_with_good_weights() -> None:
    model = Poisoned(steps=6)
    events = list(train(model, pictures(), small_config(epochs=5.0), clock=Clock(tick=1.0)))
    assert the(events, Finished)[0].reason == "diverged"
    assert the(events, Step)[-1].loss is None
    assert all(torch.isfinite(t).all() for t in model.state_dict().values())


def test_diverging_in_the_first_step_leaves_finite_weights() -> None:
    model = Poisoned(steps=0)
    events = list(train(model, pictures(), small_config(epochs=5.0, holdout=0), clock=Clock(tick=1.0)))
    assert the(events, Finished)[0].reason == "diverged"
    assert all(torch.isfinite(t).all() for t in model.state_dict().values())


def test_the_best_validation_is_what_is_kept() -> None:
    config = small_config(epochs=6.0, validate_epochs=1.0)
    model = build_model(config)
    at_best: dict[str, torch.Tensor] = {}
    best = -1.0
    for event in train(model, pictures(), config, clock=Clock()):
        if isinstance(event, Validated) and event.best:
            assert event.accuracy >= best
            best = event.accuracy
            at_best = {name: t.clone() for name, t in model.state_dict().items()}
        elif isinstance(event, Finished):
            assert event.best_accuracy == best
    assert all(torch.equal(t, at_best[name]) for name, t in model.state_dict().items())


def test_without_a_holdout_the_last_weights_are_kept() -> None:
    model, events = run(small_config(holdout=0))
    assert the(events, Started)[0].train_pictures == 200
    assert the(events, Started)[0].validation_pictures == 0
    assert not the(events, Validated)
    assert the(events, Finished)[0].best_accuracy is None
    fresh = build_model(small_config(holdout=0)).state_dict()
    assert any(not torch.equal(t, fresh[name]) for name, t in model.state_dict().items())


def test_closing_the_run_leaves_the_best_weights_and_eval_mode() -> None:
    config = small_config(epochs=50.0, validate_epochs=1.0)
    model = build_model(config)
    events: Iterator[Event] = train(model, pictures(), config, clock=Clock(tick=0.2))
    at_best: dict[str, torch.Tensor] = {}
    for event in events:
        if isinstance(event, Validated) and event.best:
            at_best = {name: t.clone() for name, t in model.state_dict().items()}
        if isinstance(event, Step) and event.step > 25:
            break
    events.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not model.training
    assert all(torch.equal(t, at_best[name]) for name, t in model.state_dict().items())


def test_same_seed_and_steps_give_the_same_weights() -> None:
    config = small_config(epochs=1.5, cutout=8, label_smoothing=0.1)
    first, _ = run(config)
    # Another speed, and other randomness before it, change nothing.
    torch.rand(7)
    second, _ = run(config, Clock(tick=0.01))
    assert all(torch.equal(t, second.state_dict()[name]) for name, t in first.state_dict().items())
    other, _ = run(small_config(epochs=1.5, cutout=8, label_smoothing=0.1, seed=1))
    assert any(not torch.equal(t, other.state_dict()[name]) for name, t in first.state_dict().items())


@pytest.mark.parametrize("recipe", ["report", "fast"])
@pytest.mark.parametrize("kind", [Step, Validated])
def test_a_run_that_goes_on_ends_with_the_same_weights(recipe: str, kind: type[Event], tmp_path: Path) -> None:
    config = small_config(recipe=recipe, epochs=3.0, validate_epochs=1.0, early_side=16)
    whole, told = run(config)

    def training() -> Training:
        return Training(build_model(config), pictures(), config, clock=Clock(tick=0.1))

    cut_off, step = training(), 0
    for event in cut_off.run():
        if isinstance(event, kind) and (step := event.step) >= 10:  # pyright: ignore[reportAttributeAccessIssue]
            torch.save(cut_off.state(), tmp_path / "state.pt")
            break
    going_on = training()
    events = list(going_on.run(torch.load(tmp_path / "state.pt", weights_only=True)))
    assert isinstance(events[0], Resumed)
    assert events[0].step == step
    assert the(events, Finished)[0].step == the(told, Finished)[0].step
    assert the(events, Finished)[0].best_accuracy == the(told, Finished)[0].best_accuracy
    for name, weight in going_on.model.state_dict().items():
        assert torch.equal(weight, whole.state_dict()[name]), name


def test_a_run_goes_on_only_on_the_kind_of_device_it_began_on() -> None:
    config = small_config(epochs=3.0)
    training = Training(build_model(config), pictures(), config, clock=Clock())
    state = next(training.state() for event in training.run() if isinstance(event, Step))
    other = Training(build_model(config), pictures(), config, clock=Clock())
    with pytest.raises(ConfigError, match="trained on cuda so far and can only go on there"):
        list(other.run(state | {"device": "cuda"}))


def test_a_run_goes_on_from_a_state_of_an_older_version(tmp_path: Path) -> None:
    config = small_config(epochs=3.0, validate_epochs=1.0)
    whole, told = run(config)
    cut_off = Training(build_model(config), pictures(), config, clock=Clock(tick=0.1))
    for event in cut_off.run():
        if isinstance(event, Step) and event.step > 10:
            torch.save(
                {k: v for k, v in cut_off.state().items() if k not in ("average", "best_right", "device")},
                tmp_path / "state",
            )
            break
    going_on = Training(build_model(config), pictures(), config, clock=Clock(tick=0.1))
    events = list(going_on.run(torch.load(tmp_path / "state", weights_only=True)))
    assert the(events, Finished)[0].best_accuracy == the(told, Finished)[0].best_accuracy
    assert all(torch.equal(weight, whole.state_dict()[name]) for name, weight in going_on.model.state_dict().items())


def test_the_loss_of_each_picture_is_noted_where_easy_ones_are_left_out() -> None:
    config = small_config(epochs=1.0, skip_easy=0.5, label_smoothing=0.3)
    training = Training(build_model(config), pictures(), config)
    for _ in training.run():
        pass
    losses = training.stepper.batches.state()["losses"]
    seen = losses.isfinite()
    assert seen.sum() == training.seen
    assert (losses[seen] > 0).all()


def test_time_that_was_used_before_counts() -> None:
    config = small_config(budget=20.0, epochs=None)
    first = Training(build_model(config), pictures(), config, clock=Clock(tick=0.05))
    state = next(first.state() for event in first.run() if isinstance(event, Step) and event.seconds > 12)
    second = Training(build_model(config), pictures(), config, clock=Clock(tick=0.05))
    events = list(second.run(state))
    assert the(events, Resumed)[0].seconds > 12
    assert the(events, Finished)[0].reason == "time"
    assert 18 < the(events, Finished)[0].seconds <= 21


def test_learns_to_tell_bright_from_dark() -> None:
    data = pictures(400)
    shade = (data.train_labels * 25)[:, None, None, None].to(torch.uint8)
    easy = Cifar10((data.train_images // 16) + shade, data.train_labels, data.test_images, data.test_labels)
    _, events = run(small_config(epochs=6.0, validate_epochs=2.0, holdout=100, flip="none", crop_padding=0), data=easy)
    accuracies = [v.accuracy for v in the(events, Validated)]
    assert max(accuracies) > 0.6
    losses = [s.loss for s in the(events, Step)]
    assert losses[-1] < losses[0] / 2


def test_step_events_come_at_most_four_a_second() -> None:
    _, events = run(small_config(budget=6.0, epochs=None), Clock(tick=0.01))
    steps = the(events, Step)
    assert 5 < len(steps) <= 6 * 4 + 2 + len(the(events, Validated))


def test_asks_for_enough_pictures() -> None:
    with pytest.raises(ConfigError, match="200 training pictures; got 5,000"):
        run(small_config(holdout=5000))
    with pytest.raises(ConfigError, match="batch_size is 512"):
        run(small_config(batch_size=512))


def test_an_unknown_device_is_a_readable_error() -> None:
    with pytest.raises(ConfigError, match="warp"):
        run(small_config(device="warp"))
