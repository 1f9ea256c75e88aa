"""Makes a finished run the checkpoint that comes with the project: python -m benchmarks.ship RUN

Copies the run's files to assets/bundled, makes the fader's table, packs the test pictures that the confusion tab shows
without the data set, and writes the model card from the run's own records. What `python -m benchmarks.calibrate TWIN RUN`
found comes along; with 'bundled' in place of RUN, afterwards, that command adds its row to the card itself.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from diclam import bundle, calibration, checkpoint, data, fader, familiarity, runs
from diclam.blocks import EXPERTS
from diclam.calibration import Calibration
from diclam.evaluate import FIGURES, TABLE, Evaluation
from diclam.recipe import TrainConfig
from diclam.report import command
from diclam.terminal import REASONS, clock

FILES = (checkpoint.CONFIG, checkpoint.WEIGHTS, runs.INFO, runs.EVENTS, FIGURES, TABLE)
CARD = "README.md"
RIGHT_ONES_PER_CLASS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished and tested run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "assets" / "bundled")
    options = parser.parse_args()
    run = runs.Run(options.run)
    evaluation, info, status = run.evaluation(), run.info(), run.status()
    if status.finished is None or status.tested is None:
        sys.exit(f"{run.path} is not finished and tested.")
    if evaluation.gates.shape[1] != EXPERTS:
        sys.exit(f"{run.path} holds a network of full blocks; the page looks into light ones.")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(run.path / name, options.out / name)
    for name in (calibration.TABLE, familiarity.TABLE, familiarity.BANK):  # of the weights that were here before
        (options.out / name).unlink(missing_ok=True)
    if (run.path / calibration.TABLE).is_file():
        shutil.copyfile(run.path / calibration.TABLE, options.out / calibration.TABLE)
    images, labels = data.load_test()
    bundle.save(options.out, images, evaluation, per_class=RIGHT_ONES_PER_CLASS)
    fader.fade_all(checkpoint.load(options.out), images, labels).save(options.out)
    card = with_calibration(model_card(info, status, evaluation, earlier(info)), Calibration.load(options.out))
    (options.out / CARD).write_text(card, encoding="utf-8")
    print(card)


def earlier(info: dict[str, Any]) -> list[runs.Run]:
    """The runs whose weights this one started from, the latest first."""
    found = []
    while start_from := TrainConfig.from_dict(info["config"]).start_from:
        found.append(runs.Run(runs.locate(start_from)))
        info = found[-1].info()
    return found


def _stage(run: runs.Run) -> str:
    finished = run.status().finished
    assert finished is not None
    made = command(TrainConfig.from_dict(run.info()["config"])).replace("--run-dir RUN", f"--run-dir {run.name}")
    took = f"{clock(finished.seconds)}, {finished.epoch:.1f} epochs, {run.evaluation().accuracy:.2%} of the test pictures"
    return f"\nIts first weights are those of another run, `{run.name}` ({took}), made with\n\n    {made}\n"


def model_card(info: dict[str, Any], status: runs.Status, evaluation: Evaluation, before: list[runs.Run]) -> str:
    started, finished = status.started, status.finished
    assert started is not None
    assert finished is not None
    hardware, versions = info["hardware"], info["versions"]
    cores = "1 core" if hardware["cores"] == 1 else f"{hardware['cores']} cores"
    machine = f"{hardware['processor']}, {cores}, {hardware['memory_gib']} GiB"
    if hardware["accelerator"]:
        machine = f"{hardware['accelerator']}; {machine}"
    reason = f"ended because {REASONS[finished.reason]}"
    worst = evaluation.per_class.sort_values("f1").head(2)["class"].tolist()
    return f"""---
license: mit
datasets: [uoft-cs/cifar10]
pipeline_tag: image-classification
tags: [cifar10, attention, mixture-of-experts]
---

# The bundled DiCLAM checkpoint

| | |
|---|---|
| test accuracy | {evaluation.accuracy:.2%} on the 10,000 test pictures, one answer a picture, no test-time augmentation |
| precision, recall, F1 | {evaluation.precision:.4f}, {evaluation.recall:.4f}, {evaluation.f1:.4f}; means over the classes |
| parameters | {evaluation.parameters:,} |
| trained on | all {started.train_pictures:,} training pictures; nothing was held out, so nothing was chosen by looking |
| training | {clock(finished.seconds)} (h:mm:ss), {finished.epoch:.1f} epochs, {finished.step:,} steps; {reason} |
| machine | {machine}; {started.device}, {started.precision}; other work shared it, so the time is an upper bound |
| versions | {", ".join(f"{name} {version}" for name, version in versions.items())} |
| seed | {started.seed} |

Made with

    {command(TrainConfig.from_dict(info["config"]))}
    python -m benchmarks.ship RUN

and tested once, at the end of that command.
{"".join(_stage(run) for run in before)}
`python -m diclam evaluate bundled` prints the figures again.

`model.safetensors` and `config.json` rebuild the network (`diclam.checkpoint.load`), `run.json` and `events.jsonl` are the
record of the training, `evaluation.json` and `predictions.csv` the test, `fader.json` how many test pictures are answered
right when the experts are mixed in other shares, `pictures.*` every test picture it gets wrong and {RIGHT_ONES_PER_CLASS} it
gets right of each class, `familiarity.*` what tells whether a picture looks like those it was trained on, made by
`python -m benchmarks.familiarity TWIN bundled` with a twin that held pictures out, `calibration.json` how far the
percentages can be believed, made by `python -m benchmarks.calibrate TWIN bundled`.

It answers with one of ten classes whatever it is shown. It was trained on centred objects in 32 x 32 pixels and is unsure of
{worst[0]}s and {worst[1]}s first of all. It is made for teaching and for looking into, not for decisions.

CIFAR-10 was collected by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton (Learning Multiple Layers of Features from Tiny
Images, 2009).
"""


def with_calibration(card: str, found: Calibration | None) -> str:
    """The card with a row about how far the percentages can be believed, in place of one that it may have."""
    lines = [line for line in card.splitlines() if not line.startswith("| calibration ")]
    if found:
        before, after = found.checked_on_test or (found.before, found.after)
        where = "the test pictures, looked at once" if found.checked_on_test else "those pictures"
        row = (
            f"| calibration | temperature {found.temperature:.4f}, fitted on {found.source}; on {where}: expected "
            f"calibration error {before.ece:.4f} before and {after.ece:.4f} after, negative log-likelihood {before.nll:.4f} "
            f"and {after.nll:.4f} |"
        )
        lines.insert(next(k for k, line in enumerate(lines) if line.startswith("| parameters ")), row)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
