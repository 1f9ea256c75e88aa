"""Device and precision are what this machine has and what is fast on it."""

from __future__ import annotations

import pytest
import torch

from diclam import device
from diclam.device import exact
from diclam.errors import ConfigError


def test_auto_is_a_device_that_computes() -> None:
    assert torch.ones(2, device=device.pick_device()).sum().item() == 2


def test_a_device_that_is_not_here_is_a_message() -> None:
    for name in ("cuda:99", "rocket"):
        with pytest.raises(ConfigError, match=f"{name}.*try 'cpu'"):
            device.pick_device(name)


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_precision_that_was_asked_for_is_taken(name: str, dtype: torch.dtype) -> None:
    assert device.pick_precision(name, torch.device("cpu"), clock=pytest.fail) == dtype


@pytest.mark.parametrize(
    ("full", "half", "dtype"),
    [(1.0, 0.5, torch.bfloat16), (1.0, 0.9, torch.float32), (1.0, 50.0, torch.float32)],
    ids=["twice as fast", "hardly faster", "no instructions for it"],
)
def test_the_faster_precision_is_taken(
    monkeypatch: pytest.MonkeyPatch, full: float, half: float, dtype: torch.dtype
) -> None:
    seconds = {torch.float32: full, torch.bfloat16: half}
    monkeypatch.setattr(device, "_convolution", lambda place, precision, clock: lambda: seconds[precision])
    assert device.pick_precision("auto", torch.device("cpu")) == dtype


def test_what_else_the_machine_does_for_a_moment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {torch.float32: iter([1.0] * 20), torch.bfloat16: iter([1.5] * 9 + [0.6] + [1.5] * 10)}
    monkeypatch.setattr(device, "_convolution", lambda place, precision, clock: lambda: next(seconds[precision]))
    assert device.pick_precision("auto", torch.device("cpu")) == torch.bfloat16


def test_a_precision_without_instructions_is_asked_three_times_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {torch.float32: iter([1.0] * 3), torch.bfloat16: iter([100.0] * 3)}
    monkeypatch.setattr(device, "_convolution", lambda place, precision, clock: lambda: next(seconds[precision]))
    assert device.pick_precision("auto", torch.device("cpu")) == torch.float32


def test_the_question_is_cheap_and_answers() -> None:
    looks = iter(range(10_000))
    picked = device.pick_precision("auto", torch.device("cpu"), clock=lambda: float(next(looks)))
    assert picked == torch.float32, "by this clock both take the same time"
    assert next(looks) < 100


def test_exact_convolutions_are_so_for_a_while_only() -> None:
    before = torch.backends.cudnn.allow_tf32
    with exact():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


def test_autocast_only_for_half_precision() -> None:
    x, weight = torch.ones(2, 2), torch.ones(2, 2)
    for dtype in (torch.float32, torch.bfloat16):
        with device.autocast(torch.device("cpu"), dtype):
            assert (x @ weight).dtype == dtype
