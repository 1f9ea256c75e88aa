"""The command line: python -m diclam train | tune | evaluate | predict | explain | report | runs | data."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from diclam import distributed
from diclam.errors import ConfigError, DiclamError
from diclam.model import ModelConfig
from diclam.recipe import AUTO, RECIPES, TrainConfig, config, field_docs, with_model

MODEL_HELP = "a run's folder or name, a folder with a checkpoint, or 'bundled'"
EPILOG = """examples:
  python -m diclam train --recipe report --budget 120 --run-dir my-run
  python -m diclam tune --recipe fast --budget 60 --trials 20 --out my-study
  python -m diclam evaluate my-run
  python -m diclam predict bundled cat.jpg --json
  python -m diclam explain bundled cat.jpg --out explanation.html
  python -m diclam report my-run

The data set is kept in the folder that DICLAM_DATA names, runs without --run-dir in the one that DICLAM_RUNS names."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0; 2 for a person's mistake, explained on stderr; 130 after a second Ctrl-C."""
    options = _options(arguments)
    try:
        options.command(options)
    except distributed.DismissedError:
        return 2
    except DiclamError as error:
        print(f"diclam: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ndiclam: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `diclam runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    if not distributed.follows():
        return _parser().parse_args(arguments)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return _parser().parse_args(arguments)
    except SystemExit as end:
        if end.code:
            time.sleep(5)  # The first process says it for all, if torchrun does not end it because this one ended.
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diclam", description="Train DiCLAM on CIFAR-10 within a time limit, and look into what it learned.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, command: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(command=command)
        return sub

    _train_options(add("train", _train, "train a network within a time limit, then test it; Ctrl-C keeps the best weights"))
    _tune_options(
        add("tune", _tune, "search for better settings on the training pictures alone; goes on where it was ended")
    )
    sub = add("evaluate", _evaluate, "answer all 10,000 test pictures and print the figures")
    sub.add_argument("model", help=MODEL_HELP)
    where = "where evaluation.json and predictions.csv go; default: the model's folder, nowhere for 'bundled'"
    sub.add_argument("--out", type=Path, metavar="FOLDER", help=where)
    sub = add("predict", _predict, "classify pictures")
    sub.add_argument("model", help=MODEL_HELP)
    sub.add_argument("pictures", nargs="+", type=Path, metavar="picture", help="PNG, JPEG, WebP, GIF or BMP")
    sub.add_argument("--json", action="store_true", help="print one JSON object a picture, with all probabilities and gates")
    sub = add("explain", _explain, "show where attention mixed information and which expert answered")
    sub.add_argument("model", help=MODEL_HELP)
    sub.add_argument("picture", type=Path, help="PNG, JPEG, WebP, GIF or BMP")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .html page, .json or .png")
    sub.add_argument("--query", default="8,8", metavar="ROW,COLUMN",
                     help="position whose attention is drawn, 0 to 15 each; default: 8,8")  # fmt: skip
    sub = add("report", _report, "write a run's figures, settings and test as one HTML page and PNG files")
    sub.add_argument("run", help="a run's folder or name, or 'bundled'")
    where = "where report.html and the PNGs go; default: 'report' in the run's folder, 'diclam-report' here for 'bundled'"
    sub.add_argument("--out", type=Path, metavar="FOLDER", help=where)
    sub = add("runs", _runs, "list the runs of this machine, the newest first")
    sub.add_argument("--json", action="store_true", help="print one JSON object a run")
    add("data", _data, "fetch the data set, if it is not there yet, and say where it is")
    return parser


def _train_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--run-dir", type=Path, metavar="FOLDER", help="where the run is kept; default: a new folder")
    sub.add_argument("--resume", metavar="RUN", help="go on with a run that was cut off; its folder or name")
    _settings_options(sub)


def _tune_options(sub: argparse.ArgumentParser) -> None:
    what = "change a setting: NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE; repeatable; default: the recipe's list"
    sub.add_argument("--search", action="append", default=[], metavar="NAME=VALUES", help=what)
    sub.add_argument("--trials", type=int, default=20, help="how many the study has in the end; default: 20")
    sub.add_argument("--out", type=Path, metavar="FOLDER", help="where its results go; default: tuning/RECIPE")
    where = "database of the study, an SQLAlchemy URL; workers that share it share the study; default: a file in its folder"
    sub.add_argument("--storage", metavar="URL", help=where)
    sub.add_argument("--name", help="of the study in its database; default: the recipe's")
    sub.add_argument("--search-seed", type=int, default=0, metavar="INT", help="seed of what is tried; default: 0")
    sub.add_argument("--prune", action=argparse.BooleanOptionalAction, default=True,
                     help="end trials early that are worse than half of the others; default: yes")  # fmt: skip
    _settings_options(sub)


def _settings_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--recipe", choices=sorted([*RECIPES, AUTO]), help="named settings to start from; default: report")
    sub.add_argument(
        "--settings", type=Path, metavar="FILE", help="a JSON file of settings to start from, instead of a recipe"
    )
    for cls in (TrainConfig, ModelConfig):
        group = sub.add_argument_group("the network" if cls is ModelConfig else "settings (default: what the recipe says)")
        docs = field_docs(cls)
        for field in fields(cls):
            if field.name in ("recipe", "model"):
                continue
            flag = "--" + field.name.replace("_", "-")
            text = docs[field.name].replace("%", "%%")
            if field.type == "bool":
                group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
            else:
                kind = {"int": int, "str": str}.get(str(field.type), float)
                group.add_argument(flag, type=kind, default=None, metavar=kind.__name__.upper(), help=text)


def _train_config(options: argparse.Namespace) -> TrainConfig:
    """The recipe, or the file of settings, with what the flags change. Raises ConfigError when the settings cannot be."""
    if options.settings and options.recipe:
        raise ConfigError("--settings names its recipe itself; leave out --recipe.")
    given = {name: value for name, value in vars(options).items() if value is not None}
    chosen = {f.name: given[f.name] for f in fields(TrainConfig) if f.name in given and f.name not in ("recipe", "model")}
    network = {f.name: given[f.name] for f in fields(ModelConfig) if f.name in given}
    if options.settings:
        return with_model(replace(_settings_file(options.settings), **chosen), **network)
    return with_model(config(options.recipe or "report", **chosen), **network)


def _settings_file(path: Path) -> TrainConfig:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"Expected a JSON object of settings in {path}; got: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"Expected a JSON object of settings in {path}; got: {json.dumps(values)[:40]}")
    return TrainConfig.from_dict(values)


def _refuse_other_flags(options: argparse.Namespace) -> None:
    names = ("recipe", "run_dir", "settings", *(f.name for cls in (TrainConfig, ModelConfig) for f in fields(cls)))
    given = sorted({f"--{name.replace('_', '-')}" for name in names if getattr(options, name, None) is not None})
    if given:
        raise ConfigError(f"--resume goes on with the run's own settings; leave out {', '.join(given)}.")


@contextmanager
def _interruptible(sentence: str) -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C was pressed; the first time prints the sentence, the second ends at once."""
    interrupts = 0

    def interrupted(*_: Any) -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            raise KeyboardInterrupt
        if not distributed.follows():
            print(f"\n{sentence} Ctrl-C again ends at once.", file=sys.stderr)

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: interrupts > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(options: argparse.Namespace) -> None:
    from diclam import recorder, runs
    from diclam.terminal import Progress

    team = distributed.join()
    with _interruptible("Stopping after this step; the best weights are kept and tested.") as stop:
        progress = Progress(sys.stderr)
        if isinstance(team, distributed.Several) and team.rank:
            recorder.assist(team, stop)
            return
        if options.resume:
            _refuse_other_flags(options)
            run = runs.Run(runs.locate(options.resume))
            recorder.resume(run, progress.show, stop, team)
        else:
            train_config = _train_config(options)
            recorder.check(train_config)
            run = runs.Run(options.run_dir) if options.run_dir else runs.new(train_config.recipe)
            recorder.record(run, train_config, progress.show, stop, team)
    print(run.path)


def _tune(options: argparse.Namespace) -> None:
    from diclam import data, recorder
    from diclam.events import Event, Finished, Validated
    from diclam.terminal import Progress

    try:
        from diclam import search_space, trials, tune
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise ConfigError("A search needs Optuna, which is not installed: pip install 'diclam[tune]', or optuna.") from error
    settings = _train_config(options)
    recorder.check(settings)
    space = search_space.parse(options.search, settings)
    search = trials.Search(settings=settings, space=space, trials=options.trials, seed=options.search_seed)
    folder = options.out or Path("tuning") / settings.recipe
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The results cannot be kept in {folder} ({error.strerror}); give another --out.") from error
    storage = options.storage or f"sqlite:///{folder.resolve() / 'study.db'}"
    study = tune.open_study(search, name=options.name or settings.recipe, storage=storage, prune=options.prune)
    progress = Progress(sys.stderr)

    def show(event: Event) -> None:
        if not isinstance(event, Validated | Finished):  # A line of its own for each trial is enough.
            progress.show(event)

    cifar10 = data.load(progress=progress.show)
    with _interruptible("Stopping after this step; the same command goes on.") as stop:
        tune.tune(study, cifar10, search, folder, watch=show, stop=stop)
    print(
        trials.table(study).sort_values("accuracy", ascending=False).to_string(index=False, float_format="%.4g", na_rep="")
    )
    if (folder / trials.FINAL).exists():
        print(f"\nThe best settings learn from all training pictures with\n{trials.final_command(folder)}")


def _evaluate(options: argparse.Namespace) -> None:
    from diclam import checkpoint, data, runs
    from diclam.device import pick_device
    from diclam.evaluate import Evaluation, evaluate
    from diclam.events import Testing
    from diclam.terminal import Progress

    folder = runs.locate(options.model)
    model = checkpoint.load(folder, pick_device())
    progress = Progress(sys.stderr)
    cifar10 = data.load(progress=progress.show)
    try:
        seconds = Evaluation.load(folder).training_seconds
    except DiclamError:
        finished = runs.Run(folder).status().finished
        seconds = finished.seconds if finished else None
    evaluation = evaluate(
        model, cifar10.test_images, cifar10.test_labels, training_seconds=seconds,
        progress=lambda done, total: progress.show(Testing(done, total)),
    )  # fmt: skip
    progress.clear()
    out = options.out or (None if options.model == "bundled" else folder)
    if out:
        evaluation.save(out)
    print(evaluation.per_class.round(4).to_string(index=False))
    print(
        f"\naccuracy {evaluation.accuracy:.2%}   precision {evaluation.precision:.4f}   recall {evaluation.recall:.4f}   "
        f"F1 {evaluation.f1:.4f}   on {len(evaluation.true):,} test pictures"
    )


def _predict(options: argparse.Namespace) -> None:
    from diclam import calibration, runs
    from diclam.draw import answer_words
    from diclam.familiarity import Familiarity
    from diclam.predict import load_picture, predict

    folder = runs.locate(options.model)
    model, familiarity = calibration.load_model(folder), Familiarity.load(folder)
    for path in options.pictures:
        prediction = predict(model, load_picture(path).pixels, familiarity)
        if options.json:
            print(json.dumps({"picture": str(path), **prediction.to_json()}))
        else:
            *others, last = (f"{gate:.2f}" for gate in prediction.gates)
            print(f"{path}: {prediction.label} {prediction.confidence:.1%} (gates {', '.join(others)} and {last})")
            if prediction.familiar and not prediction.familiar.in_distribution:
                print(f"  {answer_words(prediction)}")


def _explain(options: argparse.Namespace) -> None:
    from diclam import calibration, runs
    from diclam.export import export
    from diclam.familiarity import Familiarity
    from diclam.predict import load_picture

    try:
        row, column = (int(part) for part in options.query.split(","))
    except ValueError as error:
        raise ConfigError(f"--query must be two whole numbers such as 8,8; got {options.query!r}.") from error
    picture, kind = load_picture(options.picture), options.out.suffix.lower().lstrip(".")
    folder = runs.locate(options.model)
    model, familiarity = calibration.load_model(folder), Familiarity.load(folder)
    content = export(model, picture, kind, name=options.model, query=(row, column), familiarity=familiarity)
    try:
        options.out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"Cannot write {options.out} ({error.strerror or error}).") from error
    print(options.out)


def _report(options: argparse.Namespace) -> None:
    from diclam import report, runs

    folder = runs.locate(options.run)
    usual = Path("diclam-report") if options.run == "bundled" else folder / "report"
    print(report.write(runs.Run(folder), options.out or usual))


def _runs(options: argparse.Namespace) -> None:
    from diclam import runs
    from diclam.terminal import describe

    for run in runs.list_runs():
        print(
            json.dumps(describe(run)) if options.json else "  ".join(f"{v}" for v in describe(run).values() if v is not None)
        )


def _data(_: argparse.Namespace) -> None:
    from diclam import data
    from diclam.terminal import Progress

    progress = Progress(sys.stderr)
    data.load(progress=progress.show)
    progress.clear()
    print(f"CIFAR-10 is complete and verified in {data.default_root()}")


if __name__ == "__main__":
    sys.exit(main())
