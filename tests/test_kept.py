"""What is kept stays as it was, however the network goes on."""

from __future__ import annotations

import torch
from torch import nn

from diclam.kept import Kept, LastGood, copied


def test_a_copy_does_not_follow_its_network() -> None:
    model = nn.BatchNorm1d(3)
    before = copied(model)
    with torch.no_grad():
        model.weight.add_(1)
    assert before.keys() == model.state_dict().keys()
    assert before["weight"].tolist() == [1, 1, 1]
    assert not before["weight"].requires_grad


def test_who_takes_new_weights_forgets_what_was_said_of_the_old_ones() -> None:
    kept, model = Kept(), nn.Linear(2, 2)
    assert not kept.weights
    kept.take(model, 0.5, torch.tensor([True, False]))
    kept.take(model)
    assert kept.accuracy < 0
    assert kept.right_N is None
    assert torch.equal(kept.weights["weight"], model.weight)


def test_weights_are_good_when_the_loss_of_the_step_after_them_is_known() -> None:
    model = nn.Linear(1, 1, bias=False)

    def moved_to(value: float) -> None:
        with torch.no_grad():
            model.weight.fill_(value)

    moved_to(0)
    good = LastGood(model)
    for value in (1, 2, 3):  # Each step's loss is that of the weights before it.
        moved_to(value)
        good.confirm()
        assert good.kept.weights["weight"].item() == value - 1
    moved_to(torch.nan)
    assert good.kept.weights["weight"].item() == 2
