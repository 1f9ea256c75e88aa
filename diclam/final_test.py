"""What follows training: the test pictures are answered once, and the percentages are calibrated."""

from __future__ import annotations

import time
from collections.abc import Callable

from diclam import calibration
from diclam.data import Cifar10, hold_out
from diclam.evaluate import evaluate
from diclam.events import Finished, Tested, Testing
from diclam.model import DiCLAM
from diclam.runs import Run

LEAST, MOST = 100, 2000
"""Held-out pictures that a run calibrates its weights with."""


def final_test(
    run: Run, model: DiCLAM, data: Cifar10, holdout: int, finished: Finished, progress: Callable[[Testing], None]
) -> Tested:
    """Writes what the kept weights say of the test set into the run's folder, and, when it held enough pictures out, how far
    its percentages can be believed."""
    start = time.monotonic()
    evaluation = evaluate(
        model,
        data.test_images,
        data.test_labels,
        progress=lambda done, total: progress(Testing(done, total)),
        training_seconds=finished.seconds,
    )
    evaluation.save(run.path)
    seconds = time.monotonic() - start
    _calibrate(run, model, data, holdout)
    return Tested(evaluation.accuracy, evaluation.precision, evaluation.recall, evaluation.f1, seconds=seconds)


def _calibrate(run: Run, model: DiCLAM, data: Cifar10, holdout: int) -> None:
    # The last ones of those that were held out, as validations look at the first ones; few, to take a small part of the
    # time of the test.
    numbers_N = hold_out(data.train_labels, holdout)[1][-MOST:]
    if len(numbers_N) < LEAST:
        return
    source = f"{len(numbers_N):,} training pictures that this model held out"
    logits_NK = calibration.logits_of(model, data.train_images[numbers_N])
    found = calibration.fit(logits_NK, data.train_labels[numbers_N], source)
    if found:
        found.save(run.path)
