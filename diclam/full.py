"""The standard block that light attention simplifies: what makes up the *full* network, beside a larger mixture.

`ModelConfig(blocks="full")` puts an `EncoderBlock` where the light network has its attention without projections and
feed-forward part, and a mixture of 4 experts, each with a hidden layer 4 times as wide as its input, where the light one
has 2 of half that width. Everything else is the same, so that light and full differ in these two blocks alone.

The mixture stays a soft one, gated once for the whole picture: were each position sent to its two best experts only, as
sparse mixtures do, the two networks would also differ in how experts are chosen, and in a loss that keeps them evenly
used, whose weight would have to be found first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from diclam.attention import attend, attention_weights

EXPERTS = 4
WIDENING = 4
"""Width of a hidden layer, of the feed-forward part and of an expert, for each channel of its input."""


class EncoderBlock(nn.Module):
    """A transformer's encoder block over all positions of a feature map: multi-head attention with fully connected queries,
    keys, values and output, then a feed-forward part (Vaswani et al. 2017).

    LayerNorm stands before each part and not behind it, as in the Vision Transformer (Dosovitskiy et al. 2021): so it
    trains without a long warm-up (Xiong et al. 2020). There is no embedding of positions: the convolutions around it know
    where they are, and pictures of any size fit.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        hidden = WIDENING * channels
        self.feed_forward = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        tokens_BNC = _tokens(x_BCHW)
        return self._finish(tokens_BNC, attend(*self._qkv(tokens_BNC)), x_BCHW)

    def trace(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The same output, and the weights (B, M, N, N) that the fused kernel of `forward` does not hand out."""
        tokens_BNC = _tokens(x_BCHW)
        q, k, v = self._qkv(tokens_BNC)
        weights_BMNN = attention_weights(q, k)
        return self._finish(tokens_BNC, (weights_BMNN @ v.float()).to(v.dtype), x_BCHW), weights_BMNN

    def _qkv(self, tokens_BNC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normed_BNC = self.norm1(tokens_BNC)

        def split(layer: nn.Module) -> Tensor:
            """-> (B, M, N, D)"""
            return layer(normed_BNC).unflatten(2, (self.heads, -1)).transpose(1, 2)

        return split(self.query), split(self.key), split(self.value)

    def _finish(self, tokens_BNC: Tensor, mixed_BMND: Tensor, like_BCHW: Tensor) -> Tensor:
        tokens_BNC = tokens_BNC + self.output(mixed_BMND.transpose(1, 2).flatten(2))
        tokens_BNC = tokens_BNC + self.feed_forward(self.norm2(tokens_BNC))
        return tokens_BNC.unflatten(1, like_BCHW.shape[2:]).permute(0, 3, 1, 2)


def _tokens(x_BCHW: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, N, C). A view when the memory layout is channels-last."""
    return torch.flatten(x_BCHW.permute(0, 2, 3, 1), 1, 2)
