"""The command line with a final test and validations of few pictures, and as few to calibrate with: on a processor whole
ones take longer than everything that a visitor does.

    python -m tests.few_tested train ...
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from torch import Tensor

from diclam import __main__, data, final_test, train
from diclam.events import Fetching

PICTURES = 200
whole_data_set, whole_hold_out = data.load, train.hold_out


def load(*, progress: Callable[[Fetching], None] | None = None) -> data.Cifar10:
    """The real data set, of whose test pictures only the first are left."""
    whole = whole_data_set(progress=progress)
    return data.Cifar10(whole.train_images, whole.train_labels, whole.test_images[:PICTURES], whole.test_labels[:PICTURES])


def hold_out(labels_N: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Learns from the same pictures, and is validated on the first of the others."""
    learned_N, held_out_N = whole_hold_out(labels_N, count)
    return learned_N, held_out_N[:PICTURES]


if __name__ == "__main__":
    data.load, train.hold_out, final_test.MOST = load, hold_out, PICTURES
    sys.exit(__main__.main())
