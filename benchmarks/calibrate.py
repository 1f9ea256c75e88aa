"""Calibrates a model by a twin of it: python -m benchmarks.calibrate TWIN MODEL

TWIN is a run that held training pictures out, trained as MODEL was. Its temperature is fitted on them (`diclam.calibration`)
and carried over to MODEL, which may have learned from all training pictures: it is written to calibration.json beside the
weights of MODEL. Then MODEL's answers to the test pictures are looked at once, without the temperature and with it; that is
kept in the file as `checked_on_test`, and stands in the model's card, if there is one.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.familiarity import halves
from benchmarks.ship import CARD, with_calibration
from diclam import calibration, checkpoint, data, runs
from diclam.calibration import Calibration, Reliability
from diclam.device import pick_device
from diclam.errors import ConfigError, DiclamError
from diclam.files import replacing


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twin", help="a run that held pictures out")
    parser.add_argument("model", help="the model that gets calibration.json: a run, a folder, or 'bundled'")
    options = parser.parse_args(arguments)
    try:
        model = runs.locate(options.model)
        found = carry(runs.locate(options.twin), model, data.load())
    except DiclamError as error:
        sys.exit(str(error))
    found.save(model)
    if (model / CARD).is_file():
        card = with_calibration((model / CARD).read_text(encoding="utf-8"), found)
        with replacing(model / CARD) as path:
            path.write_text(card, encoding="utf-8")
    print(table(found))


def carry(twin: Path, model: Path, cifar10: data.Cifar10) -> Calibration:
    """The calibration of the twin, for the model, and what it does to the model's answers to the test pictures. Raises
    ConfigError when the twin held nothing out, or has learned nothing that can be calibrated."""
    device = pick_device()
    _, kept = halves(runs.Run(twin), cifar10.train_labels)
    source = f"{len(kept):,} training pictures that a twin of this model, trained on the others, held out"
    logits_NK = calibration.logits_of(checkpoint.load(twin, device), cifar10.train_images[kept])
    found = calibration.fit(logits_NK, cifar10.train_labels[kept], source)
    if found is None:
        raise ConfigError(f"Expected a trained network; {twin.name} answers with what is no number. Train it again.")
    tested_NK = calibration.logits_of(checkpoint.load(model, device), cifar10.test_images)
    before, after = (
        calibration.reliability(tested_NK, cifar10.test_labels, temperature) for temperature in (None, found.temperature)
    )
    return replace(found, checked_on_test=(before, after))


def table(found: Calibration) -> str:
    """The figures as a Markdown table."""

    def row(name: str, each: Reliability) -> str:
        pictures, right = each.pictures.sum(), each.right.sum()
        cells = f"{pictures:,} | {right / pictures:.2%} | {each.said.sum() / pictures:.2%} | {each.ece:.4f} | {each.nll:.4f}"
        return f"| {name} | {cells} |"

    rows = [row("held out, before", found.before), row("held out, after", found.after)]
    if found.checked_on_test:
        rows += [row(f"test, {when}", each) for when, each in zip(("before", "after"), found.checked_on_test, strict=True)]
    return "\n".join(
        [
            f"Temperature {found.temperature:.4f}, fitted on {found.source}; carried over, checked on the test once.",
            "",
            "| pictures of CIFAR-10 | number | right | says on average | ECE | negative log-likelihood |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    main()
