"""CIFAR-10 (Krizhevsky 2009) as byte tensors: found in the cache, or fetched, verified and cached.

The cache is one safetensors file in the folder that DICLAM_DATA names, or in the platform's cache folder. Pictures are
stored as height x width x channels, the order of the published digests; the tensors handed out are views of it with the
shape (N, 3, 32, 32), so they are in channels-last memory order already.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor

from diclam.errors import ConfigError, DataError
from diclam.events import Fetching
from diclam.files import replacing
from diclam.sources import Arrays, Source, SourceError, default_sources, scratch

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# SHA-256 of the arrays as bytes, pictures N x 32 x 32 x 3 row by row, labels one byte each.
DIGESTS = {
    "train_images": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "train_labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "test_images": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
    "test_labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}
_FILE = "cifar10.safetensors"
SPLIT_SEED = 0
"""Of what is held out."""
TRAIN_PICTURES = 50_000


@dataclass(frozen=True)
class Cifar10:
    """50,000 training and 10,000 test pictures with their classes, on the CPU."""

    train_images: Tensor
    """(50000, 3, 32, 32) uint8"""
    train_labels: Tensor
    """(50000,) int64, 0..9: indices of CLASSES"""
    test_images: Tensor
    """(10000, 3, 32, 32) uint8"""
    test_labels: Tensor
    """(10000,) int64"""


def default_root() -> Path:
    """The folder that DICLAM_DATA names, or the platform's cache folder."""
    named = os.environ.get("DICLAM_DATA")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("diclam", appauthor=False))


def is_cached(root: Path | None = None) -> bool:
    """Whether `load` needs no network; does not read the file."""
    return ((root or default_root()) / _FILE).is_file()


def load(
    root: Path | None = None,
    *,
    sources: Sequence[Source] | None = None,
    progress: Callable[[Fetching], None] | None = None,
    digests: Mapping[str, str] = DIGESTS,
) -> Cifar10:
    """The data set from the cache folder `root`, or from the first of `sources` that delivers it with the right digests.

    `progress` hears of each step of a fetch. Several processes may call this at once: one fetches, the others wait for it.
    Raises DataError, which names every source that was tried, why it failed, and what to do.
    """
    root = root or default_root()
    arrays = _read(root, digests, tuple(digests))
    if arrays is None:
        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".lock"):
                arrays = _read(root, digests, tuple(digests))  # Another process may have been faster.
                if arrays is None:
                    arrays = _fetch(root, sources or default_sources(root), progress, digests)
        except OSError as error:
            raise DataError(
                f"The data set cannot be kept in {root} ({error.strerror or error}). "
                "Set DICLAM_DATA to a folder that can be written to."
            ) from error
    images, labels = (
        [_pictures(arrays[f"{part}_images"]) for part in ("train", "test")],
        [arrays[f"{part}_labels"].long() for part in ("train", "test")],
    )
    return Cifar10(images[0], labels[0], images[1], labels[1])


def load_test(root: Path | None = None, *, digests: Mapping[str, str] = DIGESTS) -> tuple[Tensor, Tensor]:
    """The test pictures (10000, 3, 32, 32) uint8 and their classes, from the cache alone: nothing is fetched.
    Raises DataError when the data set is not there."""
    arrays = _read(root or default_root(), digests, ("test_images", "test_labels"))
    if arrays is None:
        raise DataError(f"CIFAR-10 is not in {root or default_root()} yet. Fetch it with `python -m diclam data`.")
    return _pictures(arrays["test_images"]), arrays["test_labels"].long()


def split(labels_N: Tensor, train: int, held_out: int, seed: int) -> tuple[Tensor, Tensor]:
    """Indices (train,) and (held_out,) of two disjoint parts with the same share of each class, shuffled; the same seed
    gives the same parts. Raises ConfigError when there are too few pictures."""
    # Loaded when it is needed: scikit-learn takes a second, which whoever presses Start would wait.
    from sklearn.model_selection import train_test_split

    try:
        parts = train_test_split(
            np.arange(len(labels_N)), train_size=train, test_size=held_out, stratify=labels_N.numpy(), random_state=seed
        )
    except ValueError as error:
        raise ConfigError(f"Cannot split {len(labels_N):,} pictures into {train:,} and {held_out:,}: {error}") from error
    first, second = (torch.from_numpy(part) for part in parts)
    return first, second


def _whole_split(labels_N: Tensor, held_out: int) -> tuple[Tensor, Tensor]:
    """`split` of the whole data set, kept beside it from the first time on."""
    digest = hashlib.sha256(labels_N.numpy().tobytes()).hexdigest()
    path = default_root() / f"held-out-{held_out}-{SPLIT_SEED}-{digest[:12]}.safetensors"
    with suppress(OSError, SafetensorError, KeyError):
        kept = load_file(path)
        learned_N, held_out_N = (torch.from_numpy(kept[name]) for name in ("learned", "held_out"))
        if torch.equal(torch.cat([learned_N, held_out_N]).sort().values, torch.arange(len(labels_N))):
            return learned_N, held_out_N
    learned_N, held_out_N = split(labels_N, len(labels_N) - held_out, held_out, SPLIT_SEED)
    with (
        suppress(OSError, SafetensorError),
        replacing(path) as new,
    ):  # a folder that cannot be written costs a second each time
        save_file({"learned": learned_N.numpy(), "held_out": held_out_N.numpy()}, new)
    return learned_N, held_out_N


def hold_out(labels_N: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Indices of the training pictures that a run learns from, and of the `count` that it holds out, 0 or more: the same in
    every run, whatever its seed, so that runs can be compared. Raises ConfigError as `split` does."""
    if not count:
        return torch.arange(len(labels_N)), torch.empty(0, dtype=torch.long)
    if len(labels_N) == TRAIN_PICTURES:
        return _whole_split(labels_N, count)
    return split(labels_N, len(labels_N) - count, count, SPLIT_SEED)


def share(labels_N: Tensor, count: int, seed: int) -> Tensor:
    """Indices (count,) of pictures with the same share of each class as in all, in random order; of two counts with the same
    seed the smaller part lies within the larger. Raises ConfigError when there are fewer than one of each class."""
    generator = torch.Generator().manual_seed(seed)
    order_N = torch.randperm(len(labels_N), generator=generator)
    classes, sizes = labels_N.unique(return_counts=True)
    if not len(classes) <= count <= len(labels_N):
        raise ConfigError(
            f"Expected {len(classes)} to {len(labels_N):,} training pictures, one of each class at least; got {count:,}. "
            "Choose a larger train_share."
        )
    # The place of each picture among those of its class, as a fraction: the first ones are an even part of every class.
    place_N = torch.empty(len(labels_N), dtype=torch.float64)
    for label, size in zip(classes.tolist(), sizes.tolist(), strict=True):
        place_N[order_N[labels_N[order_N] == label]] = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    return place_N.argsort(stable=True)[:count]


def _fetch(
    root: Path, sources: Sequence[Source], progress: Callable[[Fetching], None] | None, digests: Mapping[str, str]
) -> dict[str, Tensor]:
    failures = []
    for source in sources:

        def report(received: int, total: int | None, unit: str, name: str = source.name) -> None:
            if progress:
                progress(Fetching(name, received, total, unit))

        report(0, None, "bytes")
        with scratch(root) as work:
            try:
                arrays = source.fetch(Path(work), report)
                _verify(arrays, digests)
            except SourceError as error:
                failures.append(f"  - {source.name}: {error}")
                continue
        with replacing(root / _FILE) as path:
            save_file({name: np.ascontiguousarray(arrays[name]) for name in digests}, path)
        return {name: torch.from_numpy(np.array(arrays[name])) for name in digests}
    raise DataError(
        "CIFAR-10 could not be fetched. Tried, in this order:\n" + "\n".join(failures) + "\n"
        f"Connect to the internet and try again, or put the folder cifar-10-batches-py into {root}."
    )


def _verify(arrays: Arrays, digests: Mapping[str, str]) -> None:
    for name, digest in digests.items():
        found = hashlib.sha256(np.ascontiguousarray(arrays[name]).data).hexdigest()
        if found != digest:
            raise SourceError(f"its {name.replace('_', ' ')} have the SHA-256 {found[:12]}..., expected {digest[:12]}...")


def _read(root: Path, digests: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Tensor] | None:
    """The named tensors from the cache; None when they are not there or not what they should be."""
    if not (root / _FILE).is_file():
        return None
    try:
        with safe_open(root / _FILE, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in names}
        _verify({name: tensor.numpy() for name, tensor in tensors.items()}, {name: digests[name] for name in names})
    except (OSError, SafetensorError, SourceError):
        return None
    return tensors


def _pictures(images_NHWC: Tensor) -> Tensor:
    return images_NHWC.permute(0, 3, 1, 2)
