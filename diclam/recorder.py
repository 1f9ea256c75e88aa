"""Carries a training run out and writes its folder: fetch, train, keep the weights, test."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import torch

from diclam import checkpoint, data
from diclam.errors import DiclamError, RunError
from diclam.evaluate import evaluate
from diclam.events import Event, Failed, Fetching, Finished, Step, Tested, Testing, Validated
from diclam.files import replacing
from diclam.recipe import TrainConfig, build_model
from diclam.runs import EVENTS, INFO, Run
from diclam.train import train

Watch = Callable[[Event], None]
# Without validations nothing says which weights are good; the newest are kept this often, in case the machine stops.
SECONDS_BETWEEN_SAVES = 60.0
SECONDS_BETWEEN_REPORTS = 0.3


def record(run: Run, config: TrainConfig, watch: Watch, stop: Callable[[], bool]) -> None:
    """Trains as `config` says within the run's folder and calls `watch` with each event after it is written.

    `stop` is asked before each step, beside the folder's own stop request. Raises RunError when the folder holds a run
    already. Whatever else goes wrong is written as `Failed` and raised again.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    if (run.path / EVENTS).exists() or (run.path / INFO).exists():
        raise RunError(f"{run.path} holds a run already; choose another folder.")
    run.claim(os.getpid())
    with replacing(run.path / INFO) as path:
        path.write_text(json.dumps(_info(config), indent=1) + "\n", encoding="utf-8")
    with (run.path / EVENTS).open("a", encoding="utf-8") as file:

        def tell(event: Event) -> None:
            file.write(event.to_json() + "\n")
            file.flush()
            watch(event)

        try:
            _fetch_train_test(run, config, tell, lambda: stop() or run.stop_requested())
        except DiclamError as error:
            tell(Failed(str(error)))
            raise
        except BaseException as error:
            tell(Failed(f"{type(error).__name__}: {error}".rstrip(": ")))
            raise


def _fetch_train_test(run: Run, config: TrainConfig, tell: Watch, stop: Callable[[], bool]) -> None:
    cifar10 = data.load(progress=_thinned(tell))
    model = build_model(config)
    saved = time.monotonic()
    finished: Finished | None = None
    for event in train(model, cifar10, config, stop=stop):
        if isinstance(event, Validated) and event.best:
            checkpoint.save(run.path, model)
        elif isinstance(event, Step) and not config.holdout and time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
            checkpoint.save(run.path, model)
            saved = time.monotonic()
        elif isinstance(event, Finished):
            checkpoint.save(run.path, model)
            finished = event
        tell(event)
    assert finished is not None
    start = time.monotonic()
    progress = _thinned(tell)
    evaluation = evaluate(
        model,
        cifar10.test_images,
        cifar10.test_labels,
        progress=lambda done, total: progress(Testing(done, total)),
        training_seconds=finished.seconds,
    )
    evaluation.save(run.path)
    figures = evaluation.accuracy, evaluation.precision, evaluation.recall, evaluation.f1
    tell(Tested(*figures, seconds=time.monotonic() - start))


def _thinned(tell: Watch) -> Callable[[Fetching | Testing], None]:
    """Passes on a few reports a second; the first of each source always."""
    last = {"time": float("-inf"), "source": ""}

    def report(event: Fetching | Testing) -> None:
        source = event.source if isinstance(event, Fetching) else "test"
        now = time.monotonic()
        if source != last["source"] or now - float(last["time"]) >= SECONDS_BETWEEN_REPORTS:
            last.update(time=now, source=source)
            tell(event)

    return report


def _info(config: TrainConfig) -> dict[str, Any]:
    packages = ("torch", "torchvision", "numpy", "scikit-learn")
    return {
        "config": config.to_dict(),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages},
        "hardware": hardware(),
    }


def hardware() -> dict[str, Any]:
    """What this machine computes with, for the record: processor, its cores, memory in GiB, accelerator."""
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if accelerator is None and torch.backends.mps.is_available():
        accelerator = "Apple MPS"
    return {
        "processor": _processor(),
        "cores": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "accelerator": accelerator,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
