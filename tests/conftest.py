"""What several tests share: the real data set, small made-up ones, a ticking clock."""

from __future__ import annotations

import os
from pathlib import Path

# Of the workers that share a machine each computes on one core: threads that wait for one another cost more than they bring.
# Before torch is loaded, and for the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch

from diclam import data
from diclam.errors import DataError
from diclam.evaluate import Evaluation
from diclam.recipe import TrainConfig, config

torch.set_num_threads(min(torch.get_num_threads(), 2))


# These take longest, and come first: of two workers that share the files none is left with a long one at the end.
LONGEST = ("browser/test_train", "browser/test_survival", "browser", "test_main", "test_leaks", "test_train.py", "test_tune")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((place for place, start in enumerate(LONGEST) if path.startswith(start)), len(LONGEST))

    items.sort(key=place)


class Clock:
    """Time that passes only when it is looked at (`tick` seconds a look) or told to."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 0.0
        self.tick = tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def random_cifar10(train: int = 200, test: int = 50, seed: int = 0, side: int = 32) -> data.Cifar10:
    """Random pictures, the same number of each class. The network takes any side that divides by 8, and a step with
    pictures of 8 x 8 costs a ninth."""
    generator = torch.Generator().manual_seed(seed)

    def part(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
        return images, torch.arange(count) % 10

    return data.Cifar10(*part(train), *part(test))


def small_config(recipe: str = "report", **changes: object) -> TrainConfig:
    """Few pictures, one precision, no timing probe."""
    settings: dict[str, object] = {
        "batch_size": 16,
        "holdout": 40,
        "precision": "float32",
        "device": "cpu",
        "epochs": 1.0,
    }
    return config(recipe, **(settings | changes))


def random_evaluation(count: int = 1000, seed: int = 0) -> Evaluation:
    """Answers that are right about four times out of five."""
    random = np.random.default_rng(seed)
    true = np.arange(count) % 10
    scores = random.normal(size=(count, 10))
    scores[np.arange(count), true] += 3.2
    table = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    gate = random.uniform(size=count)
    return Evaluation(
        true=true.astype(np.int64),
        predicted=table.argmax(1).astype(np.int64),
        probabilities=table.astype(np.float32),
        gates=np.stack([gate, 1 - gate], 1).astype(np.float32),
        alone=np.stack(
            [np.where(random.uniform(size=count) < 0.5, true, random.integers(0, 10, count)) for _ in range(2)], 1
        ),
        training_seconds=12.5,
        parameters=1_837_452,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def cifar10() -> data.Cifar10:
    """The real data set; fetched when it is not there yet."""
    try:
        return data.load()
    except DataError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs the real data set: {error}")
