"""Finds test pictures whose label is probably wrong: python -m benchmarks.suspect_labels RUN...

Takes the answers of trained and tested runs (folders with predictions.csv), means their probabilities, and lets confident
learning (Northcutt, Jiang, Chuang 2021, as cleanlab has it) count which pictures are confidently something else than their
label. No run was trained on a test picture, so none has learned its label by heart. Writes assets/suspect_labels.csv, which
the page marks pictures by, and assets/suspect_labels.md, which says how it was made.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from diclam import suspects
from diclam.confusion import PLURALS, number
from diclam.draw import percent
from diclam.errors import DataError, DiclamError
from diclam.evaluate import Evaluation
from diclam.runs import Run
from diclam.suspects import Suspect
from diclam.terminal import clock

METHOD = "confident_learning"
"""Those that the confident joint counts off its diagonal: the mean probability of another class is above what is usual for
pictures that are labelled so, and is the highest."""
SCORE = "self_confidence"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of tested runs; several, so that none decides alone")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "assets", help="where both files go")
    options = parser.parse_args()
    runs = [Run(path.resolve()) for path in options.runs]
    try:
        evaluations = [run.evaluation() for run in runs]
        found = find(evaluations)
        text = note(runs, evaluations, found)
    except DiclamError as error:
        sys.exit(str(error))
    path = options.out / suspects.TABLE
    suspects.save(path, found)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def find(evaluations: Sequence[Evaluation]) -> list[Suspect]:
    """The doubtful ones among the pictures that all of these answered. Raises DataError when they are not the same."""
    true = evaluations[0].true
    if any(not np.array_equal(each.true, true) for each in evaluations):
        raise DataError("Expected runs that were tested on the same pictures; the labels in their tables differ.")
    each_RNK = np.stack([each.probabilities for each in evaluations]).astype(np.float64)
    mean_NK = each_RNK.mean(0)
    mean_NK /= mean_NK.sum(1, keepdims=True)  # a table has six digits
    doubtful = find_label_issues(true, mean_NK, filter_by=METHOD, n_jobs=1)
    quality = get_label_quality_scores(true, mean_NK, method=SCORE)
    suggested = mean_NK.argmax(1)
    agree = (each_RNK.argmax(2) == suggested).sum(0)
    return [
        Suspect(int(k), int(true[k]), int(suggested[k]), float(quality[k]), int(agree[k]), len(evaluations))
        for k in np.flatnonzero(doubtful)
    ]


def note(runs: Sequence[Run], evaluations: Sequence[Evaluation], found: Sequence[Suspect]) -> str:
    """How the table was made, as Markdown."""
    total = len(evaluations[0].true)
    unanimous = sum(each.agree == each.runs for each in found)
    pairs = Counter((each.label, each.suggested) for each in found).most_common(8)
    return "\n".join(
        [
            "# Test pictures whose label is doubtful",
            "",
            f"{len(found)} of {number(total)} ({percent(len(found) / total)}); all runs agree on {unanimous} of them.",
            "A doubt is no proof: some are pictures that these models only find hard. About 0.5 % of this test set is known",
            "to be mislabelled (checked by people; Northcutt, Athalye, Mueller: Pervasive Label Errors in Test Sets, 2021).",
            "",
            f"Made by `python -m benchmarks.suspect_labels` with cleanlab {version('cleanlab')}, numpy {np.__version__},",
            f'Python {platform.python_version()}: confident learning (`filter_by="{METHOD}"`), on the mean of',
            f"the probabilities that {'this run' if len(runs) == 1 else f'these {len(runs)} runs'} predicted:",
            "",
            "| run | recipe | seed | trained for | test accuracy |",
            "|---|---|---|---|---|",
            *(_row(run, each) for run, each in zip(runs, evaluations, strict=True)),
            "",
            f"`{suspects.TABLE}` has, the most doubtful first: the `index` in the test set, the `label`, the `suggested`",
            "class (the most probable one), the `quality` (mean probability of the label), and how many of the `runs`",
            "`agree` with the suggestion.",
            "",
            "| labelled | suggested | pictures |",
            "|---|---|---|",
            *(f"| {PLURALS[label]} | {PLURALS[said]} | {count} |" for (label, said), count in pairs),
            "",
            "The models that found them are wrong on them by their labels, so accuracy without them is a flattering figure.",
            "",
        ]
    )


def _row(run: Run, evaluation: Evaluation) -> str:
    config = run.info()["config"]
    seconds = evaluation.training_seconds
    trained = "unknown" if seconds is None else clock(seconds)
    return f"| {run.name} | {config['recipe']} | {config['seed']} | {trained} | {evaluation.accuracy:.2%} |"


if __name__ == "__main__":
    main()
