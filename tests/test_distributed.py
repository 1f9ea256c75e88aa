"""Several processes make the steps of one, end together, and a lost one ends the run with a reason."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn

from diclam import checkpoint, runs
from diclam.distributed import DismissedError, Several, Team
from diclam.errors import ConfigError, DataError, RunError
from diclam.events import Event, Resumed, Started, Step
from diclam.recipe import TrainConfig, build_model
from diclam.train import Training, never
from diclam.whole_batch import WholeBatchNorm
from tests.conftest import Clock, random_cifar10, small_config

ROOT = Path(__file__).parents[1]
PROCESSES = 2
# 15 pictures are 8 and 7; dropout, cutout and mirroring are drawn at random; 'fast' starts with smaller pictures. Steps are
# few and small, as AdamW's first ones follow the sign of even the smallest gradient, where rounding decides.
SETTINGS: dict[str, Any] = {"epochs": 0.3, "batch_size": 15, "cutout": 8, "flip": "random", "holdout": 0}
SETTINGS |= {"learning_rate": 1e-5, "muon_learning_rate": 1e-4, "freeze_stem": 0.5}
CONFIGS = {recipe: small_config(recipe, **SETTINGS) for recipe in ("report", "fast")}


def training(config: TrainConfig, team: Team, clock: Clock | None = None, stop: Callable[[], bool] = never) -> Training:
    return Training(build_model(config), random_cifar10(side=8), config, clock=clock or Clock(), stop=stop, team=team)


def carried_out(run: Training) -> list[Event]:
    if run.team.rank:
        run.follow()
        return []
    return list(run.run())


def norm_pass(norm: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a training step asks of a BatchNorm: the answer, and the gradients of a loss that is no sum of its parts."""
    x = x.clone().requires_grad_()
    answer = norm(x)
    (answer * torch.linspace(-1, 2, answer.numel() // len(x)).view(1, *x.shape[1:]) * answer).sum().backward()
    assert x.grad is not None
    return {"answer": answer.detach(), "grad": x.grad} | {f"{n}.grad": p.grad for n, p in norm.named_parameters()}  # pyright: ignore[reportReturnType]


def pictures() -> tuple[nn.BatchNorm2d, torch.Tensor]:
    torch.manual_seed(1)
    norm = nn.BatchNorm2d(6, momentum=0.3)
    nn.init.uniform_(norm.weight)
    # Far from zero, and each picture elsewhere: the parts differ, and sums of squares would lose digits.
    x = torch.randn(5, 6, 8, 8) + torch.arange(5.0).view(5, 1, 1, 1) * 20
    return norm, x.contiguous(memory_format=torch.channels_last)


def process(rank: int, folder: Path) -> None:
    """All that two processes are asked; each writes down what it saw."""
    torch.set_num_threads(1)
    seen: dict[str, Any] = {}

    def team(name: str) -> Several:
        dist.init_process_group("gloo", init_method=f"file://{folder / name}", rank=rank, world_size=PROCESSES)
        return Several()

    for recipe, config in CONFIGS.items():
        run = training(config, team(recipe))
        seen[recipe] = carried_out(run), run.model.state_dict(), [type(m) for m in run.model.modules()]

    run = training(small_config(budget=3.0, epochs=None), team("time"), clock=Clock(tick=5.0 if rank else 0.05))
    seen["time"] = carried_out(run), run.step

    run = training(small_config(epochs=100.0), team("stop"), stop=lambda: rank == 1 and run.step >= 3)
    seen["stop"] = carried_out(run), run.step

    together = team("together")
    norm, x = pictures()
    seen["norm"] = norm_pass(WholeBatchNorm(norm), x[together.part(len(x))]) | dict(norm.named_buffers())
    seen["whole"] = together.whole(torch.arange(5.0)[together.part(5)], 5)
    for name, error in (("own", ConfigError("both")), ("other", DataError("no disk") if rank else None)):
        try:
            with together.united():
                if error:
                    raise error
        except RunError as told:
            seen[name] = type(told), str(told)
        except ConfigError as told:
            seen[name] = type(told), str(told)
    together.agree("enough", 0.0)
    torch.save(seen, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("processes")
    spawn(process, (folder,), nprocs=PROCESSES)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(PROCESSES)]


@pytest.mark.parametrize("recipe", CONFIGS)
def test_two_processes_make_the_steps_of_one(recipe: str, seen: list[dict[str, Any]]) -> None:
    config = CONFIGS[recipe]
    run = training(config, Team())
    events, one = carried_out(run), run.model.state_dict()
    first, (last, other) = build_model(config).state_dict(), (told[recipe][1] for told in seen)
    assert all(torch.equal(last[name], other[name]) for name in one)
    for statistics, tolerance in ((False, 0.03), (True, 0.001)):
        names = [name for name in one if ("running" in name) == statistics and one[name].is_floating_point()]
        apart, moved = (torch.cat([(t[n] - one[n]).flatten() for n in names]).norm() for t in (last, first))
        assert apart <= tolerance * moved, names[0]
    steps, shared = ([e for e in told if isinstance(e, Step)] for told in (events, seen[0][recipe][0]))
    assert len(steps) == len(shared) > 1
    for step, other in zip(steps, shared, strict=True):
        assert other.loss == pytest.approx(step.loss, rel=1e-4)
        assert other.gradient_norm == pytest.approx(step.gradient_norm, rel=1e-3)
    assert seen[0][recipe][0][-1] == events[-1]


def test_the_network_itself_stays_as_it_is(seen: list[dict[str, Any]]) -> None:
    usual = [type(module) for module in build_model(CONFIGS["report"]).modules()]
    assert all(told["report"][2] == usual for told in seen)


def test_the_gates_of_a_shared_run_are_told(seen: list[dict[str, Any]]) -> None:
    steps = [event for event in seen[0]["fast"][0] if isinstance(event, Step)]
    gates = [step.gates for step in steps if step.gates is not None]
    assert len(gates) == len(steps) > 1
    assert all(sum(shares) == pytest.approx(1, abs=1e-4) for shares in gates)


def test_a_run_tells_how_many_processes_share_it(seen: list[dict[str, Any]]) -> None:
    started = seen[0]["report"][0][0]
    assert isinstance(started, Started)
    assert started.processes == PROCESSES
    assert started.batch_size == 15


def test_the_clock_of_the_first_process_ends_them_at_the_same_step(seen: list[dict[str, Any]]) -> None:
    events, step = seen[0]["time"]
    assert events[-1].reason == "time"
    assert events[-1].step == step == seen[1]["time"][1] > 3


def test_a_stop_that_reaches_any_process_stops_all(seen: list[dict[str, Any]]) -> None:
    events, step = seen[0]["stop"]
    assert events[-1].reason == "stopped"
    assert step == seen[1]["stop"][1] == 3


def test_normalises_over_the_parts_of_all(seen: list[dict[str, Any]]) -> None:
    norm, x = pictures()
    whole = norm_pass(norm, x)
    for name in ("answer", "grad"):
        torch.testing.assert_close(torch.cat([told["norm"][name] for told in seen]), whole[name], rtol=1e-3, atol=1e-4)
    for name in ("weight.grad", "bias.grad"):
        torch.testing.assert_close(sum(told["norm"][name] for told in seen), whole[name], rtol=1e-3, atol=1e-3)
    for name, buffer in norm.named_buffers():
        for told in seen:
            torch.testing.assert_close(told["norm"][name], buffer, rtol=1e-4, atol=1e-5)


def test_a_value_for_each_picture_is_known_to_all(seen: list[dict[str, Any]]) -> None:
    assert all(told["whole"].tolist() == [0, 1, 2, 3, 4] for told in seen)
    assert Team().whole(torch.arange(5.0), 5).tolist() == [0, 1, 2, 3, 4]


def test_what_fails_in_any_process_is_told_by_the_first(seen: list[dict[str, Any]]) -> None:
    assert seen[0]["own"] == (ConfigError, "both")
    assert seen[0]["other"] == (RunError, "Process 1 of 2: no disk")
    assert seen[1]["own"][0] is seen[1]["other"][0] is DismissedError


@pytest.mark.parametrize(("size", "parts"), [(2, [8, 7]), (4, [4, 4, 4, 3]), (15, [1] * 15)])
def test_parts_of_a_batch_are_as_even_as_can_be(size: int, parts: list[int]) -> None:
    team = object.__new__(Several)
    team.size = size
    pictures, lengths = list(range(15)), []
    for team.rank in range(size):
        part = team.part(15)
        lengths.append(len(pictures[part]))
        assert pictures[part][0] == sum(lengths[:-1])
    assert lengths == parts


# The command line as torchrun starts it, on made-up pictures.
SCRIPT = """
import sys
from diclam import __main__, data
from tests.conftest import random_cifar10
data.load = lambda progress=None: random_cifar10(400, side=8)
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.fixture
def torchrun(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [*command, str(script), *words], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        for member in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            member.kill()
        process.kill()
        process.communicate()


def wait_for(sign: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not sign():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker(process: subprocess.Popen[str], rank: int) -> psutil.Process:
    children = psutil.Process(process.pid).children(recursive=True)
    return next(child for child in children if child.environ().get("RANK") == str(rank))


FLAGS = shlex.split("--budget 3000 --batch-size 16 --holdout 40 --validate-epochs 0.1 --precision float32 --device cpu")


def test_a_lost_process_ends_the_run_with_a_reason_and_it_can_go_on(
    tmp_path: Path, torchrun: Callable[..., subprocess.Popen[str]]
) -> None:
    run = runs.Run(tmp_path / "run")
    process = torchrun("train", *FLAGS, "--run-dir", str(run.path))
    wait_for((run.path / "state.pt").exists)
    worker(process, 1).send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    assert process.returncode
    failed = run.status().failed  # Told within 30 s: then torchrun kills whoever is left.
    assert failed is not None
    assert "Another process of this run is gone" in failed.message
    assert "--resume run" in failed.message
    assert f"diclam: {failed.message}" in err
    checkpoint.load(run.path)

    process = torchrun("train", "--resume", str(run.path))
    wait_for(lambda: any(isinstance(event, Resumed) for event in run.events()) or process.poll() is not None)
    run.request_stop()
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert str(run.path) in out
    status = run.status()
    assert status.finished is not None
    assert status.finished.reason == "stopped"
    assert status.tested is None  # who asks for a stop in the folder waits for the end
    assert status.failed is None
    steps = [event.step for event in run.events() if isinstance(event, Step)]
    assert steps == sorted(set(steps))


def test_a_mistake_is_told_once(tmp_path: Path, torchrun: Callable[..., subprocess.Popen[str]]) -> None:
    _, err = torchrun("train", *FLAGS, "--run-dir", str(tmp_path / "run"), "--heads", "3").communicate(timeout=200)
    assert err.count("diclam: heads must be") == 1
    assert err.count("diclam: ") == 1
    assert "exitcode  : 2" in err
