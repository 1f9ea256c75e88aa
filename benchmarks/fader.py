"""Test accuracy at every mixture of the two experts: python -m benchmarks.fader [FOLDER]

Answers the 10,000 test pictures with the checkpoint in FOLDER (default: the bundled one) at each of the 21 positions of the
expert fader, writes fader.json beside its weights, and prints the table. Takes about three times as long as one test.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from diclam import checkpoint, data, fader
from diclam.data import CLASSES
from diclam.device import pick_device
from diclam.events import Testing
from diclam.terminal import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=checkpoint.bundled(), help="a checkpoint")
    folder = parser.parse_args().folder
    model = checkpoint.load(folder, pick_device())
    images, labels = data.load_test()
    progress = Progress(sys.stderr)
    start = time.monotonic()
    table = fader.fade_all(model, images, labels, progress=lambda done, total: progress.show(Testing(done, total)))
    progress.clear()
    table.save(folder)
    print(f"| position | {' | '.join(CLASSES)} | all |\n|{'---|' * (len(CLASSES) + 2)}")
    for position, (row, accuracy) in enumerate(zip(table.by_class, table.accuracy, strict=True)):
        print(f"| {_name(position)} | {' | '.join(f'{share:.1%}' for share in row)} | {accuracy:.2%} |")
    print(f"\n{folder / fader.TABLE}, {time.monotonic() - start:.0f} s")


def _name(position: int) -> str:
    names = {0: "expert 1 only", fader.STEPS: "the network's own gates", fader.POSITIONS - 1: "expert 2 only"}
    return names.get(position, f"{position / (fader.POSITIONS - 1):.0%}")


if __name__ == "__main__":
    main()
