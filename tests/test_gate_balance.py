"""The gates that a run tells are those of its pictures, nothing listens afterwards, and a collapse is said in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from diclam.blocks import Router
from diclam.events import Step
from diclam.gate_balance import Gates, collapse

STEP = Step(1, 0.1, 2.0, 1e-3, 1.0, 300.0, 0.5, 0.01)


def router() -> Router:
    torch.manual_seed(0)
    return Router(4, 2).train()


def test_the_gates_are_those_of_the_pictures() -> None:
    model, x = router(), torch.randn(6, 4, 2, 2)
    with Gates(model) as gates:
        expected = []
        for part in x.split(3):
            expected.append(model(part).detach())
            gates.note()
        means, spread = gates.take()
        assert gates.take() == (None, None)
    assert means == pytest.approx(torch.cat(expected).mean(0).tolist(), abs=1e-4)
    assert spread == pytest.approx(max((part[:, 0].max() - part[:, 0].min()).item() for part in expected), abs=1e-4)


def test_only_training_is_listened_to_and_nothing_is_left_behind() -> None:
    model = router()
    with Gates(model) as gates:
        model.eval()(torch.randn(2, 4, 2, 2))
        gates.note()
        assert gates.take() == (None, None)
    with pytest.raises(RuntimeError), Gates(model):
        model(torch.randn(2, 5, 2, 2))
    assert not model._forward_hooks


def test_gates_that_are_no_numbers_are_not_told() -> None:
    with Gates(model := router()) as gates:
        model(torch.full((2, 4, 2, 2), torch.nan))
        gates.note()
        assert gates.take() == (None, None)


@pytest.mark.parametrize(
    ("gates", "spread", "words"),
    [
        ([0.5, 0.5], 0.3, ""),
        ([0.96, 0.04], 0.3, "Expert 1 has 96 %"),
        ([0.02, 0.98], 0.001, "Expert 2 has 98 %"),
        ([0.5, 0.5], 0.005, "does not choose"),
        ([1.0], 0.0, ""),
        (None, None, ""),
    ],
)
def test_a_collapse_is_said_in_words(gates: list[float] | None, spread: float | None, words: str) -> None:
    step = replace(STEP, gates=gates, gate_spread=spread)
    assert (words in collapse([step] * 3)) if words else collapse([step] * 3) == ""
    assert collapse([step, replace(STEP, gates=[0.5, 0.5], gate_spread=0.4)]) == ""
