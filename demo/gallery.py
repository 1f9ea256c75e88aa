"""Test pictures by their number: all of them where the data set is, else those that ship with the bundled model."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from torch import Tensor

from diclam import bundle, checkpoint, data
from diclam.errors import DiclamError


class Pictures:
    """Loaded when first asked for. When the data set arrives later, by a training run, it is used from then on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: Tensor | None = None
        self._damaged: int | None = None
        """When the folder of the data set was last written to, of the last try that failed."""
        self._bundle: bundle.Bundle | None = None

    @property
    def complete(self) -> bool:
        """Whether every test picture is there."""
        return self._test_images() is not None

    def get(self, index: int) -> Tensor | None:
        """The test picture (3, 32, 32) uint8 with this number; None when it is not there."""
        everything = self._test_images()
        if everything is not None:
            return everything[index] if 0 <= index < len(everything) else None
        return self._shipped().get(index)

    def available(self, indices: Iterable[int]) -> list[int]:
        """Those of the numbers whose picture is there, in the same order."""
        if self.complete:
            return [int(index) for index in indices]
        here = set(self._shipped().indices.tolist())
        return [int(index) for index in indices if int(index) in here]

    def _test_images(self) -> Tensor | None:
        with self._lock:
            if self._all is None and data.is_cached() and (now := _written(data.default_root())) != self._damaged:
                try:
                    self._all = data.load_test()[0]
                except DiclamError:  # training will fetch it anew; reading it takes a while, so once is enough
                    self._damaged = now
            return self._all

    def _shipped(self) -> bundle.Bundle:
        with self._lock:
            if self._bundle is None:
                try:
                    self._bundle = bundle.load(checkpoint.bundled())
                except DiclamError:  # a checkout without them
                    empty = np.empty(0, dtype=np.int64)
                    self._bundle = bundle.Bundle(empty, Tensor())
            return self._bundle


def _written(folder: Path) -> int:
    return folder.stat().st_mtime_ns
