"""What only a GPU shows. Without one, all of it is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from diclam.batches import Batches
from diclam.device import exact
from diclam.events import Compiled, Finished, Resumed, Step
from diclam.recipe import build_model
from diclam.train import Training, train
from tests.conftest import Clock, random_cifar10, small_config

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
RECIPES = ("report", "fast", "best")


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Whatever makes the processor wait for the GPU is an error."""
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("teacher", ["", "bundled"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_step_waits_for_nothing(recipe: str, teacher: str, request: pytest.FixtureRequest) -> None:
    config = small_config(recipe, device="cuda", precision="bfloat16", batch_size=16, teacher=teacher)
    training = Training(build_model(config), random_cifar10(), config)
    events = training.run()
    while not isinstance(next(events), Step):  # The first steps build kernels, and an epoch's order is sent over.
        pass
    training.stepper.batches.next(0.5)
    request.getfixturevalue("no_waiting")
    training.stepper.step(0.5)


def test_batches_are_made_without_waiting(request: pytest.FixtureRequest) -> None:
    config = small_config("best", batch_size=16)
    images, labels = random_cifar10().train_images.cuda(), random_cifar10().train_labels.cuda()
    batches = Batches(images, labels, config)
    batches.next(0.0)
    request.getfixturevalue("no_waiting")
    assert batches.next(0.0).pictures_B3HW.is_cuda


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_that_goes_on_ends_as_well(recipe: str, tmp_path: Path) -> None:
    config = small_config(recipe, device="cuda", epochs=3.0)
    training = Training(build_model(config), random_cifar10(), config, clock=Clock())
    for event in training.run():
        if isinstance(event, Step) and event.step > 5:
            torch.save(training.state(), tmp_path / "state.pt")
            break
    going_on = Training(build_model(config), random_cifar10(), config, clock=Clock())
    events = list(going_on.run(torch.load(tmp_path / "state.pt", map_location="cpu", weights_only=True)))
    assert isinstance(events[0], Resumed)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "epochs"


def test_compiled_steps_learn_what_plain_ones_do() -> None:
    def ended(compile: str) -> tuple[dict[str, torch.Tensor], list[Compiled]]:
        config = small_config("fast", device="cuda", epochs=1.0, compile=compile)
        model = build_model(config)
        events = list(train(model, random_cifar10(), config, clock=Clock()))
        return model.state_dict(), [event for event in events if isinstance(event, Compiled)]

    (plain, none), (compiled, (told,)) = ended("no"), ended("yes")
    assert not none
    assert told.reason == "" or told.reason.startswith("It cannot be compiled here")
    for name, weight in plain.items():
        assert torch.allclose(weight.float(), compiled[name].float(), rtol=0.05, atol=0.05), name


@torch.inference_mode()
def test_exact_answers_are_those_of_the_processor() -> None:
    model = build_model(small_config()).eval()
    x = torch.randn(8, 3, 32, 32)
    with exact():
        assert torch.allclose(model(x), model.cuda()(x.cuda()).cpu(), atol=1e-4)
