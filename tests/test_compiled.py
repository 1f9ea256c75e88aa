"""Compiled training makes the steps of plain training, is compiled once for each side, and is left where it does not help.

The tests compile with torch's tracer alone, which needs no compiler of C++ and keeps every digit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from diclam import compiled, random_state
from diclam.events import Compiled, Compiling, Event, Step
from diclam.gate_balance import Gates
from diclam.model import DiCLAM
from diclam.recipe import TrainConfig, build_model, config
from diclam.time_limit import TimeSupervisor
from diclam.train import train
from tests.conftest import Clock, random_cifar10, small_config

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Tracer:
    """A compiler that hands back what it was given, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> torch.fx.GraphModule:
        self.count += 1
        return graph


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch writes down each of its steps for whoever listens, and pytest does."""
    monkeypatch.setattr(logging.getLogger("torch.__trace"), "disabled", True)


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracer]:
    torch._dynamo.reset()
    monkeypatch.setattr(compiled, "BACKEND", tracer := Tracer())
    yield tracer
    torch._dynamo.reset()


def run(**changes: object) -> tuple[DiCLAM, list[Event]]:
    # Two sides, dropout, and an average of the weights that is put in their place at each validation. A clock that stands
    # finds no kind of steps slower than the other.
    fixed = {"early_side": 16, "epochs": 2.0, "weight_average": 0.9}
    settings = small_config("fast", **(fixed | changes))
    settings = TrainConfig.from_dict(settings.to_dict() | {"model": {"dropout_hidden": 0.3}})
    model = build_model(settings)
    return model, list(train(model, random_cifar10(120, side=8), settings, clock=Clock()))


def test_the_steps_are_those_of_the_network_as_it_is(tracer: Tracer) -> None:
    plain, told = run(compile="no")
    assert not any(isinstance(event, Compiling | Compiled) for event in told)
    # To compile anew in the middle, when the stem is trained no more, would stop the run for a minute.
    made, told_too = run(compile="yes")
    assert told_too[1:3] == [Compiling(), Compiled(0.0, "")]
    assert tracer.count == 2
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), made.state_dict().values(), strict=True))
    assert [e for e in told if isinstance(e, Step)] == [e for e in told_too if isinstance(e, Step)]
    run(compile="yes")
    assert tracer.count == 2, "what is compiled serves the next run of the same process"


def test_rehearsals_leave_no_trace(tracer: Tracer) -> None:
    model = build_model(config("report"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = random_state.take(CPU)["cpu"]
    with Gates(model):
        made, reason = compiled.compiled(model, [(4, 3, 8, 8)], torch.float32, clock=Clock())
    assert (made is not model, reason) == (True, "")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(random, random_state.take(CPU)["cpu"])


def test_a_compiler_that_is_missing_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> None:
        raise RuntimeError("no C++ compiler found\nand more")

    torch._dynamo.reset()
    monkeypatch.setattr(compiled, "BACKEND", none)
    plain, _ = run(compile="no")
    model, events = run(compile="yes")
    (told,) = (event for event in events if isinstance(event, Compiled))
    assert told.reason.startswith("It cannot be compiled here: ")
    assert "no C++ compiler found" in told.reason
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), model.state_dict().values(), strict=True))
    torch._dynamo.reset()


def test_what_is_slower_compiled_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Conv2d(3, 2, 1)
    seconds = {"plain": 1.0, "compiled": 1.5}

    def rehearse(which: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, clock: Clock) -> float:
        return seconds["plain" if which is model else "compiled"]

    monkeypatch.setattr(compiled, "_rehearse", rehearse)
    shapes = [(4, 3, 24, 24), (4, 3, 32, 32)]
    made, reason = compiled.compiled(model, shapes, torch.float32)
    assert made is model
    assert reason == "Compiled steps are not faster here: 3,000 ms instead of 2,000 ms."
    seconds["compiled"] = 0.9
    made, reason = compiled.compiled(model, shapes, torch.float32)
    assert made is not model
    assert reason == ""


def test_it_is_given_up_when_there_is_no_more_time(tracer: Tracer) -> None:
    model, asked = build_model(config("report")), iter([False, False, True])
    made, reason = compiled.compiled(model, [(4, 3, 8, 8)], torch.float32, clock=Clock(), enough=lambda: next(asked))
    assert (made is model, reason) == (True, "There was no time for it.")
    assert next(asked, None) is None


@pytest.mark.parametrize(
    ("device", "changes", "used", "expected"),
    [
        (CPU, {"budget": 600.0}, 0.0, False),
        (CUDA, {"budget": 600.0}, 0.0, True),
        (CUDA, {"budget": 600.0}, 500.0, False),
        (CUDA, {"budget": 60.0}, 0.0, False),
        (CUDA, {"budget": 600.0, "epochs": 3.0}, 0.0, False),
        (CUDA, {"budget": 600.0, "compile": "no"}, 0.0, False),
        (CPU, {"budget": 60.0, "compile": "yes"}, 0.0, True),
    ],
)
def test_left_alone_it_is_for_gpus_with_time_to_go(
    device: torch.device, changes: dict[str, object], used: float, expected: bool
) -> None:
    settings = TrainConfig.from_dict(changes)
    assert compiled.wanted(settings, device, TimeSupervisor(settings.budget, Clock(), used=used)) == expected
