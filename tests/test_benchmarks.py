"""Benchmarks measure what they say, keep what they measured, and say on what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks import airbench94, baseline, machine, resnet18, step, train_cpu, train_gpu, trained
from benchmarks.rows import Rows
from diclam import data
from diclam.augment import normalize
from diclam.events import Finished, Step
from diclam.recipe import config
from tests.conftest import Clock, random_cifar10


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Few pictures, no process of its own, and results in a folder of the test's."""
    monkeypatch.setattr(data, "load", lambda: random_cifar10(train=130, test=20))
    monkeypatch.setattr(train_cpu, "_in_a_process_of_its_own", lambda measure, *arguments: measure(*arguments))
    for script in (train_cpu, train_gpu, step):
        monkeypatch.setattr(script, "FILE", tmp_path / "results" / script.FILE.name)
    return tmp_path / "results"


def kept(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))


def never() -> dict[str, Any]:
    raise AssertionError("this was measured already")


def test_a_row_is_kept_at_once_and_measured_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    rows = Rows(path, ("name", "seed"))
    assert rows.get(("a", 0), lambda: {"value": 1}) == {"name": "a", "seed": 0, "value": 1}
    assert kept(path) == [{"name": "a", "seed": 0, "value": 1}]
    later = Rows(path, ("name", "seed"))
    assert later.given == []
    assert later.get(("a", 0), never)["value"] == 1
    later.get(("a", 1), lambda: {"value": 2})
    assert [row["value"] for row in kept(path)] == [row["value"] for row in later.given] == [1, 2]


def test_a_row_is_measured_anew_once_in_a_program(tmp_path: Path) -> None:
    Rows(tmp_path / "rows.json", ("name",)).get(("a",), lambda: {"value": 1})
    anew = Rows(tmp_path / "rows.json", ("name",), anew=True)
    assert anew.get(("a",), lambda: {"value": 2})["value"] == 2
    assert anew.get(("a",), never)["value"] == 2
    assert [row["value"] for row in kept(tmp_path / "rows.json")] == [2]


def busy(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Another process uses so many processor seconds whenever somebody looks, and a third one has just begun."""
    used = 100.0

    def look() -> dict[tuple[int, float, str], float]:
        nonlocal used
        used += seconds
        return {(1, 0.0, "trainer"): used, (2, used, "newcomer"): seconds / 4}

    monkeypatch.setattr(machine, "_processor_seconds", look)


def test_a_busy_machine_is_refused_and_its_user_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy(monkeypatch, 0.5)
    with pytest.raises(SystemExit, match="trainer"):
        machine.insist_on_quiet(False, seconds=0.01)
    machine.insist_on_quiet(True, seconds=0.01)
    assert "trainer" in capsys.readouterr().err
    busy(monkeypatch, 1e-6)
    machine.insist_on_quiet(False, seconds=0.01)


def test_one_does_not_count_as_another() -> None:
    processes = {number for number, _, _ in machine._processor_seconds()}
    assert os.getpid() not in processes
    assert os.getppid() in processes


def test_the_baseline_is_the_usual_one_and_keeps_its_time(clock: Clock) -> None:
    model = resnet18.build(seed=0)
    assert sum(p.numel() for p in model.parameters()) == 11_173_962
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resnet18.build(seed=0).parameters(), strict=True))
    before = [p.clone() for p in model.parameters()]
    clock.tick = 0.05
    finished = resnet18.train(model, random_cifar10(40), budget=10.0, seed=0, batch_size=4, clock=clock)
    assert 6.0 < finished.seconds <= 11.0
    assert finished.pictures_seen == 4 * finished.step > 0
    assert finished.epoch == finished.pictures_seen / 40
    assert not any(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_the_fastest_learner_is_whitened_and_follows_the_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airbench94, "BATCH_ON_CPU", 20)
    monkeypatch.setattr(baseline, "pick_precision", lambda *_, **__: torch.float32)
    model, data = airbench94.build(seed=0), random_cifar10(200)
    learned = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert sum(weight.numel() for name, weight in model.named_parameters() if name in learned) == 1_971_352
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    clock.tick = 0.05
    finished = airbench94.train(model, data, budget=2.0, seed=0, clock=clock)
    assert 1.5 < finished.seconds <= 2.1
    assert finished.pictures_seen == 20 * finished.step > 40
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed == learned | {"whiten.weight"}
    answers = torch.nn.functional.conv2d(normalize(data.train_images), model.whiten.weight)
    assert answers.pow(2).mean((0, 2, 3)).tolist() == pytest.approx([1.0] * 24, rel=0.02)


def test_a_run_is_a_process_of_its_own() -> None:
    assert train_cpu._in_a_process_of_its_own(os.getpid) != os.getpid()  # pyright: ignore[reportArgumentType]


def test_a_run_ends_with_the_benchmark_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "measure.py"
    script.write_text(
        "import time\nfrom benchmarks import train_cpu\n"
        "if __name__ == '__main__':\n    train_cpu._in_a_process_of_its_own(time.sleep, 600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as benchmark:
        deadline = time.monotonic() + 120
        while not (made := psutil.Process(benchmark.pid).children()) and time.monotonic() < deadline:
            time.sleep(0.1)
        benchmark.kill()
        assert made
        assert not psutil.wait_procs(made, timeout=60)[1]


def test_training_on_a_processor(few: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(resnet18, "train", partial(resnet18.train, batch_size=8))
    options = ["--budgets", "1", "--recipes", "report", "resnet18", "--seeds", "1", "--anyway"]
    train_cpu.main(options)
    table = capsys.readouterr().out
    rows = kept(few / "train_cpu.json")
    assert [(row["recipe"], row["budget"], row["seed"]) for row in rows] == [("report", 1.0, 0), ("resnet18", 1.0, 0)]
    for row in rows:
        line = f"| {row['recipe']} | 1 s | {row['accuracy']:.2%} | {row['epochs']:.2f} |"
        assert line in table
        assert row["accuracy"] in [k / 20 for k in range(21)]
        assert row["epochs"] == row["steps"] * (128 if row["recipe"] == "report" else 8) / 130
    for words in (rows[0]["hardware"]["processor"], f"torch {torch.__version__.split('+')[0]}", "The limit covers"):
        assert words in table
    monkeypatch.setattr(trained, "run", never)  # What is kept is not measured again.
    train_cpu.main(options)
    assert capsys.readouterr().out == table


def test_several_seeds_are_a_mean_and_a_range() -> None:
    row = {"recipe": "fast", "budget": 60.0, "epochs": 1.0, "pictures_per_second": 100.0, **machine.describe()}
    rows = [row | {"seed": seed, "accuracy": right} for seed, right in enumerate((0.5, 0.7))]
    assert "| fast | 60 s | 60.00% (50.00% to 70.00%) | 1.00 | 100 | 0, 1 |" in train_cpu.table(rows)
    shared = rows[0] | {"others": 0.9}
    assert "1 of 2 shared the machine" in train_cpu.table([shared, rows[1]])


def test_training_on_a_gpu_runs_without_one_when_it_is_told_to(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--recipe report --device cpu --budgets 2 --targets 0 2 --first 2 --last 2 --seeds 2 --warm-up 1 --matrix 64"
    train_gpu.main([*options.split(), "--anyway"])
    printed = capsys.readouterr().out
    rows = kept(few / "train_gpu.json")
    assert [(row["budget"], row["seed"]) for row in rows] == [(2.0, 0), (2.0, 1)], "the targets try what is there already"
    assert all((row["peak_share"] > 0) == (row["steps"] > 0) for row in rows)
    assert "| 200.00% | not within 2 s |" in printed
    assert f"| 0.00% | {sum(row['seconds'] for row in rows) / 2:.2f} s |" in printed
    for words in ("1 steps on made-up pictures", "Matrix peak", "There is no CUDA GPU here"):
        assert words in printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    with pytest.raises(SystemExit, match="no CUDA GPU here"):
        train_gpu.main([])


def test_the_time_to_a_target_is_the_first_limit_whose_mean_reaches_it() -> None:
    asked: list[tuple[float, int]] = []

    def run(budget: float, seed: int) -> dict[str, Any]:
        asked.append((budget, seed))
        return {"budget": budget, "accuracy": 0.9 + 0.01 * budget + (0.001 if seed % 2 else -0.001)}

    found = train_gpu.time_to(0.94, [1.0, 2.0, 3.6, 4.0, 5.0], 10, run)
    assert [row["budget"] for row in found] == [4.0] * 10
    assert [asked.count((2.0, seed)) for seed in range(10)] == [1, 1, 1, *[0] * 7], "far off: three seeds are enough"
    assert len([1 for budget, _ in asked if budget == 3.6]) == 10, "close: all seeds decide"
    assert train_gpu.time_to(2.0, [1.0], 3, run) == []


def test_the_operations_of_a_step_are_three_forward_passes_of_the_layers() -> None:
    # 154 million multiply-adds; the gradient of the very first convolution's input is not needed.
    assert train_gpu.operations(trained.build("report", seed=0), 32) == pytest.approx(3 * 2 * 154e6, rel=0.01)
    model, settings = trained.build("fast", seed=0), config("fast")
    early, late = (train_gpu.operations(model, side) for side in (settings.early_side, 32))
    assert early < 0.6 * late
    model.stem.requires_grad_(False)
    last = train_gpu.operations(model, 32)
    # Forward only through the two convolutions of the stem, and no gradient of what comes out of it.
    assert last == pytest.approx(late - 2 * (1.8e6 + 2 * 37.7e6 + 9.4e6), rel=0.01)
    assert settings.early_part <= 0.5 < settings.freeze_stem <= 0.75  # as the run below is told
    told = [Step(k, k / 10, 2.0, 0.1, 1.0, 1.0, float(k), k / 4) for k in (1, 2, 3)]
    run = trained.Trained(torch.nn.Identity(), Finished("time", 4, 0.4, 4.0, 40, None), told)
    # `fraction` is 0.25 after the first tenth of an epoch, 0.5 after the second, 0.75 after the third.
    assert train_gpu.arithmetic("fast", run, pictures=100) == pytest.approx(10 * early + 10 * late + 20 * last)
    assert train_gpu.arithmetic("airbench94", run, pictures=100) == pytest.approx(40 * 3 * 2 * 118e6, rel=0.01)


def test_where_a_step_goes(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--recipe report --side 16 --batch-size 8 --steps 2 --watched 1 --operations 400 --device cpu --anyway"
    step.main(options.split())
    printed = capsys.readouterr().out
    (row,) = kept(few / "step.json")
    assert (row["recipe"], row["side"], row["batch_size"], row["device"]) == ("report", 16, 8, "cpu")
    assert set(row["milliseconds"]) == set(step.PARTS)
    assert all(0 < part < row["whole"] for part in row["milliseconds"].values())
    operations = {found["name"]: found for found in row["operations"]}
    assert "aten::convolution_backward" in operations
    assert sum(found["share"] for found in row["operations"]) == pytest.approx(1)
    assert [found["milliseconds"] for found in row["operations"]] == sorted(
        (found["milliseconds"] for found in row["operations"]), reverse=True
    )
    for words in ("| backward |", "| whole step |", "8 pictures of 16 x 16 on cpu"):
        assert words in printed
