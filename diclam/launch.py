"""Starts training in a process of its own, which outlives the one that asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock

from diclam.errors import RunError
from diclam.files import replacing
from diclam.recipe import TrainConfig
from diclam.runs import EXIT, LOG, Run, active, make_root, new, runs_root

COMMAND = "diclam"
"""The module whose command `train` is started."""
NICE = 10
"""How far a run stands back, 0 to 19."""
CANNOT_GO_ON = "The run {} cannot go on: it was tested, or was cut off before its first state was kept."


def start(config: TrainConfig, root: Path | None = None) -> Run:
    """Starts training in a process of its own, which outlives this one. Raises RunError when the folder cannot be written,
    or a run is going on already: two at a time would share the processor, and both would learn less within their time."""
    with starting(root) as root:
        if running := active(root):
            raise RunError(f"The run {running.name} is still going on; stop it or wait until it ends.")
        run = new(config.recipe, root)
        begin(run, config)
    return run


@contextmanager
def starting(root: Path | None = None) -> Iterator[Path]:
    """The folder of runs, in which nobody else starts one meanwhile. Raises RunError when it cannot be written."""
    root = root or runs_root()
    make_root(root)
    with FileLock(root / ".start.lock"):
        yield root


def begin(run: Run, config: TrainConfig) -> None:
    """Starts training in this new folder, whatever else is going on."""
    settings = run.path / "settings.json"
    with replacing(settings) as path:
        path.write_text(json.dumps(config.to_dict()))
    _launch(run, "--settings", str(settings), "--run-dir", str(run.path))


def go_on(run: Run) -> None:
    """Starts a process that goes on with a run that was cut off, or tests one that was not tested, whatever else is going
    on. Raises RunError when there is nothing to go on with."""
    if not run.can_go_on:
        raise RunError(CANNOT_GO_ON.format(run.name))
    run.withdraw_stop()
    (run.path / EXIT).unlink(missing_ok=True)
    _launch(run, "--resume", str(run.path))


def _launch(run: Run, *options: str) -> None:
    # The log is a file: a pipe that nobody reads would fill up and halt the training.
    with (run.path / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", COMMAND, "train", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"},
        )
    threading.Thread(target=_see_off, args=(process, run), daemon=True).start()  # Or it would stay a zombie.
    with suppress(psutil.Error):
        run.claim(process.pid)
        give_way(process.pid)


def give_way(pid: int) -> None:
    """Whoever waits for a page or an answer goes first: a process that has just begun, and all that it will start, take what
    others leave of the processor. Raises psutil.Error when it has gone."""
    psutil.Process(pid).nice(NICE if psutil.POSIX else psutil.BELOW_NORMAL_PRIORITY_CLASS)  # pyright: ignore[reportAttributeAccessIssue]
    # On desktop Linux that counts among the processes of one session only, and the trainer's is its own. Elsewhere there is
    # no such file.
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))


def _see_off(process: subprocess.Popen[bytes], run: Run) -> None:
    code = process.wait()
    with suppress(OSError):  # The folder may be gone, too.
        if code:
            (run.path / EXIT).write_text(str(code))
