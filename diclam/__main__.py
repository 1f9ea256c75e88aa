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
from pathlib import Path
from typing import Any

from diclam import distributed, flags
from diclam.errors import ConfigError, DiclamError


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
    return flags.parser({
        "train": _train, "tune": _tune, "evaluate": _evaluate, "predict": _predict, "explain": _explain,
        "report": _report, "runs": _runs, "data": _data,
    })  # fmt: skip


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
            flags.refuse_settings(options)
            run = runs.Run(runs.locate(options.resume))
            recorder.resume(run, progress.show, stop, team)
        else:
            train_config = flags.settings(options)
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
    settings = flags.settings(options)
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
    status = main()
    for out in (sys.stdout, sys.stderr):
        out.flush()
    os._exit(status)  # All is written. Python would take PyTorch apart first, for which who pressed Stop would wait 0.8 s.
