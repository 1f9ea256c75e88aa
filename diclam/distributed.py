"""One run in several processes, as torchrun starts them: who they are, and what they tell each other.

    torchrun --nproc-per-node 2 -m diclam train --recipe fast --budget 60

Each process has the whole network and all pictures, on a device of its own, and takes its part of every batch: the same
pictures, changed in the same way, that one process would take. Gradients are averaged by DistributedDataParallel;
BatchNorm and dropout are those of the whole batch (`whole_batch.py`). So several processes make the steps of one, up to
rounding.

The first process decides: it has the clock, validates, writes the run's folder and tests. The others make its steps, write
nothing, and hear before each step whether it is made and at which fraction of the run. So nobody waits for another at the
end. These words go over gloo even where gradients go over NCCL: they never wait for a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from diclam.device import pick_device
from diclam.errors import ConfigError, DiclamError, RunError
from diclam.recipe import TrainConfig
from diclam.whole_batch import replica

T = TypeVar("T")


class LostError(RunError):
    """Another process of the run is gone."""


class DismissedError(RunError):
    """This process cannot go on; the first one tells the reason."""


class Team:
    """The processes of one run. As it is, a team of one, whose words nobody needs to hear."""

    rank = 0
    size = 1

    def lead(self, orders: Any) -> None:
        """The first process tells the others what to do."""

    def united(self) -> AbstractContextManager[None]:
        """Around what may fail on one machine alone: whoever meets a DiclamError there, all end. Raises the first process's
        own, or else RunError with that of another; DismissedError everywhere but in the first process."""
        return nullcontext()

    def unbroken(self) -> AbstractContextManager[None]:
        """Around words to others. Raises LostError when one of them is gone."""
        return nullcontext()

    def check(self, config: TrainConfig) -> None:
        """Raises ConfigError when the settings do not suit so many processes, or this one's device is missing."""

    def device(self, name: str) -> torch.device:
        """What `TrainConfig.device` means for this process. Raises ConfigError."""
        return pick_device(name)

    def part(self, batch: int) -> slice:
        """Which pictures of a batch are for this process."""
        return slice(None)

    def learner(self, model: nn.Module, batch: int) -> nn.Module:
        """What makes the steps: the gradients of its weights, which are `model`'s, are those of the whole batch."""
        return model

    def same(self, value: T) -> T:
        """The first process's value, in all."""
        return value

    def agree(self, reason: str | None, fraction: float) -> tuple[str | None, float]:
        """Before each step: `reason` is why this process wants to end, None to go on. -> why all of them end now, or None,
        and the first process's fraction of the run. Nothing can be told after a reason."""
        return reason, fraction

    def weigh(self, loss: Tensor, share: float) -> Tensor:
        """The loss to derive, from the mean loss over this process's share (0 to 1) of the batch."""
        return loss

    def mean(self, loss: Tensor) -> Tensor:
        """Over the whole batch, of what `weigh` returned."""
        return loss

    def whole(self, values_B: Tensor, batch: int) -> Tensor:
        """One value for each picture of this process's part -> one for each of the whole batch."""
        return values_B


class Several(Team):
    """This process among those of torch's default process group. All of them call the same methods in the same order."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._kind = "cpu"

    def lead(self, orders: Any) -> None:
        self._kind, _ = self.same((_best_kind(), orders))

    def orders(self) -> Any:
        """What the first process told by `lead`. Raises DismissedError when it ended before."""
        try:
            with self.unbroken():
                told: Any = self.same(None)
        except LostError as error:
            raise DismissedError("The first process ended before the run began.") from error
        self._kind, orders = told
        return orders

    @contextmanager
    def united(self) -> Iterator[None]:
        own: DiclamError | None = None
        try:
            yield
        except DiclamError as error:
            own = error
        words: list[str | None] = [None] * self.size
        dist.all_gather_object(words, str(own) if own else None)
        if any(words) and self.rank:
            raise DismissedError("The first process tells the reason.") from own
        if own:
            raise own
        for rank, word in enumerate(words):
            if word:
                raise RunError(f"Process {rank} of {self.size}: {word}")

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            # gloo raises plain RuntimeErrors that name it.
            if not isinstance(error, dist.DistError) and not any(word in str(error).lower() for word in ("gloo", "nccl")):
                raise
            raise LostError(
                "Another process of this run is gone: it was killed, failed, or its machine cannot be reached."
            ) from error

    def check(self, config: TrainConfig) -> None:
        if config.batch_size < self.size:
            raise ConfigError(f"batch_size is {config.batch_size}, too few pictures for {self.size} processes.")
        self.device(config.device)

    def device(self, name: str) -> torch.device:
        kind = self._kind if name == "auto" else name
        if kind not in ("cpu", "cuda"):
            raise ConfigError(
                f"The device of several processes must be 'auto', 'cpu' or 'cuda': each takes its own one; got {name!r}."
            )
        if kind == "cpu":
            return torch.device("cpu")
        device = pick_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(device)
        return device

    def part(self, batch: int) -> slice:
        # The first processes take one picture more where the batch cannot be shared evenly.
        each, more = divmod(batch, self.size)
        start = self.rank * each + min(self.rank, more)
        return slice(start, start + each + (self.rank < more))

    def learner(self, model: nn.Module, batch: int) -> nn.Module:
        return DistributedDataParallel(replica(model, batch, self.part(batch)), gradient_as_bucket_view=True)

    def same(self, value: T) -> T:
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def agree(self, reason: str | None, fraction: float) -> tuple[str | None, float]:
        word = torch.tensor([float(reason is not None), -1.0 if self.rank else fraction], dtype=torch.float64)
        dist.all_reduce(word, dist.ReduceOp.MAX)
        end, fraction = word.tolist()
        if end:
            dist.destroy_process_group()
            return reason or "stopped", fraction
        return None, fraction

    def weigh(self, loss: Tensor, share: float) -> Tensor:
        return loss * (share * self.size)  # DistributedDataParallel takes the mean over the processes.

    def mean(self, loss: Tensor) -> Tensor:
        part = loss / self.size
        dist.all_reduce(part)
        return part

    def whole(self, values_B: Tensor, batch: int) -> Tensor:
        whole_B = values_B.new_zeros(batch)
        whole_B[self.part(batch)] = values_B
        dist.all_reduce(whole_B)
        return whole_B


def follows() -> bool:
    """Whether torchrun started this process as one that follows another."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ["RANK"] != "0"


def join() -> Team:
    """The team that torchrun started this process for; a team of one where it did not."""
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["WORLD_SIZE"] == "1":
        return Team()
    dist.init_process_group("cpu:gloo,cuda:nccl" if _best_kind() == "cuda" else "gloo")
    return Several()


def _best_kind() -> str:
    return "cuda" if torch.cuda.is_available() and dist.is_nccl_available() else "cpu"
