"""A report says what the run's folder says, whatever its state, and needs nothing but itself."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from diclam import __main__ as cli
from diclam import checkpoint, data, flags, recorder, report
from diclam.errors import CheckpointError, RunError
from diclam.events import Event, Failed, Fetching, Finished, Resumed, Started, Step, Tested, Testing, Validated
from diclam.model import ModelConfig
from diclam.recipe import TrainConfig, config, with_model
from diclam.report import Report
from diclam.runs import Run
from tests.conftest import random_cifar10, random_evaluation, small_config

STARTED = Started("report", 60.0, 0, "cpu", "float32", 160, 40, 16, 1_837_452)
STEP = Step(1, 0.1, 2.3, 1e-4, 1.0, 300.0, 30.5, 0.5)
VALIDATED = Validated(10, 1.0, 2.0, 0.3, 40, 12.0, True)
FINISHED = Finished("time", 20, 2.0, 60.0, 320, 0.3)
TESTED = Tested(0.4, 0.41, 0.42, 0.43, 3.0)


def write(folder: Path, *events: Event, tested: bool = False, alive: bool = False) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in events))
    if tested:
        random_evaluation().save(folder)
    run = Run(folder)
    if alive:
        run.claim(os.getpid())
    return run


class Reader(HTMLParser):
    """What a browser would make of a page: its tags, what they point to, its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_recorded_run_is_reported_with_its_own_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda progress: random_cifar10(side=8))
    run = Run(tmp_path / "my-run")
    recorder.record(run, small_config(flip="none"), lambda event: None, lambda: False)
    path = report.write(run, tmp_path / "out")
    page = Reader(path.read_text(encoding="utf-8")).words
    evaluation, finished = run.evaluation(), run.status().finished
    assert finished is not None
    for figure in (evaluation.precision, evaluation.recall, evaluation.f1):
        assert f"{figure:.4f}" in page
    for words in ("my-run", f"{100 * evaluation.accuracy:.2f} %", "All epochs are done.", f"{finished.step} of 16 pictures"):
        assert words in page
    assert all(setting.name in page for setting in report.settings(small_config()))
    assert "--flip none" in page
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"report.html", "confusion.png", "loss.png", "accuracy.png"}
    for name in names - {"report.html"}:
        with Image.open(tmp_path / "out" / name) as image:
            assert image.format == "PNG"


def test_a_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    page = Report(write(tmp_path / "run", STARTED, STEP, VALIDATED, FINISHED, TESTED, tested=True)).page()
    reader = Reader(page)
    assert not reader.tags & {"script", "img", "iframe", "object", "embed", "form"}
    assert all(target.startswith("#") or target == "data:," for target in reader.targets)
    assert "url(" not in page.replace("url(#", "")
    assert "default-src 'none'" in page


def test_no_text_of_a_folder_is_markup(tmp_path: Path) -> None:
    run = write(tmp_path / "<img src=x onerror=alert(1)>", STARTED, Failed("<script>alert(2)</script> & more"))
    (run.path / "run.json").write_text(
        json.dumps({"config": TrainConfig().to_dict(), "versions": {"<b>": "<i>"}, "hardware": {"cores": 2}})
    )
    reader = Reader(Report(run).page())
    assert not reader.tags & {"img", "script", "b", "i"}
    assert run.name in reader.words
    assert "<script>alert(2)</script> & more" in reader.words


@pytest.mark.parametrize(
    ("events", "alive", "words"),
    [
        ((), True, "getting ready"),
        ((Fetching("somewhere", 1, 2, "files"),), True, "getting ready"),
        ((STARTED, STEP), True, "still training: 0:30 of 1:00"),
        ((STARTED, STEP, FINISHED, Testing(10, 50)), True, "ended after 1 min; now it answers"),
        ((STARTED, STEP, FINISHED), False, "the test was not completed"),
        ((STARTED, STEP), False, "did not come to its end"),
        ((STARTED, STEP, Failed("The disk is full.")), False, "The disk is full."),
    ],
)
def test_every_state_of_a_run_has_a_page(tmp_path: Path, events: tuple[Event, ...], alive: bool, words: str) -> None:
    found = Report(write(tmp_path / "run", *events, alive=alive))
    assert words in found.lead
    assert found.cards == []
    assert "not been tested" in Reader(found.page()).words


def test_what_there_is_no_figure_of_is_said(tmp_path: Path) -> None:
    without = Started("fast", 60.0, 0, "cpu", "float32", 200, 0, 16, 1_837_452)
    found = Report(write(tmp_path / "run", without, STEP, FINISHED, TESTED, tested=True))
    assert [drawing.name for drawing in found.drawings] == ["confusion", "loss"]
    assert found.missing == ["There is no training curve: it held no pictures out to look at meanwhile."]


def test_a_checkpoint_that_was_only_tested_has_a_report_without_a_training(tmp_path: Path) -> None:
    random_evaluation().save(tmp_path / "model")
    found = Report(Run(tmp_path / "model"))
    assert [drawing.name for drawing in found.drawings] == ["confusion"]
    assert "after 12 s of training" in found.lead
    page = Reader(found.page()).words
    assert "went wrong" not in page
    assert "no readable record of its settings" in page


def test_a_run_that_was_cut_off_and_went_on_says_so(tmp_path: Path) -> None:
    page = Report(write(tmp_path / "run", STARTED, STEP, Resumed(7, 0.7, 31.0, 60.0), FINISHED)).page()
    assert "from step 7, after 31 s of its time" in page


def test_the_class_a_class_is_taken_for_is_never_itself(tmp_path: Path) -> None:
    found = Report(write(tmp_path / "run", STARTED, FINISHED, tested=True))
    counts = random_evaluation().confusion
    for k, row in enumerate(found.classes):
        name, count = re.fullmatch(r"(\w+) \((\d+)\)", row[-1]).groups()  # pyright: ignore[reportOptionalMemberAccess]
        assert name != row[0] == data.CLASSES[k]
        assert int(count) == counts[k, data.CLASSES.index(name)] == max(c for j, c in enumerate(counts[k]) if j != k)


@pytest.mark.parametrize(
    "settings",
    [
        config("report"),
        config("fast", whiten=False, epochs=2.5, seed=7, crop_mode="zero", learning_rate=1e-3, start_from="my run"),
        with_model(config("report", whiten=True, budget=12.5), heads=4, dropout_hidden=0.25),
    ],
)
def test_the_command_gives_the_same_settings(settings: TrainConfig) -> None:
    words = shlex.split(report.command(settings).replace(" --run-dir RUN", ""))[3:]
    assert flags.settings(cli._parser().parse_args(words)) == settings


def test_every_setting_is_listed_and_marked_when_changed() -> None:
    found = report.settings(config("fast", seed=3))
    wanted = {f.name for cls in (TrainConfig, ModelConfig) for f in fields(cls)} - {"recipe", "model"}
    assert {setting.name for setting in found} == wanted
    assert [setting.name for setting in found if setting.changed] == ["seed"]


def test_the_bundled_checkpoint_has_a_report() -> None:
    found = Report(Run(checkpoint.bundled()))
    assert {"confusion", "loss"} <= {drawing.name for drawing in found.drawings}
    assert found.cards[0][1] in found.page()


def test_nothing_to_report_damaged_or_unwritable_is_a_readable_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing to report"):
        report.write(Run(tmp_path / "nowhere"), tmp_path / "out")
    run = write(tmp_path / "run", STARTED, FINISHED)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written"):
        report.write(run, tmp_path / "file")
    (run.path / "evaluation.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        report.write(run, tmp_path / "out")
