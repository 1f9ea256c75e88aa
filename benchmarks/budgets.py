"""How good a network gets within a time limit on this machine: python -m benchmarks.budgets 60 200 --recipes report fast

Each run is the command line's own `train`, alone on the machine, on 40,000 pictures with 10,000 held out, tested once at its
end. The clock covers everything from the first batch to the final weights, the choice of precision and validations included.
Prints a table for the README and keeps every figure in benchmarks/results/budgets.json, a row for each recipe and limit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from diclam import recorder, runs
from diclam.recipe import RECIPES, config

RESULTS = Path(__file__).parent / "results" / "budgets.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("budgets", nargs="+", type=float, help="seconds")
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), default=["report"])
    parser.add_argument("--seeds", type=int, default=1, help="runs a budget, with the seeds 0, 1, ...")
    options = parser.parse_args()
    rows = {(row["recipe"], row["budget"]): row for row in _earlier()}
    for budget in options.budgets:
        for recipe in options.recipes:
            rows[recipe, budget] = _row(recipe, budget, options.seeds)
            _keep([rows[key] for key in sorted(rows, key=lambda key: (key[1], key[0]))])
    print(table(_earlier()))


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as a Markdown table, with the machines and versions they were measured on below it."""
    lines = ["| recipe | limit | test accuracy | epochs seen | pictures/s | seeds |", "|---|---|---|---|---|---|"]
    for row in rows:
        accuracies = [run["accuracy"] for run in row["runs"]]
        spread = f" ({min(accuracies):.2%} to {max(accuracies):.2%})" if len(accuracies) > 1 else ""
        seeds = ", ".join(str(run["seed"]) for run in row["runs"])
        lines.append(
            f"| {row['recipe']} | {row['budget']:g} s | {row['accuracy']:.2%}{spread} | {row['epochs']:.2f} "
            f"| {row['pictures_per_second']:.0f} | {seeds} |"
        )
    machines = {
        f"{row['hardware']['accelerator'] or row['hardware']['processor']}, {row['hardware']['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in row["runs"][0]["versions"].items())
        for row in rows
    }
    return "\n".join([*lines, "", *sorted(machines)])


def _earlier() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def _keep(rows: list[dict[str, Any]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


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
    with tempfile.TemporaryDirectory() as folder:
        run = runs.Run(Path(folder) / "run")
        recorder.record(run, config(recipe, budget=budget, seed=seed), lambda event: None, lambda: False)
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
