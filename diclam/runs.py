"""A training run is a folder: followed and stopped through its files alone.

    run.json                         settings, versions, hardware
    events.jsonl                     one event a line, appended and flushed
    snapshots.jsonl                  twelve pinned pictures and what was said of them as it learned, see `diclam.snapshots`
    config.json, model.safetensors   the checkpoint, there from the first good validation on
    evaluation.json, predictions.csv the final test
    calibration.json                 how far its percentages can be believed, by pictures that the run held out
    state.pt                         while it trains: all that is needed to go on after a kill
    log.txt                          what a detached process printed
    process                          who writes this folder
    note.json                        whose it is, its title, its pin: see `diclam.note_file`
    stop, pause                      ask the run to stop, or to wait; their presence is the request
    paused                           seconds that the pauses before took
    exit                             how a process that the app started ended, unless all went well

So a reloaded page, a second visitor or a restarted server loses nothing: whoever reads the folder knows all there is.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import psutil

from diclam import checkpoint, event_log, pause
from diclam.errors import RunError
from diclam.events import Event, Finished, Tested
from diclam.files import replacing
from diclam.pause import Pause
from diclam.recipe import TrainConfig
from diclam.status import Status, status_of

if TYPE_CHECKING:
    from diclam.evaluate import Evaluation

BIN = ".deleted"
"""What was thrown away, in the folder of runs."""
BIRTH = 1.0
"""Seconds by which the system may be wrong about when a process was born."""
INFO, EVENTS, LOG, EXIT, STATE = "run.json", "events.jsonl", "log.txt", "exit", "state.pt"


@dataclass(frozen=True)
class Usage:
    """What a process takes of the machine, at one moment."""

    at: float
    """Seconds on the monotonic clock."""
    processor: float
    """Seconds of one core that it has used so far."""
    memory: int
    """Bytes that it holds now."""


class Run:
    """One run folder. Reading it never raises because the run is young, still being written, or was cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def has_checkpoint(self) -> bool:
        return all((self.path / name).is_file() for name in (checkpoint.CONFIG, checkpoint.WEIGHTS))

    def info(self) -> dict[str, Any]:
        """What `run.json` holds: config, started, versions, hardware. Raises RunError when it is missing or damaged."""
        try:
            info = json.loads((self.path / INFO).read_text(encoding="utf-8"))
            TrainConfig.from_dict(info["config"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            what = error.strerror if isinstance(error, OSError) else error  # Where the folder lies is the server's alone.
            raise RunError(f"Expected a run with a readable {INFO} in {self.name}; got: {what}") from error
        return info

    def events(self) -> list[Event]:
        """In the order they happened. A half-written last line, or any other that cannot be read, is left out."""
        return event_log.read(self.path / EVENTS)

    def status(self) -> Status:
        process = self._process()  # Asked first: a run that ends in between has then written everything.
        found = status_of(self.events(), process is not None, self._silent_end)
        if process and found.state in ("training", "compiling", "failed") and self._written_before(process):
            return replace(found, state="starting", failed=None, paused=False)
        return found

    def evaluation(self) -> Evaluation:
        """Raises CheckpointError when the final test is missing or damaged."""
        from diclam.evaluate import Evaluation  # with pandas and scikit-learn, for which a run that begins does not wait

        return Evaluation.load(self.path)

    def alive(self) -> bool:
        """Whether the process that writes this folder is running."""
        return self._process() is not None

    def mine(self) -> bool:
        """Whether this very process writes the folder."""
        process = self._process()
        return process is not None and process.pid == os.getpid()

    def age(self) -> float:
        """Seconds since its process was born; 0 when there is none."""
        process = self._process()
        return max(time.time() - process.create_time(), 0) if process else 0.0

    @property
    def can_go_on(self) -> bool:
        """Whether it was cut off in training with a state to go on from, or ended without its test."""
        if self.alive():
            return False
        trained = any(isinstance(event, Finished) for event in self.events())
        return self.lacks_test if trained else (self.path / STATE).is_file()

    @property
    def lacks_test(self) -> bool:
        """Whether its training has ended, and its weights were not tested, or not to the end."""
        kinds = {type(event) for event in self.events()}
        return Finished in kinds and Tested not in kinds and self.has_checkpoint

    def usage(self) -> Usage | None:
        """What the process that writes this folder takes of the machine; None when there is none."""
        process = self._process()
        try:
            if process is None:
                return None
            times = process.cpu_times()
            return Usage(time.monotonic(), times.user + times.system, process.memory_info().rss)
        except psutil.Error:  # It has just ended.
            return None

    @property
    def killed(self) -> bool:
        """Whether the process that wrote it last was killed, as far as the app that had started it could see."""
        try:
            return int((self.path / EXIT).read_text()) == -signal.SIGKILL
        except (OSError, ValueError):
            return False

    def _written_before(self, process: psutil.Process) -> bool:
        """Whether all that the folder tells is from before this process was born, which is to go on with a run that was cut
        off: it gets ready, and has told nothing yet."""
        try:
            return (self.path / EVENTS).stat().st_mtime < process.create_time() - BIRTH
        except (OSError, psutil.Error):
            return False

    def _silent_end(self) -> str:
        if self.killed:
            return (
                "The training process was killed, without a word of its own. Mostly the system does that when memory "
                "runs out: end other programs, or choose a smaller batch size."
            )
        return f"The training process ended without a word. What it printed is in {LOG} of its folder."

    def _process(self) -> psutil.Process | None:
        try:
            pid, born = (self.path / "process").read_text().split()
            process = psutil.Process(int(pid))
            # A process id is used again after a while; its time of birth is not.
            running = abs(process.create_time() - float(born)) < BIRTH and process.status() != psutil.STATUS_ZOMBIE
            return process if running else None
        except (OSError, ValueError, psutil.Error):
            return None

    def claim(self, pid: int) -> None:
        """Writes down which process writes this folder."""
        with replacing(self.path / "process") as path:
            path.write_text(f"{pid} {psutil.Process(pid).create_time()}")

    def request_stop(self, by: str = "") -> None:
        """The run ends at its next step and keeps its best weights; who goes on with it later has them tested. `by`: the
        hash of who asks, or ADMIN, see `diclam.tokens`."""
        (self.path / "stop").write_text(by)

    def withdraw_stop(self) -> None:
        (self.path / "stop").unlink(missing_ok=True)

    def stop_requested(self) -> bool:
        return (self.path / "stop").exists()

    def stopped_by(self) -> str | None:
        """What `request_stop` was told of who asked, '' of somebody unknown; None when nobody did through its folder."""
        try:
            return (self.path / "stop").read_text(errors="replace")
        except OSError:
            return None

    def request_pause(self, together: float = math.inf) -> None:
        """The run waits before its next step, without using its time, until the request is withdrawn or all its pauses took
        so many seconds together. Raises RunError when they have already."""
        pause.ask(self.path, together)

    def withdraw_pause(self, until: float | None = None) -> None:
        """`until`: when the run was last seen, for one that was cut off; the time since then is no pause."""
        pause.withdraw(self.path, until)

    def pause(self) -> Pause | None:
        """The request that was made last, unless it was withdrawn."""
        return pause.read(self.path)

    def pauses_taken(self) -> float:
        """Seconds that its pauses took so far, with the one that it is in."""
        return pause.taken(self.path)

    def pause_requested(self) -> bool:
        found = self.pause()
        return found is not None and not found.over

    def terminate(self, grace: float = 3.0) -> None:
        """Ends the process that writes this folder, and all that it started, in whatever it is doing; what it has saved
        stays. It is interrupted first, so that it can clean up, and killed after `grace` seconds."""
        process = self._process()
        if process is None:
            return
        family = [process]
        with suppress(psutil.Error):
            family += process.children(recursive=True)
        # A training process takes the first signal as a request to stop at its next step, the second as an interrupt.
        for _ in range(2):
            with suppress(psutil.Error):
                process.terminate()
            self._wait(grace / 6)
        self._wait(grace * 2 / 3)
        for member in family:
            with suppress(psutil.Error):
                member.kill()
        self._wait(grace)
        psutil.wait_procs(family[1:], timeout=grace)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)


def runs_root() -> Path:
    """The folder that DICLAM_RUNS names, or one in the platform's data folder."""
    named = os.environ.get("DICLAM_RUNS")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("diclam", appauthor=False)) / "runs"


def new(recipe: str, root: Path | None = None) -> Run:
    """An empty run folder, named by the time and the recipe. Raises RunError when it cannot be made."""
    root = root or runs_root()
    # Settings are a person's file, and may call a recipe anything.
    word = re.sub(r"[^\w.-]+", "-", recipe)[:40]
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    make_root(root)
    try:
        for suffix in ("", *(f"-{k}" for k in range(2, 1000))):
            path = root / f"{stamp}_{word}{suffix}"
            with suppress(FileExistsError):
                path.mkdir()
                return Run(path)
    except OSError as error:
        raise _unwritable(root, error) from error
    raise RunError(f"Could not find a free name for a run in {root}.")


def list_runs(root: Path | None = None) -> list[Run]:
    """All runs, the newest first."""
    root = root or runs_root()
    try:
        folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []
    return [Run(path) for path in sorted(folders, key=lambda path: path.name, reverse=True)]


def going_on(root: Path | None = None) -> list[Run]:
    """The runs whose process is there, the newest first."""
    return [run for run in list_runs(root) if run.alive()]


def active(root: Path | None = None) -> Run | None:
    """The newest run that is going on, if any."""
    return next((run for run in list_runs(root) if run.alive()), None)


def latest(root: Path | None = None) -> Run | None:
    return next(iter(list_runs(root)), None)


def find(name: str, root: Path | None = None) -> Run:
    """The run of this name. Raises RunError for anything that is not the plain name of an existing run."""
    path = (root or runs_root()) / name
    if not re.fullmatch(r"[\w][\w.-]*", name) or not _is_folder(path):
        raise RunError(f"There is no run {name[:80]!r}. The page's table of runs and `python -m diclam runs` list them.")
    return Run(path)


def locate(text: str, root: Path | None = None) -> Path:
    """The folder that a person means: 'bundled', a path, or the name of a run. Raises RunError."""
    if text == "bundled":
        return checkpoint.bundled()
    return Path(text) if _is_folder(Path(text)) else find(text, root).path


def make_root(root: Path) -> None:
    """Makes the folder of runs, or of one. Raises RunError when nothing can be written there."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(root, error) from error


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # `Path.is_dir` raises when a name is too long for the system.


def _unwritable(root: Path, error: OSError) -> RunError:
    return RunError(f"A run cannot be kept in {root} ({error.strerror}); set DICLAM_RUNS or --run-dir to another folder.")
