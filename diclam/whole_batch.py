"""The network as one process of several trains it: BatchNorm and dropout see the whole batch, of which each process has a
part, so that the steps are those of one process with all of it.

`torch.nn.SyncBatchNorm` does the first, but on CUDA alone; on a CPU it is `WholeBatchNorm`. Letters as in `model.py`, and R
for the processes.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def replica(model: nn.Module, batch: int, part: slice) -> nn.Module:
    """A second network with the very weights and buffers of `model`, to train on `part` of each batch of `batch` pictures.
    `model` itself stays what it is: it answers alone, and its weights move with each step of the replica."""
    shared: dict[int, Any] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    copied = copy.deepcopy(model, shared)
    cuda = next(model.parameters()).device.type == "cuda"
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(parent, name, WholeDropout(child.p, batch, part))
            elif isinstance(child, nn.BatchNorm2d) and not cuda:
                setattr(parent, name, WholeBatchNorm(child))
    return nn.SyncBatchNorm.convert_sync_batchnorm(copied) if cuda else copied


class WholeDropout(nn.Module):
    """Draws what one process would draw for the whole batch, from a random state that is the same in all processes, and
    uses its part."""

    def __init__(self, p: float, batch: int, part: slice) -> None:
        super().__init__()
        self.p, self.batch, self.part = p, batch, part

    def forward(self, x: Tensor) -> Tensor:
        return x * F.dropout(x.new_ones(self.batch, *x.shape[1:]), self.p)[self.part]


class WholeBatchNorm(nn.Module):
    """For training, with the weights and buffers of a BatchNorm: normalises by mean and variance over the parts of all
    processes."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.momentum is not None, "a mean over all batches is not what TrainConfig.norm_momentum offers"
        self.momentum, self.eps = norm.momentum, norm.eps
        self.weight, self.bias = norm.weight, norm.bias
        # No buffers of this module: DistributedDataParallel would send them around before each step.
        self.running_mean, self.running_var = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        self.num_batches_tracked = norm.get_buffer("num_batches_tracked")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean_C, var_C, count = _statistics(x_BCHW)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean_C, self.momentum)
            self.running_var.lerp_(var_C * (count / (count - 1)), self.momentum)
        normalized: Any = _Normalize.apply(x_BCHW, self.weight, self.bias, mean_C, var_C, count, self.eps)
        return normalized


@torch.no_grad()
def _statistics(x_BCHW: Tensor) -> tuple[Tensor, Tensor, float]:
    """-> mean (C,) and biased variance (C,) over all processes, and the number of values of a channel there.

    From the means and variances of the parts (Chan, Golub and LeVeque 1983): sums of squares would lose digits.
    """
    channels = x_BCHW.shape[1]
    # What BatchNorm itself calls; torch.var_mean takes a hundred times as long over three dimensions in channels-last.
    own_mean_C, own_var_C = torch.batch_norm_update_stats(x_BCHW, None, None, 0.0)
    own = torch.cat([own_mean_C, own_var_C, own_mean_C.new_tensor([x_BCHW.numel() / channels])])
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    mean_RC, var_RC, count_R1 = torch.stack(parts).split([channels, channels, 1], dim=1)
    share_R1 = count_R1 / count_R1.sum()
    mean_C = (share_R1 * mean_RC).sum(0)
    var_C = (share_R1 * (var_RC + (mean_RC - mean_C) ** 2)).sum(0)
    return mean_C, var_C, count_R1.sum().item()


class _Normalize(torch.autograd.Function):
    """BatchNorm by given statistics, whose gradient also flows through the statistics to the pictures of all processes."""

    @staticmethod
    def forward(
        ctx: Any, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor, mean_C: Tensor, var_C: Tensor, count: float, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x_BCHW, weight_C, mean_C, (var_C + eps).rsqrt())
        ctx.count, ctx.eps = count, eps
        return F.batch_norm(x_BCHW, mean_C, var_C, weight_C, bias_C, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BCHW: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_BCHW, weight_C, mean_C, scale_C = ctx.saved_tensors
        grad_x_BCHW, grad_weight_C, grad_bias_C = torch.ops.aten.native_batch_norm_backward(
            grad_BCHW, x_BCHW, weight_C, None, None, mean_C, scale_C, True, ctx.eps, [True, True, True]
        )
        # That took away the means over this process's part; what differs from those over all of them goes back to x.
        sums_2C = torch.stack([grad_bias_C, grad_weight_C])
        own_2C = sums_2C * (x_BCHW.shape[1] / x_BCHW.numel())
        dist.all_reduce(sums_2C)
        shift_C, slope_C = own_2C - sums_2C / ctx.count
        slope_C = slope_C * weight_C * scale_C**2
        shift_C = shift_C * weight_C * scale_C - slope_C * mean_C
        shift_C11, slope_C11 = (t.to(x_BCHW.dtype)[:, None, None] for t in (shift_C, slope_C))
        return grad_x_BCHW.add_(shift_C11).addcmul_(x_BCHW, slope_C11), grad_weight_C, grad_bias_C, None, None, None, None
