"""The command line does what its help says, and a mistake ends with 2 and one readable line."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

import diclam
from diclam import __main__ as cli
from diclam import checkpoint, data
from diclam.data import CLASSES
from diclam.events import Step
from diclam.model import DiCLAM
from diclam.recipe import TrainConfig, with_model
from tests.conftest import random_cifar10

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    checkpoint.save(tmp_path / "model", DiCLAM())
    return tmp_path / "model"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "picture.jpg")
    return tmp_path / "picture.jpg"


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress=None: random_cifar10(side=8))


def test_train_evaluate_and_list_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small(monkeypatch)
    folder = tmp_path / "runs" / "mine"
    flags = shlex.split("--epochs 1 --batch-size 16 --holdout 40 --heads 4 --flip none --whiten --precision float32")
    assert cli.main(["train", "--run-dir", str(folder), *flags]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(folder)
    assert "all epochs are done" in err
    assert "Test accuracy" in err
    settings = TrainConfig.from_dict(json.loads((folder / "run.json").read_text())["config"])
    assert (settings.batch_size, settings.flip, settings.whiten, settings.model.heads) == (16, "none", True, 4)

    before = json.loads((folder / "evaluation.json").read_text())
    assert cli.main(["evaluate", str(folder)]) == 0
    assert f"accuracy {before['accuracy']:.2%}" in capsys.readouterr().out
    assert json.loads((folder / "evaluation.json").read_text()) == before

    assert cli.main(["report", "mine"]) == 0
    page = folder / "report" / "report.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert f"{before['f1']:.4f}" in page.read_text(encoding="utf-8")

    assert cli.main(["runs", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["name"] == "mine"
    assert row["ended"] == "epochs"


def test_settings_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    path = tmp_path / "settings.json"
    wanted = TrainConfig(epochs=0.5, batch_size=8, holdout=40, precision="float32")
    path.write_text(json.dumps(wanted.to_dict()))
    assert cli.main(["train", "--settings", str(path), "--run-dir", str(tmp_path / "run")]) == 0
    assert TrainConfig.from_dict(json.loads((tmp_path / "run" / "run.json").read_text())["config"]) == wanted
    flags = ["--settings", str(path), "--heads", "4", "--epochs", "0.2"]
    assert cli.main(["train", *flags, "--run-dir", str(tmp_path / "changed")]) == 0
    settings = json.loads((tmp_path / "changed" / "run.json").read_text())["config"]
    assert TrainConfig.from_dict(settings) == with_model(replace(wanted, epochs=0.2), heads=4)
    for text in ("{", '"abc"', "[1]", '{"model": 3}', '{"speed": 3}'):
        path.write_text(text)
        assert cli.main(["train", "--settings", str(path), "--run-dir", str(tmp_path / "other")]) == 2


def test_tune_ends_with_a_command_that_trains_on_all_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small(monkeypatch)
    flags = shlex.split("--epochs 0.2 --batch-size 16 --holdout 40 --precision float32 --search learning_rate=1e-4:1e-2:log")
    command = ["tune", *flags, "--out", str(tmp_path / "a study"), "--trials"]
    assert cli.main([*command, "1"]) == 0
    assert cli.main([*command, "2"]) == 0
    out, err = capsys.readouterr()
    assert "Trial 1 (2 of 2): learning_rate" in err
    assert "of 40 held-out pictures" in err
    table = pd.read_csv(tmp_path / "a study" / "trials.csv")
    assert list(table["state"]) == ["complete", "complete"]

    words = shlex.split(out.splitlines()[-1])
    assert words[:3] == ["python", "-m", "diclam"]
    assert cli.main([*words[3:], "--run-dir", str(tmp_path / "run"), "--epochs", "0.1"]) == 0
    settings = TrainConfig.from_dict(json.loads((tmp_path / "run" / "run.json").read_text())["config"])
    assert settings.holdout == 0
    assert settings.learning_rate == table["learning_rate"][table["accuracy"].argmax()]


def test_a_search_without_optuna_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in ("tune", "trials", "search_space"):
        monkeypatch.delitem(sys.modules, f"diclam.{name}", raising=False)
        monkeypatch.delattr(diclam, name, raising=False)
    assert cli.main(["tune"]) == 2
    assert "pip install 'diclam[tune]'" in capsys.readouterr().err


def test_predict_in_words_and_as_json(model: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", str(model), str(picture), str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert any(name in lines[0] for name in CLASSES)
    assert cli.main(["predict", str(model), str(picture), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert answer["label"] in lines[0]


def test_explain_writes_what_the_name_of_the_file_says(model: Path, picture: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"explanation.{kind}" for kind in ("png", "html", "JSON")]
    for out in outs:
        assert cli.main(["explain", str(model), str(picture), "--out", str(out), "--query", "0,15"]) == 0
    with Image.open(outs[0]) as drawing:
        assert drawing.width > 300
    numbers = json.loads(outs[2].read_text(encoding="utf-8"))
    assert numbers["model"] == str(model)
    assert f"<h1>{numbers['sentence'].replace('<', '&lt;').replace('>', '&gt;')}</h1>" in outs[1].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--budget", "-1"], "budget must be a number from 1 to 86400 seconds; got -1.0"),
        (["train", "--budget", "1e9"], "got 1000000000.0"),
        (["train", "--heads", "3"], "heads must be"),
        (["train", "--settings", "no-such-file"], "no-such-file"),
        (["train", "--settings", "FILE", "--recipe", "fast"], "leave out --recipe"),
        (["train", "--resume", "no-such-run"], "no run 'no-such-run'"),
        (["train", "--resume", "MODEL"], "readable run.json"),
        (["train", "--resume", "MODEL", "--seed", "3", "--recipe", "fast"], "leave out --recipe, --seed"),
        (["tune", "--search", "warmup=0.5:0.1"], "--search warmup=0.5:0.1: expected NAME=LOW:HIGH"),
        (["tune", "--holdout", "0"], "holdout must be above 0"),
        (["tune", "--trials", "0"], "1 trial or more"),
        (["tune", "--out", "TEXT"], "give another --out"),
        (["tune", "--out", "FOLDER", "--storage", "nonsense"], "expected an SQLAlchemy URL"),
        (["evaluate", "no-such-run"], "no run 'no-such-run'"),
        (["report", "no-such-run"], "no run 'no-such-run'"),
        (["report", "MODEL"], "nothing to report"),
        (["predict", "MODEL", "no-such-picture.png"], "no-such-picture.png"),
        (["predict", "MODEL", "TEXT"], "PNG"),
        (["explain", "MODEL", "PICTURE", "--out", "OUT", "--query", "one"], "--query"),
        (["explain", "MODEL", "PICTURE", "--out", "OUT", "--query", "16,0"], "16"),
        (["explain", "MODEL", "PICTURE", "--out", "NOWHERE"], "Cannot write"),
        (["explain", "MODEL", "PICTURE", "--out", "cat.pdf"], ".html, .json, .png; got 'pdf'"),
    ],
)
def test_a_mistake_is_one_readable_line_and_exit_2(
    arguments: list[str], words: str, model: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.png").write_text("just text")
    places = {"MODEL": model, "PICTURE": picture, "TEXT": tmp_path / "text.png"}
    places |= {"OUT": tmp_path / "out.png", "NOWHERE": tmp_path / "none" / "out.png", "FOLDER": tmp_path}
    assert cli.main([str(places.get(word, word)) for word in arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("diclam: ")
    assert words in err
    assert "Traceback" not in err


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for command in ("train", "tune", "evaluate", "predict", "explain", "report", "runs", "data"):
        assert command in text


# The command line in a process of its own, on the pictures of `small`: a real data set would only make the final test long.
SMALL = """
import sys
from diclam import __main__, data
from tests.conftest import random_cifar10
data.load = lambda progress=None: random_cifar10(side=8)
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.fixture
def command() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SMALL, *words], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(sign: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not sign():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_stops_a_run_and_keeps_its_weights(tmp_path: Path, command: Callable[..., subprocess.Popen[str]]) -> None:
    folder = tmp_path / "run"
    events = folder / "events.jsonl"
    process = command("train", "--budget", "3000", "--batch-size", "16", "--holdout", "40", "--run-dir", str(folder))
    wait_for(lambda: events.exists() and '"Step"' in events.read_text())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.strip() == str(folder)
    assert "asked to stop" in err
    checkpoint.load(folder)
    assert (folder / "predictions.csv").exists()


def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    tmp_path: Path,
    command: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small(monkeypatch)
    flags = shlex.split("--epochs 9 --batch-size 16 --holdout 40 --validate-epochs 1 --precision float32 --seed 3")
    whole, cut_off = tmp_path / "whole", tmp_path / "cut-off"
    process = command("train", *flags, "--run-dir", str(cut_off))
    wait_for((cut_off / "state.pt").exists)
    process.kill()
    process.wait()
    assert not (cut_off / "evaluation.json").exists()
    with (cut_off / "events.jsonl").open("a") as events:  # Told after the state was kept: it will come again.
        events.write(Step(81, 8.1, 2.3, 1e-4, 1.0, 300.0, 9.0, 0.9).to_json() + "\n")
    assert cli.main(["train", "--resume", str(cut_off)]) == 0
    assert "Going on from step" in capsys.readouterr().err
    assert cli.main(["train", *flags, "--run-dir", str(whole)]) == 0
    assert (cut_off / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    steps = [json.loads(line)["step"] for line in (cut_off / "events.jsonl").read_text().splitlines() if '"Step"' in line]
    assert steps == sorted(set(steps))
    assert not (cut_off / "state.pt").exists()
    assert cli.main(["train", "--resume", str(cut_off)]) == 2, "it has ended"


def test_two_workers_that_start_at_once_share_a_study(tmp_path: Path, command: Callable[..., subprocess.Popen[str]]) -> None:
    flags = shlex.split("--epochs 0.1 --batch-size 16 --holdout 40 --precision float32 --search warmup=0.1:0.4 --trials 4")
    workers = [command("tune", *flags, "--out", str(tmp_path / "study")) for _ in range(2)]
    for worker in workers:
        _, err = worker.communicate(timeout=240)
        assert worker.returncode == 0, err
    table = pd.read_csv(tmp_path / "study" / "trials.csv")
    assert set(table["state"]) == {"complete"}
    assert 4 <= len(table) <= 5, "both may have taken the last one"
    assert not table["warmup"].duplicated().any()


def test_ctrl_c_ends_a_search_and_the_same_command_goes_on(
    tmp_path: Path, command: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = shlex.split("--epochs 0.5 --batch-size 16 --holdout 40 --precision float32 --search warmup=0.1:0.4 --trials 100")
    words = ["tune", *flags, "--out", str(tmp_path)]
    process = command(*words)
    wait_for((tmp_path / "trials.csv").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "the same command goes on" in err
    states = list(pd.read_csv(tmp_path / "trials.csv")["state"])
    assert states[0] == "complete"
    assert (tmp_path / "final.json").exists()
    words[words.index("--trials") + 1] = str(states.count("complete") + 1)
    small(monkeypatch)
    assert cli.main(words) == 0
    assert list(pd.read_csv(tmp_path / "trials.csv")["state"]) == [*states, "complete"]
