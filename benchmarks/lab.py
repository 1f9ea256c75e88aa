"""How fast the training lab obeys, and what its page costs: python -m benchmarks.lab [--starts 5] [--pairs 3] [--budget 30]

Starts the app with runs of its own and uses it through Chromium, as a visitor does. Timed are: Start until the first point
of the run is drawn; a reload in its midst until its status and curve are there again; Stop until the training has ended and
until the process is gone, after which its weights are loaded from the disk. A run that is not counted goes before, so that
all is warm; the data set is on the disk. Then Classify is asked by one visitor while a run trains that was started on the
page. Last come runs that use up their time, in pairs: one started on the page, which stays open, and one by the command that
the page shows, without app and browser. Their speed is pictures seen by seconds of training, as the run tells.

Prints a table and keeps the figures in benchmarks/results/lab.json. The browser shares the processor with the app and the
run, as it does on the machine of somebody who learns alone; the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import httpx

from benchmarks import classify, machine
from benchmarks.app import ROOT, SECONDS, running
from benchmarks.lab_page import LOOK, LabPage, browser
from benchmarks.rows import RESULTS
from demo.run_settings import FIRST, settings
from diclam import checkpoint, runs
from diclam.command import train_command
from diclam.data import is_cached
from diclam.errors import ConfigError
from diclam.events import Failed, Finished
from diclam.files import replacing
from diclam.recipe import RECIPES, TrainConfig
from diclam.runs import Run

FILE = RESULTS / "lab.json"
LONGEST = 600.0
"""Seconds; a run of this budget goes on until it is stopped."""
MEASURES = {
    "start": "Start to the first point on the curve",
    "reload": "reload to status and curve",
    "halt": "Stop to the end of the training",
    "stop": "Stop to the process gone, weights usable",
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5, help="runs that are started, reloaded and stopped; 1 or more")
    parser.add_argument("--pairs", type=int, default=3, help="runs from the page, and as many by command; 1 or more")
    parser.add_argument("--budget", type=float, default=30.0, metavar="SECONDS", help="the time of each of these")
    parser.add_argument("--recipe", choices=RECIPES, default=FIRST.recipe, help="of all runs")
    parser.add_argument("--pictures", type=int, default=60, help="uploads to Classify; 1 or more")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine, too; the table says so")
    options = parser.parse_args(arguments)
    if min(options.starts, options.pairs, options.pictures) < 1:
        parser.error("--starts, --pairs and --pictures must be 1 or more")
    try:
        timed = [settings(options.recipe, options.budget, seed, LONGEST) for seed in range(options.pairs)]
        long = settings(options.recipe, LONGEST, 0, LONGEST)
    except ConfigError as error:
        parser.error(str(error))
    if not is_cached():
        parser.error("the data set is not here; fetch it with `python -m diclam data`")
    machine.insist_on_quiet(options.anyway)
    others = machine.Others()
    with tempfile.TemporaryDirectory() as folder, browser() as page:
        root = Path(folder)
        with app(page, root) as url:
            rounds = [obeyed(page, url, root, long) for _ in range(1 + options.starts)][1:]
            answers = asked(page, url, root, long, options.pictures)
        ways = {
            "page": lambda config: from_page(page, root, config),
            "command": lambda config: by_command(root / f"command-{config.seed}", config),
        }
        speeds = {way: list[float]() for way in ways}
        for config in timed:
            # Neither is always the first, as a machine may change.
            for way in ways if config.seed % 2 == 0 else reversed(ways):
                speeds[way].append(ways[way](config))
            print(" and ".join(f"{speeds[way][-1]:.0f}" for way in ways), "pictures/s", file=sys.stderr)
    result = {
        "recipe": options.recipe,
        "budget": options.budget,
        "seconds": {name: [taken[name] for taken in rounds] for name in MEASURES},
        "classify": answers,
        **{f"{way}_pictures_per_second": values for way, values in speeds.items()},
        "others": others.cores(),
        **machine.describe(),
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with replacing(FILE) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


@contextmanager
def app(page: LabPage, root: Path) -> Iterator[str]:
    """The app with its runs in this folder -> its address. No run and no open page outlives it."""
    with running(DICLAM_RUNS=str(root), DICLAM_MAX_BUDGET=f"{LONGEST:g}") as served:
        try:
            yield served.url
        finally:
            for run in runs.going_on(root):
                run.terminate()
            page.leave()


def obeyed(page: LabPage, url: str, root: Path, config: TrainConfig) -> dict[str, float]:
    """One run that is started, reloaded and stopped -> seconds, by the names of MEASURES. Raises CheckpointError when its
    weights cannot be loaded then."""
    name, start = page.start(url, config)
    run = runs.find(name, root)
    time.sleep(LOOK)
    reload = page.reload(name)
    time.sleep(LOOK)
    pressed = time.perf_counter()
    page.stop()
    _until(lambda: any(isinstance(e, Finished) for e in run.events()), "The training did not end", pause=0.01)
    halt = time.perf_counter() - pressed
    _until(lambda: not run.alive(), "The process did not end", pause=0.01)
    stop = time.perf_counter() - pressed
    checkpoint.load(run.path)
    return {"start": start, "reload": reload, "halt": halt, "stop": stop}


def asked(page: LabPage, url: str, root: Path, config: TrainConfig, count: int) -> dict[str, Any]:
    """One visitor's waits in Classify while a run trains whose page stays open, as `benchmarks.classify` keeps them. Raises
    RuntimeError when the run ends before."""
    brought = classify.pictures()
    with httpx.Client(base_url=url, timeout=SECONDS) as http:
        visitor = classify.Visitor(http)
        for picture in islice(brought, classify.WARM):
            visitor.upload(picture)
        name, _ = page.start(url, config)
        row = classify.alone("one visitor, while a run trains", visitor, list(islice(brought, count)))
    if (state := runs.find(name, root).status().state) != "training":
        raise RuntimeError(f"Expected a run that trains until all answers are there; got one that is {state}.")
    return row


def from_page(page: LabPage, root: Path, config: TrainConfig) -> float:
    """Pictures per second of a run that is started on the page, which stays open."""
    with app(page, root) as url:
        name, _ = page.start(url, config)
        return speed(runs.find(name, root), config)


def by_command(folder: Path, config: TrainConfig) -> float:
    """Pictures per second of a run that is started as the page says, outside of the app's folder of runs."""
    command = [sys.executable, *shlex.split(train_command(config))[1:], "--run-dir", str(folder)]
    with (folder.parent / f"{folder.name}.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=os.environ)
        try:
            return speed(Run(folder), config, there=lambda: process.poll() is None)
        finally:
            process.kill()
            process.wait(30)


def speed(run: Run, config: TrainConfig, there: Callable[[], bool] | None = None) -> float:
    """Pictures per second of a run, once it has used up its time; the test is skipped. Raises RuntimeError when it trained
    with other settings, failed, or ended otherwise."""
    there = there or run.alive

    def ended() -> Finished | None:
        going = there()  # Asked first: a run that ends in between has then written everything.
        for event in run.events():
            if isinstance(event, Finished):
                return event
            if isinstance(event, Failed):
                raise RuntimeError(f"The run failed: {event.message}")
        if not going:
            raise RuntimeError("The run ended without a word.")
        return None

    finished = _until(ended, "The run did not end", seconds=config.budget + SECONDS)
    run.terminate()
    if run.info()["config"] != config.to_dict():
        raise RuntimeError(f"Expected a run with the settings {config}; got {run.info()['config']}.")
    if finished.reason != "time":
        raise RuntimeError(f"Expected a run that ends when its time is up; this one ended by {finished.reason!r}.")
    return finished.pictures_seen / finished.seconds


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table; what the page costs and the machine below it."""
    lines = ["| what | times | median | worst |", "|---|---|---|---|"]
    for name, words in MEASURES.items():
        taken = result["seconds"][name]
        lines.append(f"| {words} | {len(taken)} | {median(taken):.2f} s | {max(taken):.2f} s |")
    half, most = result["classify"]["upload_ms"]
    lines.append(f"| upload to answer in Classify while a run trains | {result['classify']['uploads']} "
                 f"| {half:.0f} ms | p95: {most:.0f} ms |")  # fmt: skip
    page, command = result["page_pictures_per_second"], result["command_pictures_per_second"]
    for words, speeds in (("started on the page", page), ("by the same command", command)):
        lines.append(f"| pictures/s of a run {words} | {len(speeds)} | {median(speeds):.0f} | {min(speeds):.0f} |")
    shares = [100 * one / other for one, other in zip(page, command, strict=True)]
    error = f" (standard error {stdev(shares) / math.sqrt(len(shares)):.1f})" if len(shares) > 1 else ""
    share = (
        f"Started on the page, a run trains at {mean(shares):.1f} %{error} of the command's speed, the mean over pairs one "
        f"after the other: recipe {result['recipe']}, {result['budget']:g} s each, with the browser on the same machine."
    )
    return "\n".join([*lines, "", share, *machine.footnotes([result])])


def _until(found: Callable[[], Any], otherwise: str, *, seconds: float = SECONDS, pause: float = 0.2) -> Any:
    """What it finds at last. Raises RuntimeError when it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{otherwise} within {seconds:g} s.")
        time.sleep(pause)
    return value


if __name__ == "__main__":
    main()
