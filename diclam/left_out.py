"""What stands where a network has its attention or its experts left out, to measure what they are worth."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NoAttention(nn.Module):
    """Hands on what it gets: each position knows of itself alone."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def trace(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the weights (B, 1, N, N) of one head in which each position takes from itself."""
        positions = x_BCHW.shape[2] * x_BCHW.shape[3]
        own_NN = torch.eye(positions, device=x_BCHW.device)
        return x_BCHW, own_NN.expand(len(x_BCHW), 1, positions, positions)


class NoExperts(nn.Module):
    """Hands on what it gets, as a mixture whose only expert adds nothing."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def parts(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """-> what the expert adds (B, 1, C, H, W), and its gate (B, 1), which is 1."""
        return torch.zeros_like(x_BCHW)[:, None], torch.ones(len(x_BCHW), 1, device=x_BCHW.device)

    def combine(self, x_BCHW: Tensor, outputs_BECHW: Tensor, gates_BE: Tensor) -> Tensor:
        return x_BCHW
