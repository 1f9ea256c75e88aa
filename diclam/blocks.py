"""What the network is made of: 3x3 convolutions, light multi-head attention, and the mixture of experts with its router.

Letters of shapes are those of `diclam.model`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from diclam.attention import attend, attention_weights

EXPERTS = 2
"""Of the light network."""
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
LIKE_GELU = 1.7
"""silu(1.7 x) / 1.7 is close to gelu(x) (Hendrycks and Gimpel 2016), and what follows takes any scale."""


class LightMHA(nn.Module):
    """Multi-head self-attention over all positions, made light as in the report: queries, keys and values come from
    1x1 convolutions without bias instead of fully connected layers, and there is no output projection and no
    feed-forward part. Residual connection, then BatchNorm."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, channels, 1, bias=False)
        self.key = nn.Conv2d(channels, channels, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def _split(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, M, N, D). A view when the memory layout is channels-last."""
        batch, channels = x_BCHW.shape[:2]
        tokens_BNC = x_BCHW.permute(0, 2, 3, 1).reshape(batch, -1, channels)
        return tokens_BNC.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _merge(self, mixed_BMND: Tensor, like_BCHW: Tensor) -> Tensor:
        batch, channels, height, width = like_BCHW.shape
        mixed_BHWC = mixed_BMND.transpose(1, 2).reshape(batch, height, width, channels)
        return self.norm(like_BCHW + mixed_BHWC.permute(0, 3, 1, 2))

    def _qkv(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._split(self.query(x_BCHW)), self._split(self.key(x_BCHW)), self._split(self.value(x_BCHW))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self._merge(attend(*self._qkv(x_BCHW)), x_BCHW)

    def trace(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The same output, and the weights (B, M, N, N) that the fused kernel of `forward` does not hand out."""
        q, k, v = self._qkv(x_BCHW)
        weights_BMNN = attention_weights(q, k)
        return self._merge((weights_BMNN @ v.float()).to(v.dtype), x_BCHW), weights_BMNN


class Router(nn.Module):
    """The gating network of the report: global average pool, 1x1 convolution, softmax -> (B, E), rows sum to 1."""

    def __init__(self, channels: int, experts: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, experts, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        scores_BE = self.gate(x_BCHW.mean(dim=(2, 3), keepdim=True)).flatten(1)
        # float32: in bfloat16 the gates of a picture need not sum to 1.
        return scores_BE.float().softmax(dim=1)


class MoE(nn.Module):
    """A mixture of experts, each 1x1 conv -> ReLU -> 1x1 conv, weighted by the router's gates for the whole picture (soft
    mixture: all experts always run). Residual connection, then BatchNorm."""

    def __init__(self, channels: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1)) for _ in range(experts)
        )
        self.router = Router(channels, experts)
        self.norm = nn.BatchNorm2d(channels)

    def combine(self, x_BCHW: Tensor, outputs_BECHW: Tensor, gates_BE: Tensor) -> Tensor:
        """Residual plus gated sum of the experts' outputs, normalised. Any gates may be given, not only the router's."""
        weights_BE111 = gates_BE.to(outputs_BECHW.dtype)[:, :, None, None, None]
        # One expert after the other: the gradient of a sum over E costs 5 % of a training step on a CPU.
        for output_BCHW, weight_B111 in zip(outputs_BECHW.unbind(1), weights_BE111.unbind(1), strict=True):
            x_BCHW = torch.addcmul(x_BCHW, output_BCHW, weight_B111)
        return self.norm(x_BCHW)

    def parts(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """-> each expert's output (B, E, C, H, W) and the gates (B, E)."""
        return torch.stack([expert(x_BCHW) for expert in self.experts], dim=1), self.router(x_BCHW)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.combine(x_BCHW, *self.parts(x_BCHW))


class LightMoE(MoE):
    """The mixture of the report: two experts."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__(channels, hidden, EXPERTS)


class ConvBlock(nn.Sequential):
    """3x3 convolution without bias, BatchNorm, activation."""

    def __init__(self, inputs: int, outputs: int, activation: str) -> None:
        norm, act = nn.BatchNorm2d(outputs), ACTIVATIONS[activation]()
        if activation == "silu":
            nn.init.constant_(norm.weight, LIKE_GELU)
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), norm, act)
