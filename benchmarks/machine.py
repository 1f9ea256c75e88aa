"""What every benchmark says beside its figures: machine, versions, state of the code, and whether other work shared it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from diclam import provenance

ROOT = Path(__file__).parents[1]
BUSY = 0.1
"""Processor cores that other processes may use together while something is timed: more than an idle machine's daemons do."""


class Others:
    """The processor time that all processes but this one and its children use from now on."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._before = _processor_seconds()

    def cores(self) -> float:
        """How many cores they kept busy on average; those that have ended in between are not seen."""
        return sum(self._used().values()) / max(time.monotonic() - self._start, 1e-9)

    def busiest(self) -> str:
        """The name of the process that used the most."""
        used = self._used()
        return max(used, key=lambda key: used[key])[2] if used else "none"

    def _used(self) -> dict[tuple[int, float, str], float]:
        # One that was not there before has used all of its time since.
        return {key: seconds - self._before.get(key, 0.0) for key, seconds in _processor_seconds().items()}


def insist_on_quiet(anyway: bool, seconds: float = 1.0) -> None:
    """Ends the program when other processes keep the machine busy, measured over `seconds`; with `anyway` it warns only."""
    others = Others()
    time.sleep(seconds)
    cores = others.cores()
    if cores > BUSY:
        found = f"Other processes keep {cores:.1f} cores busy, {others.busiest()} most of all"
        if not anyway:
            sys.exit(f"{found}: what is timed now says little. End them, or measure --anyway; the table will say so.")
        print(f"{found}; measuring anyway.", file=sys.stderr)


def describe() -> dict[str, Any]:
    """What a row of results keeps of where and when it was measured."""
    return {
        "hardware": provenance.hardware(),
        "versions": provenance.versions(),
        "commit": _commit(),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def footnotes(rows: list[dict[str, Any]]) -> list[str]:
    """The machines, versions and states of the code that rows were measured on, each once; and whose machine was shared."""
    lines: dict[str, None] = {}  # in order
    for row in rows:
        hardware = row["hardware"]
        device = f"{hardware['accelerator']}; " if hardware["accelerator"] else ""
        cores = "1 core" if hardware["cores"] == 1 else f"{hardware['cores']} cores"
        versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
        where = f"{device}{hardware['processor']}, {cores}, {hardware['memory_gib']} GiB"
        lines[f"{where}; {versions}; code {row['commit']}"] = None
    if shared := sum(row.get("others", 0.0) > BUSY for row in rows):
        lines[f"{shared} of {len(rows)} shared the machine with other work; alone they would have been faster."] = None
    return list(lines)


def _processor_seconds() -> dict[tuple[int, float, str], float]:
    """(number, time of birth, name) of each process but this one and its children -> processor seconds so far."""
    own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    found = {}
    for process in psutil.process_iter(["name", "create_time", "cpu_times"]):
        info = process.info
        if process.pid not in own and info["cpu_times"] is not None:
            key = process.pid, info["create_time"], info["name"]
            found[key] = info["cpu_times"].user + info["cpu_times"].system
    return found


def _commit() -> str:
    """The state of the code, with -dirty where it was changed since; 'unknown' outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
