"""Random numbers go on where they were."""

from __future__ import annotations

import torch

from diclam import random_state


def test_what_is_drawn_afterwards_is_drawn_again() -> None:
    device = torch.device("cpu")
    state = random_state.take(device)
    drawn = torch.rand(5)
    torch.rand(7)
    random_state.restore(device, state)
    assert torch.equal(torch.rand(5), drawn)
