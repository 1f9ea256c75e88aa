"""How good a network gets within a time limit on this processor: python -m benchmarks.train_cpu [--budgets 60 200 600]

Trains DiCLAM by its recipes, and airbench94 and a ResNet-18 by theirs, each on all 50,000 pictures, nothing held out, and
tests it once at the end: one answer for each of the 10,000 test pictures, in float32, no test-time augmentation. The clock
covers everything from the first batch to the final weights, the choice of precision and the building of kernels included;
loading the data set and the test are outside it. Every run is a process of its own, so none finds kernels that another one
built.

Prints a Markdown table, mean and range over the seeds, and keeps every run in benchmarks/results/train_cpu.json as soon as
it has ended: a benchmark that was interrupted goes on, and a second call measures only what is new.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from statistics import mean
from typing import Any

from benchmarks import machine, trained
from benchmarks.rows import RESULTS, Row, Rows
from diclam import data

FILE = RESULTS / "train_cpu.json"
KEYS = ("recipe", "budget", "seed")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", nargs="+", type=float, default=[60.0, 200.0, 600.0], metavar="SECONDS")
    usual = ["fast", "report", "airbench94", "resnet18"]
    parser.add_argument("--recipes", nargs="+", choices=trained.NETWORKS, default=usual)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each recipe and limit, with the seeds 0, 1, ...")
    parser.add_argument("--anew", action="store_true", help="measure again what is kept already")
    parser.add_argument("--anyway", action="store_true", help="measure although other processes keep the machine busy")
    options = parser.parse_args(arguments)
    machine.insist_on_quiet(options.anyway)
    rows = Rows(FILE, KEYS, anew=options.anew)
    for budget in options.budgets:
        for recipe in options.recipes:
            for seed in range(options.seeds):
                measure = partial(_in_a_process_of_its_own, run, recipe, budget, seed)
                row = rows.get((recipe, budget, seed), measure)
                print(f"{recipe}, {budget:g} s, seed {seed}: {row['accuracy']:.2%}", file=sys.stderr)
    print(table(rows.given))


def run(recipe: str, budget: float, seed: int) -> Row:
    """One training run and its test."""
    cifar10 = data.load()
    others = machine.Others()
    result = trained.run(recipe, cifar10, budget=budget, seed=seed, device="cpu")
    cores = others.cores()
    return result.row(trained.accuracy(result.model, cifar10), cores)


def table(rows: Sequence[Row]) -> str:
    """A line for each recipe and limit, in the order of the rows; machines and versions below."""
    lines = ["| recipe | limit | test accuracy | epochs seen | pictures/s | seeds |", "|---|---|---|---|---|---|"]
    for recipe, budget in dict.fromkeys((row["recipe"], row["budget"]) for row in rows):
        alike = [row for row in rows if (row["recipe"], row["budget"]) == (recipe, budget)]
        right = [row["accuracy"] for row in alike]
        spread = f" ({min(right):.2%} to {max(right):.2%})" if len(right) > 1 else ""
        lines.append(
            f"| {recipe} | {budget:g} s | {mean(right):.2%}{spread} | {mean(row['epochs'] for row in alike):.2f} "
            f"| {mean(row['pictures_per_second'] for row in alike):.0f} | {', '.join(str(row['seed']) for row in alike)} |"
        )
    clock = "The limit covers everything from the first batch to the final weights; the test is outside it."
    return "\n".join([*lines, "", clock, *machine.footnotes(list(rows))])


def _in_a_process_of_its_own(measure: Callable[..., Row], *arguments: Any) -> Row:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_end_with_the_parent) as pool:
        return pool.submit(measure, *arguments).result()


def _end_with_the_parent() -> None:
    """Or a run whose benchmark was killed would go on, unseen, beside the next one."""
    parent = parent_process()
    assert parent is not None, "it is started by another process"

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main()
