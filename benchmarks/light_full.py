"""What the light blocks cost and save, and what a teacher gives: python -m benchmarks.light_full --budget 600 --seeds 3

Trains the light network, the full one, and the light one taught by each of --teachers, all by one recipe within one limit,
each alone on the machine, on 40,000 pictures. The clock covers everything from the first batch to the final weights: the
choice of precision, validations, and the teacher's answers; not the teacher's own training. The weights are those of the
best validation, so the accuracy on all 10,000 held-out pictures is a little too good for every row alike; the test pictures
are asked once, at the end of each run. A teacher that learned from the held-out pictures, as the bundled one did, makes its
row's held-out accuracy better than it is.

Prints a table and keeps every figure in benchmarks/results/light_full.json, a row for each network and its settings: what
was measured with other ones is not printed beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import machine
from diclam import checkpoint, data, recorder, runs
from diclam.device import pick_device
from diclam.evaluate import evaluate
from diclam.model import DiCLAM
from diclam.recipe import RECIPES, TrainConfig, config, with_model
from diclam.train import SPLIT_SEED

RESULTS = Path(__file__).parent / "results" / "light_full.json"
FULL = "full"
"""As a teacher: the full network of this benchmark, of the same seed."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--budget", type=float, default=600.0, help="seconds a run; default: 600")
    limit.add_argument("--epochs", type=float, help="epochs a run instead, whatever time they take")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="fast")
    parser.add_argument("--seeds", type=int, default=1, help="runs a network, with the seeds 0, 1, ...; default: 1")
    teachers = "'full' (the full network of this table), a run's folder or name, or 'bundled'; default: full"
    parser.add_argument("--teachers", nargs="*", default=[FULL], metavar="TEACHER", help=teachers)
    kept = "where the runs are kept, and found again when a benchmark that was cut off is started anew; default: nowhere"
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help=kept)
    parser.add_argument("--anyway", action="store_true", help="measure although other processes keep the machine busy")
    options = parser.parse_args(arguments)
    machine.insist_on_quiet(options.anyway)
    limits = {"budget": 86_400.0, "epochs": options.epochs} if options.epochs else {"budget": options.budget}
    settings = config(options.recipe, **limits)
    networks = [("light", ""), (FULL, ""), *(("light", name) for name in options.teachers)]
    rows = {(network, teacher): _row(network, teacher, settings) for network, teacher in networks}
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for (network, teacher), row in rows.items():
                _keep(row, _run(network, teacher, seed, settings, Path(folder)))
    print(table([row for row in _earlier() if _apart_from_runs(row) in rows.values()]))


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as a Markdown table, with the machines and versions they were measured on below it."""
    lines = [
        "| network | parameters | multiply-adds | recipe | limit | pictures/s | epochs | held-out | test | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        done = sorted(row["runs"], key=lambda run: run["seed"])
        limit = f"{row['epochs']:g} epochs" if row["epochs"] else f"{row['budget']:g} s"
        speed, epochs = (mean(run[name] for run in done) for name in ("pictures_per_second", "epochs"))
        accuracies = [_accuracy([run[name] for run in done]) for name in ("held_out_accuracy", "test_accuracy")]
        seeds = ", ".join(str(run["seed"]) for run in done)
        lines.append(
            f"| {_name(row)} | {row['parameters']:,} | {row['multiply_adds'] / 1e6:.0f} M | {row['recipe']} | {limit} "
            f"| {speed:.0f} | {epochs:.2f} | {' | '.join(accuracies)} | {seeds} |"
        )
    machines = {
        f"{run['hardware']['accelerator'] or run['hardware']['processor']}, {run['hardware']['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        for row in rows
        for run in row["runs"]
    }
    return "\n".join([*lines, "", *sorted(machines)])


def multiply_adds(model: DiCLAM) -> int:
    """Of one answer to one picture: convolutions and matrix products, those of attention included; counted by PyTorch."""
    model = model.to("cpu").eval()
    # As plain products: the counter does not know the fused kernel of a CPU.
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        model(torch.zeros(1, 3, 32, 32))
    return counter.get_total_flops() // 2


def _name(row: dict[str, Any]) -> str:
    taught = {"": "", FULL: ", taught by the full one"}.get(row["teacher"], f", taught by {row['teacher']}")
    return row["network"] + taught


def _accuracy(values: list[float]) -> str:
    spread = f" ({min(values):.2%} to {max(values):.2%})" if len(values) > 1 else ""
    return f"{mean(values):.2%}{spread}"


def _row(network: str, teacher: str, settings: TrainConfig) -> dict[str, Any]:
    """What all its runs have in common."""
    model = DiCLAM(with_model(settings, blocks=network).model)
    return {
        "network": network,
        "teacher": Path(teacher).name,
        "recipe": settings.recipe,
        "budget": settings.budget,
        "epochs": settings.epochs,
        "settings": _settings(network, settings),
        "parameters": sum(p.numel() for p in model.parameters()),
        "multiply_adds": multiply_adds(model),
    }


def _settings(network: str, settings: TrainConfig) -> dict[str, Any]:
    """Of each of its runs, whatever their seed and where their teacher lies."""
    every = with_model(settings, blocks=network).to_dict()
    return {name: value for name, value in every.items() if name not in ("seed", "teacher")}


def _apart_from_runs(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "runs"}


def _run(network: str, teacher: str, seed: int, settings: TrainConfig, folder: Path) -> dict[str, Any]:
    """Trains and tests, unless that was done already."""
    limit = f"{settings.epochs:g}-epochs" if settings.epochs else f"{settings.budget:g}-s"

    def run_of(network: str, teacher: str) -> runs.Run:
        name = f"{settings.recipe}_{limit}_{network}{f'_by_{Path(teacher).name}' if teacher else ''}_seed-{seed}"
        return runs.Run(folder / name)

    run = run_of(network, teacher)
    if not run.status().tested:
        taught_by = str(run_of(FULL, "").path) if teacher == FULL else teacher
        changes = {"seed": seed, "teacher": taught_by}
        own = with_model(TrainConfig.from_dict(settings.to_dict() | changes), blocks=network)
        recorder.record(run, own, lambda event: None, lambda: False)
    status, info = run.status(), run.info()
    assert status.finished is not None
    assert status.tested is not None
    return {
        "seed": seed,
        "reason": status.finished.reason,
        "seconds": status.finished.seconds,
        "epochs": status.finished.epoch,
        "pictures_per_second": status.finished.pictures_seen / status.finished.seconds,
        "held_out_accuracy": held_out_accuracy(checkpoint.load(run.path, pick_device()), settings.holdout),
        "test_accuracy": status.tested.accuracy,
        "hardware": info["hardware"],
        "versions": info["versions"],
    }


def held_out_accuracy(model: DiCLAM, holdout: int) -> float:
    """On all pictures that no run learned from; a run's own validations may look at a part of them only."""
    cifar10 = data.load(progress=lambda event: None)
    labels = cifar10.train_labels
    _, kept = data.split(labels, len(labels) - holdout, holdout, SPLIT_SEED)
    return evaluate(model, cifar10.train_images[kept], labels[kept]).accuracy


def _earlier() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def _keep(row: dict[str, Any], run: dict[str, Any]) -> None:
    """Adds a run to its row, in the place of an earlier one of the same seed."""
    rows = _earlier()
    known = next((old for old in rows if _apart_from_runs(old) == row), None)
    if known is None:
        rows.append({**row, "runs": [run]})
    else:
        known["runs"] = [old for old in known["runs"] if old["seed"] != run["seed"]] + [run]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
