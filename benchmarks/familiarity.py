"""Whether the score of `diclam.familiarity` tells pictures of the ten classes from others:

    python -m benchmarks.familiarity TWIN MODEL

TWIN is a run that held 10,000 training pictures out. Its score on them, and on what `benchmarks.unfamiliar` makes, gives the
table: the area under the ROC curve for each source (AUROC: how often a held-out picture scores higher than one of the
source; 0.5 is chance) and the share of the source below the threshold, which 95 % of the held-out pictures pass. The largest
probability and the energy of the logits (Liu et al. 2020) stand beside it. Nothing of this looks at the test set.

MODEL, made by the same settings from all pictures, gets that threshold and a bank of its own training pictures, written
beside its weights. Then the 10,000 test pictures are scored once, for the share that is flagged by mistake. The figures are
kept in benchmarks/results/familiarity.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks import machine, unfamiliar
from benchmarks.rows import RESULTS
from diclam import augment, checkpoint, data, runs
from diclam.errors import ConfigError, DiclamError
from diclam.familiarity import Familiarity, directions
from diclam.files import replacing
from diclam.model import DiCLAM
from diclam.predict import answering
from diclam.recipe import TrainConfig
from diclam.train import SPLIT_SEED

FILE = RESULTS / "familiarity.json"
BANK = 1900
"""Training pictures that others are compared with, the same number of each class; just under a megabyte as 16-bit floats.
With half as many it is as good, but it counts for more which ones were drawn."""
PASS = 0.95
"""Of the held-out pictures, by the choice of the threshold."""
COUNT = 500
"""Pictures of each source."""
SEED = 0
KEPT = "nearest neighbours"
"""The score that `diclam.familiarity` has. Both others look at the logits alone."""


class Answers(NamedTuple):
    """What a network computed of some pictures."""

    features_BF: Tensor
    logits_BK: Tensor


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twin", help="a run that held pictures out")
    parser.add_argument("model", help="the model that gets familiarity.json and its bank: a run, a folder, or 'bundled'")
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures of each source; default: {COUNT}")
    options = parser.parse_args(arguments)
    try:
        twin, model = runs.locate(options.twin), runs.locate(options.model)
        cifar10 = data.load()
        train, held_out = halves(runs.Run(twin), cifar10.train_labels)
        found, rows = judge(checkpoint.load(twin), cifar10, train, held_out, options.count)
        carried = carry(found, checkpoint.load(model), cifar10)
    except DiclamError as error:
        sys.exit(str(error))
    carried.save(model)
    result = {
        "twin": twin.name, "model": model.name, "held_out": len(held_out), "threshold": found.threshold,
        "false_alarms_held_out": found.false_alarms, "test": len(cifar10.test_labels),
        "false_alarms_test": carried.false_alarms, "sources": rows, **machine.describe(),
    }  # fmt: skip
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with replacing(FILE) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def halves(twin: runs.Run, labels_N: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of the training pictures that a run learned from, and of those it held out. Raises ConfigError when it held
    none out."""
    settings = TrainConfig.from_dict(twin.info()["config"])
    if not settings.holdout:
        raise ConfigError(f"Expected a run that held pictures out to set the threshold with; {twin.name} learned from all.")
    return data.split(labels_N, len(labels_N) - settings.holdout, settings.holdout, SPLIT_SEED)


def judge(
    model: DiCLAM, cifar10: data.Cifar10, train: Tensor, held_out: Tensor, count: int
) -> tuple[Familiarity, list[dict[str, Any]]]:
    """-> the twin's familiarity, and a row for each source: AUROC and the share that is flagged, by each score."""
    bank_NC = bank(model, cifar10.train_images[train], cifar10.train_labels[train])
    unset = Familiarity(bank_NC, threshold=0.0, false_alarms=0.0, source="")
    inside = scores(answers(model, cifar10.train_images[held_out]), unset)
    thresholds = {name: float(np.quantile(values, 1 - PASS)) for name, values in inside.items()}
    rows = []
    for name, images in pictures(cifar10.train_images[held_out], count).items():
        outside = scores(answers(model, images), unset)
        rows.append(
            {
                "source": name,
                "pictures": len(images),
                "auroc": {score: auroc(inside[score], outside[score]) for score in inside},
                "flagged": {score: float((outside[score] < thresholds[score]).mean()) for score in inside},
            }
        )
    false_alarms = float((inside[KEPT] < thresholds[KEPT]).mean())
    return replace(unset, threshold=thresholds[KEPT], false_alarms=false_alarms), rows


def carry(found: Familiarity, model: DiCLAM, cifar10: data.Cifar10) -> Familiarity:
    """The twin's threshold for another model, with a bank of its own training pictures; its false alarms are counted on the
    test pictures, which nothing was chosen on."""
    own = replace(found, bank_NC=bank(model, cifar10.train_images, cifar10.train_labels))
    test_B = own.scores(answers(model, cifar10.test_images).features_BF)
    source = (
        f"threshold: passed by {PASS:.0%} of the pictures that a twin of the model held out; false alarms: counted on "
        f"{len(test_B)} test pictures, once"
    )
    return replace(own, false_alarms=float((test_B < own.threshold).float().mean()), source=source)


def bank(model: DiCLAM, images_N3HW: Tensor, labels_N: Tensor) -> Tensor:
    """-> directions (BANK, 256), of as many training pictures of each class."""
    chosen, _ = data.split(labels_N, BANK, len(labels_N) - BANK, SEED)
    # Through 16 bits, as the file keeps them.
    return directions(answers(model, images_N3HW[chosen]).features_BF).half().float()


def pictures(held_out_N3HW: Tensor, count: int) -> Mapping[str, Tensor]:
    """Everything that is none of the ten classes, by source: what is made or cut, and held-out pictures taken apart."""
    made = {name: unfamiliar.draw(source, count, SEED) for name, source in unfamiliar.SOURCES.items()}
    taken = held_out_N3HW[:count]
    apart = {f"CIFAR-10, {side} x {side} patches shuffled": unfamiliar.shuffled(taken, SEED, side) for side in (16, 8)}
    return made | apart | {"CIFAR-10, pixels shuffled": unfamiliar.shuffled(taken, SEED, 1)}


def answers(model: DiCLAM, images_N3HW: Tensor, batch_size: int = 250) -> Answers:
    features, logits = [], []
    with answering(model):
        for images in images_N3HW.split(batch_size):
            x_B3HW = augment.normalize(images).contiguous(memory_format=torch.channels_last)
            features.append(model.features(x_B3HW))
            logits.append(model.classifier(features[-1]))
    return Answers(torch.cat(features), torch.cat(logits))


def scores(found: Answers, familiarity: Familiarity) -> dict[str, np.ndarray]:
    """Each of the scores that are compared; higher is more familiar."""
    ways: dict[str, Callable[[], Tensor]] = {
        KEPT: lambda: familiarity.scores(found.features_BF),
        "largest probability": lambda: found.logits_BK.double().softmax(1).amax(1),
        "energy": lambda: found.logits_BK.double().logsumexp(1),
    }
    return {name: score().numpy() for name, score in ways.items()}


def auroc(inside_B: np.ndarray, outside_B: np.ndarray) -> float:
    """How often a picture from inside scores higher than one from outside."""
    inside = np.r_[np.ones(len(inside_B)), np.zeros(len(outside_B))]
    return float(roc_auc_score(inside, np.r_[inside_B, outside_B]))


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table with what they were measured on below it."""
    rows = result["sources"]
    names = list(rows[0]["auroc"])
    heads = [f"AUROC, {name}" for name in names] + [f"flagged, {name}" for name in names]
    lines = [f"| source | pictures | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    mean = {
        "source": "mean of the sources", "pictures": sum(row["pictures"] for row in rows),
        **{figure: {name: float(np.mean([row[figure][name] for row in rows])) for name in names}
           for figure in ("auroc", "flagged")},
    }  # fmt: skip
    for row in [*rows, mean]:
        cells = [f"{row['auroc'][name]:.3f}" for name in names] + [f"{row['flagged'][name]:.1%}" for name in names]
        lines.append(f"| {row['source']} | {row['pictures']} | {' | '.join(cells)} |")
    return "\n".join(
        [
            *lines,
            "",
            f"By mistake, {KEPT}: {result['false_alarms_held_out']:.2%} of the {result['held_out']:,} held-out pictures "
            f"(chosen so), {result['false_alarms_test']:.2%} of the {result['test']:,} test pictures (measured once, with "
            f"the threshold {result['threshold']:.4f} carried over).",
            *machine.footnotes([result]),
        ]
    )


if __name__ == "__main__":
    main()
