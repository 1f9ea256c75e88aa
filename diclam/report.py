"""Everything about one run on one page of HTML, and its figures as PNG files: what the source report shows of its own run
(confusion matrix, loss over epochs, training curve, table of accuracy, training time, precision, recall and F1) and what it
takes to judge and to repeat it.

The page needs nothing but itself: styles and figures are inside, it runs no script, and a policy in its head forbids it to
ask anyone for anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from diclam import figures
from diclam.confusion import confused_pairs, number, wilson
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.errors import RunError
from diclam.evaluate import FIGURES, Evaluation
from diclam.events import Resumed
from diclam.files import replacing
from diclam.recipe import TrainConfig, field_docs, usual
from diclam.runs import EVENTS, Run
from diclam.terminal import REASONS, clock, duration

PAGE = "report.html"
TEMPLATE = Path(__file__).with_name(PAGE)


@dataclass(frozen=True)
class Drawing:
    """One figure with the words around it."""

    name: str
    """Of its PNG file, without the ending."""
    title: str
    words: str
    """What it shows, for who cannot see it."""
    figure: Figure

    @property
    def svg(self) -> str:
        """In the colours of the page it stands in, light or dark."""
        text = figures.svg(self.figure)
        for name, value in figures.COLOURS.items():
            text = text.replace(value, f"var(--{name})")
        return text


@dataclass(frozen=True)
class Setting:
    """One setting of a run, of its training or of its network."""

    name: str
    value: Any
    doc: str
    changed: bool
    """Whether it is not what the recipe says."""

    @property
    def text(self) -> str:
        return f"{self.value:.10g}" if isinstance(self.value, float) else str(self.value)

    @property
    def flag(self) -> str:
        """As the command line takes it."""
        flag = "--" + ("no-" if self.value is False else "") + self.name.replace("_", "-")
        return flag if isinstance(self.value, bool) else f"{flag} {shlex.quote(self.text)}"


def write(run: Run, folder: Path) -> Path:
    """Writes `report.html` and a PNG for each of its figures into the folder -> the page's path. Raises RunError when there
    is nothing to show or the folder cannot be written, CheckpointError when the evaluation is damaged."""
    report = Report(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for drawing in report.drawings:
            with replacing(folder / f"{drawing.name}.png") as path:
                path.write_bytes(figures.png(drawing.figure))
        with replacing(folder / PAGE) as path:
            path.write_text(report.page(), encoding="utf-8")
    except OSError as error:
        raise RunError(f"The report cannot be written to {folder} ({error.strerror or error}); choose another.") from error
    return folder / PAGE


class Report:
    """What a run's folder says at this moment, as the parts of the page."""

    def __init__(self, run: Run) -> None:
        """Raises as `write` does."""
        self.run = run
        self.status, self.events = run.status(), run.events()
        self.evaluation: Evaluation | None = run.evaluation() if (run.path / FIGURES).exists() else None
        if not self.events and self.evaluation is None and not self.status.alive:
            raise RunError(
                f"There is nothing to report in {run.path}: expected a run ({EVENTS}) or a tested checkpoint ({FIGURES}). "
                "`python -m diclam evaluate` tests a checkpoint."
            )
        try:
            self.info: dict[str, Any] | None = run.info()
        except RunError:
            self.info = None

    def page(self) -> str:
        """The whole page. Every text in it is escaped, whatever a folder may be called."""
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
        template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
        config = TrainConfig.from_dict(self.info["config"]) if self.info else None
        return template.render(
            name=self.run.path.resolve().name,
            lead=self.lead,
            cards=self.cards,
            test_note=self._test_note(),
            figures=self.drawings,
            missing=self.missing,
            classes=self.classes,
            training=list(self._training()),
            machine=list(self._machine()),
            settings=settings(config) if config else [],
            command=command(config) if config else "",
        )

    @property
    def lead(self) -> str:
        """How the run stands, in one or two sentences."""
        status, evaluation = self.status, self.evaluation
        if evaluation is not None and (status.finished or not self.events):
            after = f", after {duration(self._seconds)} of training" if self._seconds is not None else ""
            right, total = percent(evaluation.accuracy), number(len(evaluation.true))
            return f"It is right about {right} of {total} test pictures{after}."
        if status.finished and status.alive:
            return f"Its training has ended after {duration(status.finished.seconds)}; now it answers the test pictures."
        if status.finished:
            return f"Its training ended after {duration(status.finished.seconds)}; the test was not completed."
        if status.failed:
            return f"It did not come to its end. {status.failed.message}"
        if status.started:
            used = max((event.seconds for event in (*status.steps[-1:], *status.validations[-1:])), default=0.0)
            return f"It is still training: {clock(used)} of {clock(status.started.budget)} are used."
        return "It is getting ready; its clock has not started yet."

    @property
    def cards(self) -> list[tuple[str, str]]:
        """The source report's own table; nothing before the test."""
        if self.evaluation is None:
            return []
        evaluation, seconds = self.evaluation, self._seconds
        figures = [("accuracy", _exact(evaluation.accuracy))]
        figures += [("training time", duration(seconds))] if seconds is not None else []
        means = [("precision", evaluation.precision), ("recall", evaluation.recall), ("F1", evaluation.f1)]
        return figures + [(name, f"{value:.4f}") for name, value in means]

    @cached_property
    def drawings(self) -> list[Drawing]:
        status, drawn = self.status, []
        if self.evaluation is not None:
            counts = self.evaluation.confusion
            pairs = confused_pairs(counts)
            words = f"Confusion matrix of {number(counts.sum())} test pictures. {pairs[0].words if pairs else ''}"
            drawn.append(Drawing("confusion", "Confusion matrix", words.strip(), figures.confusion(counts)))
        if status.steps:
            last = status.steps[-1]
            found = "no number" if last.loss is None else f"{last.loss:.2f}"
            words = f"Loss over epochs: {found} in training after {last.epoch:.2f} epochs."
            drawn.append(Drawing("loss", "Loss over epochs", words, figures.loss(status.steps, status.validations)))
        if status.validations:
            best = max(status.validations, key=lambda look: look.accuracy)
            words = f"Accuracy over training time: on held-out pictures at best {percent(best.accuracy)}."
            figure = figures.accuracy(status.steps, status.validations, status.finished, status.tested)
            drawn.append(Drawing("accuracy", "Training curve", words, figure))
        return drawn

    @property
    def missing(self) -> list[str]:
        """Why a figure is not there."""
        status, sentences = self.status, []
        if self.evaluation is None:
            sentences.append("There is no confusion matrix: it has not been tested.")
        if not status.steps:
            sentences.append("There is no loss to draw: no record of training steps.")
        if status.started and not status.started.validation_pictures:
            sentences.append("There is no training curve: it held no pictures out to look at meanwhile.")
        elif not status.validations:
            sentences.append("There is no training curve: no record of a look at held-out pictures.")
        return sentences

    @property
    def classes(self) -> list[list[str]]:
        """class, precision, recall, F1, pictures, most often taken for"""
        if self.evaluation is None:
            return []
        rows = []
        for row, counts in zip(self.evaluation.per_class.to_dict("records"), self.evaluation.confusion, strict=True):
            wrong = np.where(np.array(CLASSES) == row["class"], 0, counts)
            most = int(wrong.argmax())
            taken = f"{CLASSES[most]} ({wrong[most]})" if wrong[most] else "none"
            shares = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
            rows.append([row["class"], *shares, number(row["support"]), taken])
        return rows

    @property
    def _seconds(self) -> float | None:
        if self.status.finished:
            return self.status.finished.seconds
        return self.evaluation.training_seconds if self.evaluation else None

    def _test_note(self) -> str:
        if self.evaluation is None:
            return ""
        low, high = map(float, wilson(np.trace(self.evaluation.confusion), len(self.evaluation.true)))
        return (
            f"One answer for each of {number(len(self.evaluation.true))} test pictures, no averaging over shifted or "
            f"mirrored copies. 95 % interval of the accuracy: {_exact(low)} to {_exact(high)}. Precision, recall and F1 are "
            "means over the classes."
        )

    def _training(self) -> Iterator[tuple[str, str]]:
        status = self.status
        started, finished = status.started, status.finished
        failed = status.failed if self.events else None
        if finished:
            yield "why it ended", f"{REASONS[finished.reason][0].upper()}{REASONS[finished.reason][1:]}."
        if failed:
            yield "what went wrong", failed.message
        if self.info and "started" in self.info:
            yield "begun", str(self.info["started"]).replace("T", " ").replace("+00:00", " UTC")
        if started:
            used = f"{finished.seconds:.1f} s of " if finished else "limit "
            yield "training time", f"{used}{started.budget:g} s"
        newest = finished or (status.steps[-1] if status.steps else None)
        if newest:
            yield "epochs", f"{newest.epoch:.2f}"
            yield "steps", f"{newest.step:,}{f' of {started.batch_size} pictures' if started else ''}"
        if finished:
            speed = finished.pictures_seen / max(finished.seconds, 1e-9)
            yield "pictures seen", f"{finished.pictures_seen:,}; {speed:,.0f} a second"
        for event in self.events:
            if isinstance(event, Resumed):
                yield "cut off, went on", f"from step {event.step:,}, after {duration(event.seconds)} of its time"
        if started:
            looks = f", validated on {started.validation_pictures:,} others" if started.validation_pictures else ""
            yield "pictures", f"trained on {started.train_pictures:,}{looks}"
        if finished and finished.best_accuracy is not None:
            yield "best validation", f"{_exact(finished.best_accuracy)}; these weights are kept"
        if started:
            yield "recipe and seed", f"{started.recipe}, {started.seed}"
            yield "computed on", f"{started.device}, {started.precision}"
            yield "parameters", f"{started.parameters:,}"
        elif self.evaluation:
            yield "parameters", f"{self.evaluation.parameters:,}"

    def _machine(self) -> Iterator[tuple[str, str]]:
        for group in ("hardware", "versions"):
            for name, value in (self.info or {}).get(group, {}).items():
                if value is not None:
                    yield name.replace("_", " ").replace("gib", "(GiB)"), str(value)


def _exact(fraction: float) -> str:
    """0.9348 -> '93.48 %': each of 10,000 test pictures counts."""
    return f"{100 * fraction:.2f} %"


def command(config: TrainConfig) -> str:
    """The `diclam train` command that gives these settings."""
    flags = [setting.flag for setting in settings(config) if setting.changed]
    return " ".join(["python -m diclam train", f"--recipe {config.recipe}", *flags, "--run-dir RUN"])


def settings(config: TrainConfig) -> list[Setting]:
    """Every setting, those of the network last."""
    recipe, found = usual(config), []
    for given, base in ((config, recipe), (config.model, recipe.model)):
        for name, doc in field_docs(type(given)).items():
            if name not in ("recipe", "model"):
                value = getattr(given, name)
                found.append(Setting(name, value, doc, changed=value != getattr(base, name)))
    return found
