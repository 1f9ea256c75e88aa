"""The pinned pictures of a run: their newest answers while it learns, all of its moments afterwards."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from demo import pinned_section
from demo.components.pinned_pictures import BYTES, Moments, PinnedPictures, nearest, when
from diclam import snapshots
from diclam.events import Validated
from diclam.runs import Run
from diclam.snapshots import Album, Pinned, Snapshot


def snapshot(number: int, *, heads: int = 2, kept: bool = False) -> Snapshot:
    random = np.random.default_rng(number)
    said = random.dirichlet(np.ones(10), 12)
    attention = random.integers(0, 256, (12, heads, 16, 16)).astype(np.uint8)
    gates = np.full((12, 2), 0.5)
    return Snapshot(number, number / 100, float(number), number / 60, kept, said, gates, attention)


def album(*taken: Snapshot) -> Album:
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    return Album(Pinned(images, (0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9), held_out=True), taken)


def look(seconds: float, *, best: bool = True) -> Validated:
    return Validated(int(seconds), seconds / 100, 2.0, 0.3, 100, seconds, best, np.eye(10, dtype=int).tolist())


def write(folder: Path, kept: Album) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [kept.pinned.to_json(), *(taken.to_json() for taken in kept.snapshots)]
    (folder / snapshots.FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Run(folder)


def sent(value: Moments) -> dict:
    shown = PinnedPictures().postprocess(value)
    assert shown is not None
    return shown


def test_while_a_run_learns_only_the_newest_answers_travel() -> None:
    value = Moments("run", album(snapshot(0), snapshot(4)), [], done=False, again=True)
    shown = sent(value)
    assert len(json.dumps(shown)) < 5_000
    assert [moment["when"] for moment in shown["moments"]] == ["after 4 s"]
    assert shown["pictures"] is None
    assert len(sent(replace(value, again=False))["pictures"]) == 12 * 32 * 32 * 4


@pytest.mark.parametrize("heads", [2, 4])
def test_all_moments_of_a_long_run_fit_in_what_may_travel(heads: int) -> None:
    taken = [snapshot(k, heads=heads) for k in range(40)] + [snapshot(60, heads=heads, kept=True)]
    shown = sent(Moments("run", album(*taken), [look(12), look(24, best=False)], done=True, again=True))
    assert len(json.dumps(shown)) < BYTES * 1.1
    assert len(shown["moments"]) > 8
    assert shown["moments"][0]["when"] == "before the first step"
    assert shown["moments"][-1]["when"] == "with the weights that were kept"
    assert shown["looks"][shown["moments"][-1]["look"]]["words"].startswith("Validation after 12 s")


def test_an_even_share_is_the_middle_of_the_scale_and_the_mean_is_of_weights() -> None:
    even = replace(snapshot(1), attention=np.full((12, 2, 16, 16), 128, np.uint8))
    assert set(sent(Moments("run", album(even), [], done=True, again=True))["moments"][0]["maps"]) == {chr(48 + 32)}
    apart = np.full((12, 2, 16, 16), 128, np.uint8)
    apart[:, 1] = 128 + 32  # four times as much: the mean is 2.5 times, 21 bytes above an even share
    maps = sent(Moments("run", album(replace(even, attention=apart)), [], done=False, again=True))["moments"][0]["maps"]
    assert set(maps) == {chr(48 + 32 + 10)}


def test_a_moment_goes_with_the_nearest_matrix_and_what_was_kept_with_the_best() -> None:
    looks = [look(12), look(24), look(36, best=False)]
    assert nearest(looks, snapshot(19)) == looks[1]
    assert nearest(looks, snapshot(60, kept=True)) == looks[1]
    assert nearest([], snapshot(19)) is None
    assert when(snapshot(100)) == "after 1:40 minutes"


def test_a_run_says_what_it_has(tmp_path: Path) -> None:
    old = Run(tmp_path / "old")
    assert pinned_section.moments(old, old.status(), again=False) == pinned_section.NONE
    run = write(tmp_path / "run", album(snapshot(0)))
    ended = pinned_section.moments(run, run.status(), again=False)
    assert isinstance(ended, Moments)
    assert ended.done
    run.claim(os.getpid())
    going_on = pinned_section.moments(run, run.status(), again=True)
    assert isinstance(going_on, Moments)
    assert not going_on.done
    (run.path / snapshots.FILE).unlink()
    assert pinned_section.moments(run, run.status(), again=True) is None  # there is nothing yet


def test_a_page_without_the_pictures_gets_them_and_a_forged_name_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path))
    write(tmp_path / "run", album(snapshot(0)))
    with gr.Blocks() as blocks:
        pinned_section.wire(pinned_section.build(), gr.State(""))
    (listener,) = [fn.fn for fn in blocks.fns.values()]
    assert listener is not None
    assert sent(listener("run"))["pictures"]
    assert listener("../run") is None
