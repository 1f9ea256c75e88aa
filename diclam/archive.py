"""A run as one zip, to take home and to bring back.

A zip that somebody brings is trusted in nothing. Only names that a run has are looked at, none is ever a path to write to,
nothing is unpickled; and what is kept is not what came: each file is read as what it claims to be, and written anew.
"""

from __future__ import annotations

import io
import json
import shutil
import stat
import tempfile
import zipfile
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diclam import calibration, checkpoint, evaluate, foreign, runs, snapshots
from diclam.calibration import Calibration
from diclam.errors import CheckpointError, RunError
from diclam.evaluate import Evaluation
from diclam.files import replacing
from diclam.recipe import TrainConfig
from diclam.runs import EVENTS, INFO, Run
from diclam.snapshots import Snapshot

MEGABYTE = 1_000_000
LIMITS = {
    INFO: MEGABYTE,
    EVENTS: 30 * MEGABYTE,
    checkpoint.CONFIG: MEGABYTE,
    checkpoint.WEIGHTS: 40 * MEGABYTE,
    calibration.TABLE: MEGABYTE,
    evaluate.FIGURES: MEGABYTE,
    evaluate.TABLE: 10 * MEGABYTE,
    snapshots.FILE: 10 * MEGABYTE,
}
"""The files of a run that travel, and how many bytes each may have unpacked. The others serve the machine it ran on."""
MAX_BYTES = sum(LIMITS.values())
MAX_MEMBERS = 2 * len(LIMITS)
TEST_PICTURES = 10_000
ADVICE = "Expected the zip of a run as this page hands it out."


def pack(run: Run, path: Path) -> None:
    """Writes the zip of a run. Raises RunError when it has no settings, without which nobody could bring it back."""
    run.info()
    with zipfile.ZipFile(path, "w") as archive:
        for name in LIMITS:
            source = run.path / name
            if source.is_file():
                smaller = zipfile.ZIP_STORED if name == checkpoint.WEIGHTS else zipfile.ZIP_DEFLATED
                archive.write(source, f"{run.name}/{name}", smaller)


def unpack(content: bytes, root: Path | None = None) -> Run:
    """The run of a zip, in a fresh folder of `root` that says where it comes from. Raises RunError, in one sentence, for
    anything but the zip of a run; then there is no folder."""
    files, name = read(content)
    config, info = _info(files[INFO], name)
    with tempfile.TemporaryDirectory(prefix="diclam-") as folder:
        made = Path(folder)
        with replacing(made / INFO) as path:
            path.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
        if EVENTS in files:
            lines = [event.to_json() + "\n" for event in foreign.events(files[EVENTS])]
            (made / EVENTS).write_text("".join(lines), encoding="utf-8")
        _weights(files, config, made)
        _test(files, made)
        _album(files, made)
        run = runs.new("imported", root)
        try:
            shutil.copytree(made, run.path, dirs_exist_ok=True)
        except OSError as error:
            shutil.rmtree(run.path, ignore_errors=True)
            raise RunError(f"The run cannot be kept ({error.strerror}); make room, or set DICLAM_RUNS.") from error
    return run


def read(content: bytes) -> tuple[dict[str, bytes], str]:
    """-> the files of a zip by name, and the name of the folder they are in ('' for none). Raises RunError."""
    if len(content) > MAX_BYTES:
        raise _refusal(f"got {len(content):,} bytes, more than {MAX_BYTES:,}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(archive.infolist()) > MAX_MEMBERS:
                raise _refusal(f"got {len(archive.infolist()):,} members, more than {MAX_MEMBERS}")
            folders = {member.filename.rpartition("/")[0] for member in members}
            for member in members:
                _check(member)
            names = [member.filename.rpartition("/")[2] for member in members]
            if len(folders) > 1 or len(set(names)) < len(names):
                raise _refusal("got files of more than one")
            files = {name: _inflate(archive, member) for name, member in zip(names, members, strict=True)}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        if isinstance(error, RunError):
            raise
        raise _refusal("got a file that is no zip, or a damaged one") from error
    if INFO not in files:
        raise _refusal(f"got one without {INFO}")
    return files, folders.pop()


def _check(member: zipfile.ZipInfo) -> None:
    """Raises RunError for a member that the zip of a run cannot have. Its folder is only ever compared, never used."""
    name = member.filename.rpartition("/")[2]
    if name not in LIMITS:
        raise _refusal(f"got one with a file {member.filename[:80]!r}")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or member.flag_bits & 1:
        raise _refusal(f"got one whose {name} is a link, or encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # Others unpack without a bound.
        raise _refusal(f"got one whose {name} is packed in another way")
    if member.file_size > LIMITS[name]:
        raise _refusal(f"got one whose {name} has {member.file_size:,} bytes, more than {LIMITS[name]:,}")


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        # What a zip says of its sizes may be a lie.
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise zipfile.BadZipFile("not as long as it says")
    return content


def _info(content: bytes, name: str) -> tuple[TrainConfig, dict[str, Any]]:
    try:
        brought = json.loads(content.decode("utf-8"))
        config = TrainConfig.from_dict(brought["config"])
        info = {
            "config": config.to_dict(),
            "started": datetime.fromisoformat(brought["started"]).isoformat(timespec="seconds"),
            "versions": foreign.facts(brought["versions"]),
            "hardware": foreign.facts(brought["hardware"]),
        }
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _refusal(f"got one whose {INFO} is none ({str(error)[:200]})") from error
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return config, info | {"imported": {"name": name[:80], "at": at}}


def _weights(files: dict[str, bytes], config: TrainConfig, folder: Path) -> None:
    """The checkpoint, loaded once to see that it fits."""
    if checkpoint.WEIGHTS not in files and checkpoint.CONFIG not in files:
        return
    for name in (checkpoint.CONFIG, checkpoint.WEIGHTS):
        if name in files:
            (folder / name).write_bytes(files[name])
    try:
        model = checkpoint.load(folder)
    except (ValueError, TypeError, RecursionError) as error:
        reason = str(error).replace(str(folder), "it")
        raise _refusal(f"got one whose weights cannot be read ({reason[:200]})") from error
    if model.config != config.model:
        raise _refusal("got one whose weights are of another network than its settings say")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise _refusal("got one whose weights are not all numbers")
    checkpoint.save(folder, model)
    if calibration.TABLE in files:
        (folder / calibration.TABLE).write_bytes(files[calibration.TABLE])
        try:
            found = Calibration.load(folder)
            assert found is not None
            found.save(folder)
        except (CheckpointError, OverflowError, RecursionError) as error:
            raise _refusal(f"got one whose {calibration.TABLE} is none, or of other weights") from error


def _test(files: dict[str, bytes], folder: Path) -> None:
    """The final test; its figures are made anew of its answers."""
    if evaluate.FIGURES not in files or evaluate.TABLE not in files:
        return
    for name in (evaluate.FIGURES, evaluate.TABLE):
        (folder / name).write_bytes(files[name])
    try:
        evaluation = Evaluation.load(folder)
    except (CheckpointError, OverflowError, AttributeError, RecursionError) as error:
        raise _refusal("got one whose final test cannot be read") from error
    shares = np.concatenate([evaluation.probabilities, evaluation.gates], axis=1)
    seconds = evaluation.training_seconds
    sound = 0 < len(evaluation.true) <= TEST_PICTURES and bool(((shares >= 0) & (shares <= 1)).all())
    if not sound or not (seconds is None or foreign.fits(seconds, float)) or not foreign.fits(evaluation.parameters, int):
        raise _refusal("got one whose final test holds impossible numbers")
    evaluation.save(folder)


def _album(files: dict[str, bytes], folder: Path) -> None:
    """What was kept of the pinned pictures."""
    if snapshots.FILE not in files:
        return
    (folder / snapshots.FILE).write_bytes(files[snapshots.FILE])
    try:
        album = snapshots.read(folder)
    except (OverflowError, RecursionError) as error:
        raise _refusal(f"got one whose {snapshots.FILE} holds impossible numbers") from error
    if album is None or len(album.pinned.labels) > snapshots.PINNED or not all(map(_possible, album.snapshots)):
        raise _refusal(f"got one whose {snapshots.FILE} is none")
    lines = [album.pinned.to_json(), *(snapshot.to_json() for snapshot in album.snapshots)]
    (folder / snapshots.FILE).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _possible(snapshot: Snapshot) -> bool:
    numbers = (snapshot.step, snapshot.epoch, snapshot.seconds, snapshot.fraction)
    shares = np.concatenate([snapshot.probabilities, snapshot.gates], axis=1)
    square = snapshot.attention.shape[2:] == (snapshots.SIDE // 2, snapshots.SIDE // 2)
    return all(foreign.fits(number, float) for number in numbers) and square and bool(((shares >= 0) & (shares <= 1)).all())


def _refusal(got: str) -> RunError:
    return RunError(f"{ADVICE[:-1]}; {got}.")
