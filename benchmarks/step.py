"""Where a training step's time goes: python -m benchmarks.step [--recipe fast] [--side 24] [--batch-size 250]

Does the steps of a recipe on made-up pictures, at one side and batch size, on the device at hand, in the precision that a
run would choose, and takes the median of each part: making the batch, forward, loss and backward, the optimizers and the
average of the weights. On a GPU each part
waits for the device, so parts are comparable but their sum is a little more than an unwatched step. Then torch.profiler
watches a few more steps and names the operations that take the most, each without those it calls.

Prints two Markdown tables and keeps them in benchmarks/results/step.json, one entry for each recipe, side, batch size and
device.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import machine
from benchmarks.rows import RESULTS, Row, Rows
from diclam.data import Cifar10
from diclam.gate_balance import Gates
from diclam.recipe import CHOICES, RECIPES, TrainConfig, build_model, config
from diclam.train import Training

FILE = RESULTS / "step.json"
KEYS = ("recipe", "side", "batch_size", "device")
PARTS = ("data", "forward", "backward", "optimizer")
WARM = 3
"""Steps before the clock starts: the first ones build kernels."""
PICTURES = 5000
EARLY, LATE = 0.25, 0.7
"""Fraction of the run that is over, for the smaller pictures and the whole ones: late enough for all that a recipe does
late."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="fast")
    parser.add_argument("--side", type=int, choices=CHOICES["early_side"], default=32, help="of the pictures")
    parser.add_argument("--batch-size", type=int, help="default: what the recipe says")
    parser.add_argument("--steps", type=int, default=20, help="that are timed")
    parser.add_argument("--watched", type=int, default=3, help="steps that the profiler watches")
    parser.add_argument("--operations", type=int, default=20, help="how many are named")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--anyway", action="store_true", help="measure although other processes keep the machine busy")
    options = parser.parse_args(arguments)
    machine.insist_on_quiet(options.anyway)
    changes = {"batch_size": options.batch_size} if options.batch_size else {}
    # The early part, at the wanted side, is the whole run.
    side = {"early_side": options.side, "early_part": 1.0}
    settings = config(options.recipe, device=options.device, holdout=0, **side, **changes)
    timed = Timed(settings, EARLY if options.side < 32 else LATE)
    values = options.recipe, options.side, settings.batch_size, timed.device.type
    measure = partial(measured, timed, options.steps, options.watched, options.operations)
    print(tables(Rows(FILE, KEYS, anew=True).get(values, measure)))


class Timed(Training):
    """The training steps of a run of which `fraction` is over, on made-up pictures, with the time of each part."""

    def __init__(self, settings: TrainConfig, fraction: float) -> None:
        count, generator = max(PICTURES, settings.batch_size), torch.Generator().manual_seed(settings.seed)
        images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
        labels = torch.randint(0, 10, (count,), generator=generator)
        super().__init__(build_model(settings), Cifar10(images, labels, images[:1], labels[:1]), settings)
        self._prepare(None)
        self._at = fraction
        self._gates = Gates(self.stepper.learner)
        self._times: list[float] = []
        self._mark_after(self.stepper.batches, "next")
        self.stepper.learner.register_forward_hook(lambda *_: self._mark())
        first, step = self.stepper.optimizers[0], self.stepper.optimizers[0].step

        def marked() -> None:
            self._mark()
            step()

        first.step = marked  # pyright: ignore[reportAttributeAccessIssue]

    def timed_step(self) -> tuple[float, float, float, float]:
        """One step -> seconds of its `PARTS`."""
        self._times.clear()
        self._mark()
        with self._gates as gates:
            self._one_step(self._at)
            self.average.follow(self.step, self._at)
            gates.note()
        self._mark()
        gates.take()
        data, forward, backward, optimizer = (after - before for before, after in pairwise(self._times))
        return data, forward, backward, optimizer

    def _mark_after(self, owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def marked(*arguments: Any) -> Any:
            result = whole(*arguments)
            self._mark()
            return result

        setattr(owner, name, marked)

    def _mark(self) -> None:
        self._times.append(self._now())

    def _now(self) -> float:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        return time.perf_counter()


def measured(timed: Timed, steps: int, watched: int, operations: int) -> Row:
    for _ in range(WARM):
        timed.timed_step()
    others = machine.Others()
    parts = [timed.timed_step() for _ in range(steps)]
    cores = others.cores()
    return {
        "precision": str(timed.dtype).removeprefix("torch."),
        "steps": steps,
        "milliseconds": {name: 1000 * median(part) for name, part in zip(PARTS, zip(*parts, strict=True), strict=True)},
        "whole": 1000 * median(map(sum, parts)),
        "operations": _operations(timed, watched, operations),
        "others": cores,
        **machine.describe(),
    }


def tables(row: Row) -> str:
    """The parts of a step, then its operations, as Markdown."""
    parts = [(name, milliseconds) for name, milliseconds in row["milliseconds"].items()] + [("whole step", row["whole"])]
    lines = ["| part | ms | share |", "|---|---|---|"]
    lines += [f"| {name} | {ms:.2f} | {ms / row['whole']:.1%} |" for name, ms in parts]
    lines += ["", "| operation | calls a step | ms a step | share |", "|---|---|---|---|"]
    for found in row["operations"]:
        lines.append(f"| {found['name']} | {found['calls']:g} | {found['milliseconds']:.2f} | {found['share']:.1%} |")
    speed = 1000 * row["batch_size"] / row["whole"]
    what = (
        f"Recipe {row['recipe']}, {row['batch_size']} pictures of {row['side']} x {row['side']} on {row['device']} in "
        f"{row['precision']}: {speed:,.0f} pictures/s; medians of {row['steps']} steps."
    )
    return "\n".join([*lines, "", what, *machine.footnotes([row])])


def _operations(timed: Timed, steps: int, most: int) -> list[dict[str, Any]]:
    """What takes the most time by itself, the longest first; share of all that was watched."""
    cuda = timed.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as watched:
        for _ in range(steps):
            timed.timed_step()
    # Torch's own operations; on a GPU the kernels that they start are listed once more, by names of their own.
    times = {
        event.key: (event.count, event.self_device_time_total if cuda else event.self_cpu_time_total)
        for event in watched.key_averages()
        if event.device_type.name == "CPU"
    }
    total = sum(microseconds for _, microseconds in times.values())
    first = sorted(times.items(), key=lambda item: -item[1][1])[:most]
    return [
        {"name": name, "calls": count / steps, "milliseconds": us / 1000 / steps, "share": us / max(total, 1e-9)}
        for name, (count, us) in first
    ]


if __name__ == "__main__":
    main()
