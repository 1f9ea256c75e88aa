"""How fast and how well DiCLAM learns on a GPU: python -m benchmarks.train_gpu [--recipe best]

Two questions. How accurate is it after 10, 60 and 600 s? And which is the shortest time limit whose mean accuracy over the
seeds reaches 91.36 % (the source report's figure) and 94 %? For the second, limits are tried in steps of a quarter, from
the shortest on: three seeds first, and all of them where those come within half a point. Every limit is in the results, so
the reader sees how the accuracy grows around the one that is named.

Each run trains on all 50,000 pictures, nothing held out, and is tested once: one answer for each of the 10,000 test
pictures, in float32, no test-time augmentation. The clock covers everything from the first batch to the final weights,
moving the pictures to the GPU included. Outside it: loading the data set, the test, and one short training on made-up
pictures before the first run, in which libraries are loaded and kernels chosen; what that took is printed. What
torch.compile takes, in runs long enough for it, is on their clock.

The share of the peak is the arithmetic of the training steps (counted by torch, forward and backward, at the side that the
pictures had at the time) in the time the whole run took, over what a large bfloat16 matrix product reaches on the same
device.

Prints Markdown tables and keeps every run in benchmarks/results/train_gpu.json (or --results) as soon as it has ended: a
benchmark that was interrupted goes on, and so one that takes longer than a machine is lent can be measured in parts. With
--recipe airbench94 the same is measured of that network.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import machine, trained
from benchmarks.rows import RESULTS, Row, Rows
from benchmarks.trained import Trained
from diclam import data
from diclam.data import Cifar10
from diclam.device import pick_device
from diclam.recipe import MAX_BUDGET, TrainConfig, build_model, config
from diclam.train import train

FILE = RESULTS / "train_gpu.json"
KEYS = ("recipe", "budget", "seed", "measured_on")
SHORT = 60.0
"""Seconds; longer runs are repeated less often."""
STEP = 1.25
"""A limit is tried after one that is so many times shorter."""
BASELINE_SECONDS, BASELINE_PICTURES = 5.0, 10_000
"""A baseline, whose steps are not counted, is warmed up for so long with so many made-up pictures."""
PILOTS, CLOSE = 3, 0.005
"""So many seeds first, the others only where their mean is at most so far below the target."""
NO_GPU = (
    "There is no CUDA GPU here. `python -m benchmarks.train_cpu` measures a processor; with --device cpu this one runs too, "
    "slowly, and its figures are the processor's."
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=trained.NETWORKS, default="best")
    parser.add_argument("--budgets", nargs="*", type=float, default=[10.0, 60.0, 600.0], metavar="SECONDS")
    parser.add_argument("--targets", nargs="*", type=float, default=[0.9136, 0.94], help="fractions of 1")
    parser.add_argument("--first", type=float, default=1.0, metavar="SECONDS", help="the shortest limit tried for a target")
    parser.add_argument("--last", type=float, default=SHORT, metavar="SECONDS", help="the longest limit tried for a target")
    parser.add_argument("--seeds", type=int, default=10, help=f"runs of each limit up to {SHORT:g} s")
    parser.add_argument("--long-seeds", type=int, default=3, help="runs of each longer limit")
    parser.add_argument("--warm-up", type=int, default=100, metavar="STEPS", help="of training before the first run")
    parser.add_argument("--matrix", type=int, default=8192, metavar="SIDE", help="of the product that gives the peak")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--results", type=Path, metavar="FILE", help="where the runs are kept")
    parser.add_argument("--anew", action="store_true", help="measure again what is kept already")
    parser.add_argument("--anyway", action="store_true", help="measure although other processes keep the machine busy")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit(NO_GPU)
    machine.insist_on_quiet(options.anyway)
    device, cifar10 = pick_device(options.device), data.load()
    peak = matrix_peak(device, options.matrix)
    warm = warm_up(options.recipe, options.warm_up, str(device))
    rows = Rows(options.results or FILE, KEYS, anew=options.anew)
    # A run on another machine is another measurement.
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def run(budget: float, seed: int) -> Row:
        measure = partial(_measured, cifar10, options.recipe, budget, seed, str(device), peak)
        row = rows.get((options.recipe, budget, seed, place), measure)
        print(f"{budget:.3g} s, seed {seed}: {row['accuracy']:.2%}", file=sys.stderr)
        return row

    limits = [[run(b, k) for k in range(options.seeds if b <= SHORT else options.long_seeds)] for b in options.budgets]
    ladder = list(_ladder(options.first, options.last))
    reached = [(target, time_to(target, ladder, options.seeds, run)) for target in options.targets]
    print(limits_table(limits), targets_table(reached, options.last), sep="\n\n")
    print(
        f"\nOutside every clock: the data set, the tests, and {options.warm_up} steps on made-up pictures, which took "
        f"{warm:.1f} s. Matrix peak: {peak / 1e12:.3g} TFLOP/s, bfloat16, {options.matrix} x {options.matrix}."
    )
    print(*machine.footnotes(rows.given), sep="\n")
    if device.type != "cuda":
        print(NO_GPU)


def time_to(target: float, ladder: Sequence[float], seeds: int, run: Callable[[float, int], Row]) -> list[Row]:
    """The runs of the first limit whose mean accuracy reaches the target; none when no limit does."""
    for budget in ladder:
        rows = [run(budget, seed) for seed in range(min(PILOTS, seeds))]
        if mean(row["accuracy"] for row in rows) < target - CLOSE:
            continue
        rows += [run(budget, seed) for seed in range(len(rows), seeds)]
        if mean(row["accuracy"] for row in rows) >= target:
            return rows
    return []


def warm_up(network: str, steps: int, device: str) -> float:
    """Trains a network that is thrown away for about so many steps on random pictures -> seconds. Each side that the recipe
    trains at has its part."""
    start = time.monotonic()
    settings = None if network in trained.BASELINES else config(network, device=device)
    count = steps * settings.batch_size if settings else BASELINE_PICTURES
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (count,), generator=generator)
    made_up = Cifar10(images, labels, images[:1], labels[:1])
    if settings is None:
        trained.run(network, made_up, budget=BASELINE_SECONDS, seed=0, device=device)
        return time.monotonic() - start
    changes = settings.to_dict() | {"epochs": 1.0, "budget": MAX_BUDGET, "holdout": 0}
    settings = TrainConfig.from_dict(changes)
    for _ in train(build_model(settings), made_up, settings):
        pass
    return time.monotonic() - start


def matrix_peak(device: torch.device, side: int) -> float:
    """Operations a second of a square bfloat16 matrix product, the best of twenty."""
    a, b = (torch.rand(side, side, device=device).bfloat16() for _ in range(2))
    best = float("inf")
    for _ in range(21):  # The first one chooses the kernel.
        _wait(device)
        start = time.perf_counter()
        torch.mm(a, b)
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def operations(model: nn.Module, side: int, pictures: int = 4) -> float:
    """Floating-point operations of a training step for each picture: products and sums of convolutions and matrices, forward
    and backward."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(pictures, 3, side, side)).sum().backward()
    return counter.get_total_flops() / pictures


def arithmetic(network: str, run: Trained, pictures: int) -> float:
    """All operations of a run that trained on so many pictures, from what it told on its way."""
    if network in trained.BASELINES:
        return operations(trained.build(network, seed=0), 32) * run.finished.pictures_seen
    settings = config(network)
    model = build_model(settings)

    @cache
    def each(side: int, frozen: bool) -> float:
        model.stem.requires_grad_(not frozen)
        return operations(model, side)

    reached = [(0.0, 0.0), *((step.epoch, step.fraction) for step in run.steps), (run.finished.epoch, 1.0)]
    return sum(
        (epoch - before) * pictures * each(settings.side(fraction, 32), fraction >= settings.freeze_stem)
        for (before, _), (epoch, fraction) in pairwise(reached)
    )


def limits_table(limits: Sequence[Sequence[Row]]) -> str:
    lines = ["| limit | test accuracy | epochs | pictures/s | share of peak | seeds |", "|---|---|---|---|---|---|"]
    for rows in limits:
        epochs, speed, share = (mean(row[name] for row in rows) for name in ("epochs", "pictures_per_second", "peak_share"))
        lines.append(
            f"| {rows[0]['budget']:g} s | {_spread(rows)} | {epochs:.2f} | {speed:,.0f} | {share:.1%} | {len(rows)} |"
        )
    return "\n".join(lines)


def targets_table(reached: Sequence[tuple[float, Sequence[Row]]], last: float) -> str:
    lines = ["| target | training time | test accuracy there | epochs | seeds |", "|---|---|---|---|---|"]
    for target, rows in reached:
        if rows:
            seconds, epochs = mean(row["seconds"] for row in rows), mean(row["epochs"] for row in rows)
            lines.append(f"| {target:.2%} | {seconds:.2f} s | {_spread(rows)} | {epochs:.2f} | {len(rows)} |")
        else:
            lines.append(f"| {target:.2%} | not within {last:g} s | | | |")
    return "\n".join(lines)


def _measured(cifar10: Cifar10, recipe: str, budget: float, seed: int, device: str, peak: float) -> Row:
    others = machine.Others()
    result = trained.run(recipe, cifar10, budget=budget, seed=seed, device=device)
    cores = others.cores()
    row = result.row(trained.accuracy(result.model, cifar10), cores)
    done = arithmetic(recipe, result, len(cifar10.train_labels))
    return row | {"peak": peak, "peak_share": done / result.finished.seconds / peak}


def _ladder(first: float, last: float) -> Iterator[float]:
    while first <= last:
        yield round(first, 2)
        first *= STEP


def _spread(rows: Sequence[Row]) -> str:
    right = [row["accuracy"] for row in rows]
    return f"{mean(right):.2%}" + (f" ± {100 * stdev(right):.2f}" if len(right) > 1 else "")


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


if __name__ == "__main__":
    main()
