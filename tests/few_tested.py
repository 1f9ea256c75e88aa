"""The command line with a final test of few pictures, and as few to calibrate with: on a processor the whole test takes
longer than everything that a visitor does.

    python -m tests.few_tested train ...
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from diclam import __main__, data, final_test
from diclam.events import Fetching

PICTURES = 200
whole_data_set = data.load


def load(*, progress: Callable[[Fetching], None] | None = None) -> data.Cifar10:
    """The real data set, of whose test pictures only the first are left."""
    whole = whole_data_set(progress=progress)
    return data.Cifar10(whole.train_images, whole.train_labels, whole.test_images[:PICTURES], whole.test_labels[:PICTURES])


if __name__ == "__main__":
    data.load, final_test.MOST = load, PICTURES
    sys.exit(__main__.main())
