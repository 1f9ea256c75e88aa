"""Which pictures an epoch can do without: those that the network answered best when it last saw them."""

from __future__ import annotations

import torch
from torch import Tensor

FIRST_EPOCH = 1
"""The first epoch, counted from 0, that may leave pictures out: nothing is known before."""


class HardPictures:
    """Leaves out of each epoch the `share` of the pictures seen in the epoch before that had the smallest losses. No picture
    is left out twice in a row: what was not seen in the epoch before has no loss to go by.

    The idea is that of online batch selection (Loshchilov and Hutter 2015) and of dynamic data pruning (InfoBatch, Qin et
    al. 2024), here without the latter's scaling of gradients. The losses are those of the training steps, so it costs no
    pass of its own. Everything stays on the device of `labels_N`.
    """

    def __init__(self, share: float, labels_N: Tensor, least: int) -> None:
        """`share` in 0..1; at `least` so many pictures stay."""
        self._share, self._most = share, len(labels_N) - least
        self._losses_N = torch.full((len(labels_N),), torch.inf, device=labels_N.device)

    def note(self, indices_B: Tensor, losses_B: Tensor) -> None:
        """The losses with which a step saw these pictures."""
        self._losses_N[indices_B] = losses_B.to(self._losses_N)

    def of(self, order_N: Tensor, epoch: int) -> Tensor:
        """The order of an epoch without what it leaves out; begins to note anew."""
        easy_N = self._easy() if epoch >= FIRST_EPOCH else torch.zeros_like(self._losses_N, dtype=torch.bool)
        self._losses_N.fill_(torch.inf)
        return order_N[~easy_N[order_N]]

    def _easy(self) -> Tensor:
        """(N,) whether a picture was among the easiest of the epoch before."""
        seen_N = self._losses_N.isfinite()
        count = min(int(self._share * seen_N.sum()), self._most)
        easy_N = torch.zeros_like(seen_N)
        easy_N[self._losses_N.topk(count, largest=False).indices] = True
        return easy_N

    def state(self) -> Tensor:
        return self._losses_N.clone()

    def restore(self, losses_N: Tensor) -> None:
        self._losses_N.copy_(losses_N)
