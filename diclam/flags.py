"""What the command line can be asked: its commands and their flags, one for each setting of a run and of its network."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path

from diclam.errors import ConfigError
from diclam.model import ModelConfig
from diclam.recipe import AUTO, RECIPES, TrainConfig, config, field_docs, with_model

Command = Callable[[argparse.Namespace], None]
MODEL_HELP = "a run's folder or name, a folder with a checkpoint, or 'bundled'"
EPILOG = """examples:
  python -m diclam train --recipe report --budget 120 --run-dir my-run
  python -m diclam tune --recipe fast --budget 60 --trials 20 --out my-study
  python -m diclam evaluate my-run
  python -m diclam predict bundled cat.jpg --json
  python -m diclam explain bundled cat.jpg --out explanation.html
  python -m diclam report my-run

The data set is kept in the folder that DICLAM_DATA names, runs without --run-dir in the one that DICLAM_RUNS names."""


def parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Reads a command line; as `command` its options hold what carries out the command that was named."""
    whole = argparse.ArgumentParser(
        prog="diclam", description="Train DiCLAM on CIFAR-10 within a time limit, and look into what it learned.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    known = whole.add_subparsers(required=True, metavar="command")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        sub = known.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(command=commands[name])
        return sub

    _train_options(add("train", "train a network within a time limit, then test it; Ctrl-C keeps the best weights"))
    _tune_options(add("tune", "search for better settings on the training pictures alone; goes on where it was ended"))
    sub = add("evaluate", "answer all 10,000 test pictures and print the figures")
    sub.add_argument("model", help=MODEL_HELP)
    where = "where evaluation.json and predictions.csv go; default: the model's folder, nowhere for 'bundled'"
    sub.add_argument("--out", type=Path, metavar="FOLDER", help=where)
    sub = add("predict", "classify pictures")
    sub.add_argument("model", help=MODEL_HELP)
    sub.add_argument("pictures", nargs="+", type=Path, metavar="picture", help="PNG, JPEG, WebP, GIF or BMP")
    sub.add_argument("--json", action="store_true", help="print one JSON object a picture, with all probabilities and gates")
    sub = add("explain", "show where attention mixed information and which expert answered")
    sub.add_argument("model", help=MODEL_HELP)
    sub.add_argument("picture", type=Path, help="PNG, JPEG, WebP, GIF or BMP")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .html page, .json or .png")
    sub.add_argument("--query", default="8,8", metavar="ROW,COLUMN",
                     help="position whose attention is drawn, 0 to 15 each; default: 8,8")  # fmt: skip
    sub = add("report", "write a run's figures, settings and test as one HTML page and PNG files")
    sub.add_argument("run", help="a run's folder or name, or 'bundled'")
    where = "where report.html and the PNGs go; default: 'report' in the run's folder, 'diclam-report' here for 'bundled'"
    sub.add_argument("--out", type=Path, metavar="FOLDER", help=where)
    sub = add("runs", "list the runs of this machine, the newest first")
    sub.add_argument("--json", action="store_true", help="print one JSON object a run")
    add("data", "fetch the data set, if it is not there yet, and say where it is")
    return whole


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


def settings(options: argparse.Namespace) -> TrainConfig:
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


def refuse_settings(options: argparse.Namespace) -> None:
    """Raises ConfigError when a flag would change the settings of a run that goes on with its own."""
    names = ("recipe", "run_dir", "settings", *(f.name for cls in (TrainConfig, ModelConfig) for f in fields(cls)))
    given = sorted({f"--{name.replace('_', '-')}" for name in names if getattr(options, name, None) is not None})
    if given:
        raise ConfigError(f"--resume goes on with the run's own settings; leave out {', '.join(given)}.")
