"""What a visitor can take home from a run, as files in the page's cache: the run's own folder is never served."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from diclam import archive, calibration, checkpoint, evaluate, runs
from diclam.errors import RunError
from diclam.files import replacing
from diclam.runs import Run

SAVE = """(file) => {
  Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name}).click();
}"""
"""Has the browser keep the file that a listener gave to a hidden `gr.DownloadButton`."""


def predictions(run: Run, cache: Path) -> Path:
    """A copy of `predictions.csv` in the folder `cache`. Raises RunError when the run was not tested."""
    source = run.path / evaluate.TABLE
    if not source.is_file():
        raise RunError(f"The run {run.name} was not tested, so it has no predictions.")
    return _cached(cache, f"{run.name}_predictions.csv", [source], lambda path: shutil.copyfile(source, path))


def weights(run: Run, cache: Path) -> Path:
    """A zip of `config.json` and `model.safetensors`, with `calibration.json` where there is one, in the folder `cache`:
    unpacked, a folder that every `diclam` command takes as a model. Raises RunError when the run has no weights."""
    if not run.has_checkpoint:
        raise RunError(f"The run {run.name} has no weights.")
    sources = [run.path / checkpoint.CONFIG, run.path / checkpoint.WEIGHTS]
    sources += [path for path in (run.path / calibration.TABLE,) if path.is_file()]

    def pack(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:  # Weights do not get smaller by compression.
            for source in sources:
                archive.write(source, f"{run.name}/{source.name}")

    return _cached(cache, f"{run.name}_checkpoint.zip", sources, pack)


def folder(run: Run, cache: Path) -> Path:
    """A zip of the whole run, which a page takes back, in the folder `cache`. Raises RunError before it has settings."""
    sources = [path for name in archive.LIMITS if (path := run.path / name).is_file()]
    return _cached(cache, f"{run.name}.zip", sources, lambda path: archive.pack(run, path))


def report(run: Run, cache: Path) -> Path:
    """One page of HTML with all figures, settings and test of the run, in the folder `cache`. Raises RunError when there is
    nothing to show, CheckpointError when its evaluation is damaged."""
    from diclam.report import Report  # Only here: a page that opens need not wait for the drawing library.

    sources = [path for name in (runs.INFO, runs.EVENTS, evaluate.FIGURES) if (path := run.path / name).is_file()]

    def write(path: Path) -> None:
        path.write_text(Report(run).page(), encoding="utf-8")

    return _cached(cache, f"{run.name}_report.html", sources, write)


def _cached(cache: Path, name: str, sources: list[Path], write: Callable[[Path], object]) -> Path:
    """The file `name`, written once for each state of its sources, however often it is asked for."""
    state = f"{name} {[source.stat().st_mtime_ns for source in sources]}"
    path = cache / hashlib.sha256(state.encode()).hexdigest() / name
    if path.is_file():
        os.utime(path)  # The page deletes what was not asked for within its time.
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            write(temporary)
    return path
