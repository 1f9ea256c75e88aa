"""How good a network gets within a time limit on this machine: python -m benchmarks.budgets 60 600 --seeds 1

Each run is the command line's own `train`, alone on the machine, on 40,000 pictures with 10,000 held out, tested once at its
end. Prints a table for the README and keeps every figure in benchmarks/results/budgets.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from diclam import recorder, runs
from diclam.events import Event
from diclam.recipe import RECIPES, config

RESULTS = Path(__file__).parent / "results" / "budgets.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("budgets", nargs="+", type=float, help="seconds")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="report")
    parser.add_argument("--seeds", type=int, default=1, help="runs a budget, with the seeds 0, 1, ...")
    options = parser.parse_args()
    rows = [_row(options.recipe, budget, options.seeds) for budget in options.budgets]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("| recipe | limit | test accuracy | epochs | pictures/s | seeds |\n|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['recipe']} | {row['budget']:g} s | {row['accuracy']:.2%} | {row['epochs']:.2f} "
            f"| {row['pictures_per_second']:.0f} | {len(row['runs'])} |"
        )
    print(f"\n{rows[0]['hardware']}, {rows[0]['versions']}")


def _row(recipe: str, budget: float, seeds: int) -> dict[str, Any]:
    done = [_one(recipe, budget, seed) for seed in range(seeds)]
    columns = ("accuracy", "epochs", "pictures_per_second")
    return {
        "recipe": recipe,
        "budget": budget,
        **{name: mean(run[name] for run in done) for name in columns},
        "hardware": recorder.hardware(),
        "versions": done[0]["versions"],
        "runs": done,
    }


def _one(recipe: str, budget: float, seed: int) -> dict[str, Any]:
    def watch(event: Event) -> None:
        pass

    with tempfile.TemporaryDirectory() as folder:
        run = runs.Run(Path(folder) / "run")
        recorder.record(run, config(recipe, budget=budget, seed=seed), watch, lambda: False)
        status, versions = run.status(), run.info()["versions"]
        assert status.finished is not None
        assert status.tested is not None
    return {
        "seed": seed,
        "reason": status.finished.reason,
        "seconds": status.finished.seconds,
        "epochs": status.finished.epoch,
        "pictures_per_second": status.finished.pictures_seen / status.finished.seconds,
        "accuracy": status.tested.accuracy,
        "f1": status.tested.f1,
        "versions": versions,
    }


if __name__ == "__main__":
    main()
