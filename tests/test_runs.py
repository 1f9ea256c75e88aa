"""A run is its folder: whoever reads it knows all, and nothing in it can break the reader."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from diclam import __main__ as cli
from diclam import calibration, checkpoint, data, final_test, launch, recorder, runs
from diclam.calibration import Calibration
from diclam.errors import ConfigError, DataError, RunError
from diclam.events import (
    Continued,
    Event,
    Failed,
    Finished,
    Paused,
    Resumed,
    Started,
    Step,
    Tested,
    Testing,
    Validated,
)
from diclam.model import DiCLAM, ModelConfig
from diclam.recipe import TrainConfig
from tests.conftest import random_cifar10, small_config

STARTED = Started("report", 60.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 0.5, 0.01)
VALIDATED = Validated(10, 1.0, 2.0, 0.3, 40, 12.0, True)
FINISHED = Finished("time", 20, 2.0, 60.0, 320, 0.3)
TESTED = Tested(0.4, 0.41, 0.42, 0.43, 3.0)


def write(folder: Path, *events: Event) -> runs.Run:
    folder.mkdir(exist_ok=True)
    (folder / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in events))
    return runs.Run(folder)


def test_a_run_is_paused_until_it_goes_on_or_ends(tmp_path: Path) -> None:
    told = [STARTED, STEP, Paused(1, 0.5)]
    for event, paused in ((None, True), (Continued(1, 0.5), False), (Resumed(1, 0.1, 0.5, 60.0), False), (FINISHED, False)):
        run = write(tmp_path / "run", *told, *([event] if event else []))
        run.claim(os.getpid())
        assert run.status().paused == paused
    usage = run.usage()
    assert usage is not None
    assert usage.memory > 2**20


@pytest.mark.parametrize("told", [(STARTED, STEP), (STARTED, STEP, Failed("no memory"))])
def test_a_run_that_is_about_to_go_on_gets_ready_until_it_tells_something(tmp_path: Path, told: tuple[Event, ...]) -> None:
    run, process = write(tmp_path / "run", *told), subprocess.Popen(["sleep", "600"])
    try:
        run.claim(process.pid)
        long_ago = time.time() - 60
        os.utime(run.path / runs.EVENTS, (long_ago, long_ago))
        status = run.status()
        assert (status.state, status.failed, status.steps) == ("starting", None, [STEP])
        write(run.path, STARTED, STEP)
        assert run.status().state == "training"
    finally:
        process.kill()
        process.wait()


def test_a_process_that_is_gone_without_a_word_has_failed(tmp_path: Path) -> None:
    status = write(tmp_path / "run", STARTED, STEP).status()
    assert status.state == "failed"
    assert status.failed is not None
    assert "log" in status.failed.message
    assert status.steps == [STEP]


def test_a_run_killed_during_its_test_is_finished(tmp_path: Path) -> None:
    status = write(tmp_path / "run", STARTED, FINISHED, Testing(1, 2)).status()
    assert status.state == "finished"
    assert status.tested is None


def test_half_a_line_and_nonsense_are_left_out(tmp_path: Path) -> None:
    run = write(tmp_path / "run", STARTED, STEP)
    with (run.path / "events.jsonl").open("ab") as file:
        file.write(b'[]\n{"event": "Nope"}\n\xff\xfe\n' + VALIDATED.to_json().encode() + b'\n{"event": "St')
    assert run.events() == [STARTED, STEP, VALIDATED]


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"config": {"speed": 1}}', '{"config": {"budget": -1}}'])
def test_a_corrupt_run_is_a_readable_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=r"run\.json"):
        runs.Run(tmp_path).info()


@pytest.mark.parametrize("name", ["../x", "/etc", "..", ".", "", "a/b", ".hidden", "no-such-run"])
def test_only_plain_names_of_runs_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "root" / ".hidden").mkdir(parents=True)
    with pytest.raises(RunError):
        runs.find(name, tmp_path / "root")


def test_a_model_is_located_by_path_name_or_as_bundled(tmp_path: Path) -> None:
    run = runs.new("report", tmp_path)
    assert runs.locate(run.name, tmp_path) == run.path
    assert runs.locate(str(run.path)) == run.path
    assert runs.locate("bundled") == checkpoint.bundled()
    for text in ("nowhere", "x" * 5000, f"{tmp_path}/{'x' * 300}", "a\0b"):
        with pytest.raises(RunError, match="There is no run"):
            runs.locate(text, tmp_path)


def test_a_run_that_cannot_be_kept_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / ("x" * 300), tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match="cannot be kept"):
            recorder.record(runs.Run(folder), small_config(), print, bool)


def test_names_never_collide_and_the_newest_comes_first(tmp_path: Path) -> None:
    made = [runs.new("report", tmp_path) for _ in range(3)]
    assert len({run.name for run in made}) == 3
    (tmp_path / "2001-01-01_00-00-00_report").mkdir()
    listed = runs.list_runs(tmp_path)
    assert listed[-1].name.startswith("2001")
    assert runs.latest(tmp_path) is not None
    assert runs.list_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize("recipe", ["../evil", "/evil", "a b\n<c>", "x" * 4000])
def test_whatever_a_recipe_is_called_its_run_has_a_plain_name(tmp_path: Path, recipe: str) -> None:
    made = runs.new(recipe, tmp_path)
    assert made.path.parent == tmp_path
    assert runs.find(made.name, tmp_path).path == made.path


def test_another_process_with_the_same_number_is_not_the_run(tmp_path: Path) -> None:
    run = runs.Run(tmp_path)
    (tmp_path / "process").write_text(f"{os.getpid()} 12345.0")
    assert not run.alive()
    (tmp_path / "process").write_text("half")
    assert not run.alive()


def test_a_folder_that_cannot_be_written_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for attempt in (lambda: launch.start(small_config(), tmp_path / "file"), lambda: runs.new("report", tmp_path / "file")):
        with pytest.raises(RunError, match="DICLAM_RUNS"):
            attempt()


CLEANS_UP = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
import signal
asked = 0
def handler(*_):
    global asked
    asked += 1
    if asked > 1:
        raise KeyboardInterrupt
signal.signal(signal.SIGTERM, handler)
(folder / "ready").touch()
try:
    time.sleep(600)
finally:
    (folder / "clean").touch()
"""
DEAF = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(pathlib.Path(sys.argv[1]) / "child").write_text(str(child.pid))
(pathlib.Path(sys.argv[1]) / "ready").touch()
time.sleep(600)
"""


@pytest.mark.parametrize("script", [CLEANS_UP, DEAF], ids=["interrupted", "deaf"])
def test_a_run_can_be_ended_in_whatever_it_does(tmp_path: Path, script: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    run = runs.Run(tmp_path)
    try:
        run.claim(process.pid)
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        run.terminate(grace=1.5)
        assert not run.alive()
        run.terminate()  # of nothing
        if script is CLEANS_UP:
            assert (tmp_path / "clean").exists()
        else:
            child = int((tmp_path / "child").read_text())
            assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    finally:
        process.kill()
        process.wait()


def test_a_recorded_run_holds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    monkeypatch.setattr(final_test, "LEAST", small_config().holdout)
    run = runs.Run(tmp_path / "run")
    seen: list[Event] = []
    recorder.record(run, small_config(), seen.append, lambda: False)
    assert run.events() == seen
    assert run.has_checkpoint
    assert run.info()["config"] == small_config().to_dict()
    assert TrainConfig.from_dict(run.info()["config"]) == small_config()
    status = run.status()
    assert status.finished is not None
    assert status.tested is not None
    evaluation = run.evaluation()
    assert evaluation.accuracy == status.tested.accuracy
    assert evaluation.training_seconds == status.finished.seconds
    calibrated = Calibration.load(run.path)
    assert calibrated is not None
    assert calibrated.after.pictures.sum() == small_config().holdout
    assert calibration.load_model(run.path).temperature == calibrated.temperature
    with pytest.raises(RunError, match="holds a run already"):
        recorder.record(run, small_config(), seen.append, lambda: False)


def test_a_stop_file_ends_a_run_at_once_and_it_can_be_tested_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    run = runs.Run(tmp_path / "run")

    def watch(event: Event) -> None:
        if isinstance(event, Step):
            run.request_stop()

    recorder.record(run, small_config(epochs=1000.0, holdout=100), watch, lambda: False)
    status = run.status()
    assert status.finished is not None
    assert status.finished.reason == "stopped"
    assert status.tested is None
    assert not (run.path / runs.STATE).exists()
    weights = checkpoint.load(run.path).state_dict()
    monkeypatch.setattr(runs.Run, "alive", lambda _: False)
    assert (run.can_go_on, run.lacks_test) == (True, True)
    recorder.resume(run, lambda event: None, lambda: False)
    status = run.status()
    assert status.tested is not None
    assert status.finished is not None
    assert status.failed is None
    assert run.evaluation().accuracy == status.tested.accuracy
    assert run.evaluation().training_seconds == status.finished.seconds
    assert Calibration.load(run.path) is not None
    assert all(torch.equal(weights[name], weight) for name, weight in checkpoint.load(run.path).state_dict().items())
    assert not run.can_go_on
    with pytest.raises(RunError, match="was tested"):
        recorder.resume(run, lambda event: None, lambda: False)


def test_a_test_that_was_interrupted_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    run = runs.Run(tmp_path / "run")

    def interrupt(event: Event) -> None:
        if isinstance(event, Testing):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorder.record(run, small_config(), interrupt, lambda: False)
    monkeypatch.setattr(runs.Run, "alive", lambda _: False)
    assert run.status().failed is not None
    assert run.can_go_on
    recorder.resume(run, lambda event: None, lambda: False)
    assert run.status().tested is not None
    assert run.status().failed is None


def test_a_missing_data_set_is_written_into_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(progress: object) -> None:
        raise DataError("there is no data set")

    monkeypatch.setattr(data, "load", nowhere)
    run = runs.Run(tmp_path / "run")
    with pytest.raises(DataError):
        recorder.record(run, small_config(), lambda event: None, lambda: False)
    assert run.events() == [Failed("there is no data set")]


def test_a_run_starts_from_the_weights_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    first = runs.Run(tmp_path / "first")
    recorder.record(first, small_config(epochs=1.0), lambda event: None, lambda: False)
    config = small_config(seed=7, start_from=str(first.path))
    expected, got = checkpoint.load(first.path).state_dict(), recorder.first_model(config).state_dict()
    assert all(torch.equal(got[name], weight) for name, weight in expected.items())
    second = runs.Run(tmp_path / "second")
    recorder.record(second, config, lambda event: None, lambda: False)
    assert second.info()["config"]["start_from"] == str(first.path)
    assert second.has_checkpoint


def test_a_first_model_that_is_not_there_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path / "runs"))
    assert cli.main(["train", "--start-from", "nobody"]) == 2
    assert "There is no run 'nobody'." in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_run_goes_on_without_the_model_it_started_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    checkpoint.save(tmp_path / "first", DiCLAM())
    config = small_config(epochs=2.0, start_from=str(tmp_path / "first"))
    run = runs.Run(tmp_path / "run")

    class KilledError(BaseException):
        """As far as the recorder knows, the machine went off."""

    def watch(event: Event) -> None:
        if isinstance(event, Step) and (run.path / recorder.STATE).exists():
            raise KilledError

    with pytest.raises(KilledError):
        recorder.record(run, config, watch, lambda: False)
    shutil.rmtree(tmp_path / "first")
    monkeypatch.setattr(runs.Run, "alive", lambda _: False)
    recorder.resume(run, lambda event: None, lambda: False)
    assert run.status().tested is not None


def test_a_run_cannot_start_from_nothing_or_from_another_network(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run 'elsewhere'"):
        recorder.first_model(small_config(start_from="elsewhere"))
    checkpoint.save(tmp_path, DiCLAM(ModelConfig(heads=4, dropout_input=0.5)))
    with pytest.raises(ConfigError, match="another network: heads 2 instead of 4"):
        recorder.first_model(small_config(start_from=str(tmp_path)))
    checkpoint.save(tmp_path, DiCLAM(ModelConfig(dropout_input=0.5)))
    recorder.first_model(small_config(start_from=str(tmp_path)))


def wait(run: runs.Run, seconds: float = 120) -> runs.Status:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = run.status()
        if status.done:
            return status
        time.sleep(0.1)
    raise AssertionError(f"{run.name} did not end: {(run.path / 'log.txt').read_text()}")


def test_a_detached_run_trains_stops_and_is_the_only_one(tmp_path: Path, cifar10: data.Cifar10) -> None:
    config = small_config(budget=3600.0, epochs=None, holdout=100)
    run = launch.start(config, tmp_path)
    try:
        active = runs.active(tmp_path)
        assert active is not None
        assert active.name == run.name
        assert psutil.Process(int((run.path / "process").read_text().split()[0])).nice() == launch.NICE
        with pytest.raises(RunError, match="still going on"):
            launch.start(config, tmp_path)
        deadline = time.monotonic() + 120
        while not run.status().steps and time.monotonic() < deadline:
            time.sleep(0.1)
        run.request_stop()
        while run.status().finished is None and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        run.terminate()  # In its test of 10,000 pictures, which takes a while.
    status = wait(run)
    assert status.finished is not None, (run.path / "log.txt").read_text()
    assert status.finished.reason == "stopped"
    assert run.has_checkpoint
    assert runs.active(tmp_path) is None
    assert json.loads((run.path / "run.json").read_text())["versions"]["python"] == sys.version.split()[0]
