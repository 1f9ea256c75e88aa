"""Doubtful labels are found, kept and read back; a list that is not one is refused, and accuses nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.suspect_labels import find, note
from demo.models import BUNDLED, Models
from diclam import checkpoint, suspects
from diclam.errors import DataError
from diclam.evaluate import Evaluation
from diclam.runs import Run
from diclam.suspects import Suspect
from tests.conftest import random_evaluation

FROG = Suspect(40, 0, 6, 0.25, agree=4, runs=5)
CAT = Suspect(7, 7, 3, 0.01, agree=5, runs=5)
HEAD = "index,label,suggested,quality,agree,runs\n"


def test_a_table_is_read_back_the_most_doubtful_first(tmp_path: Path) -> None:
    path = tmp_path / suspects.TABLE
    suspects.save(path, [FROG, CAT])
    assert path.read_text() == f"{HEAD}7,horse,cat,0.0100,5,5\n40,airplane,frog,0.2500,4,5\n"
    assert suspects.load(path) == {7: CAT, 40: FROG}
    suspects.save(path, [])
    assert suspects.load(path) == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "index,label\n1,cat\n", f"{HEAD}1,cat,cat,0.1,1,1\n", f"{HEAD}1,cat,lion,0.1,1,1\n",
        f"{HEAD}-1,cat,dog,0.1,1,1\n", f"{HEAD}1,cat,dog,1.5,1,1\n", f"{HEAD}1,cat,dog,,1,1\n", f"{HEAD}1,cat,dog,0.1,2,1\n",
        f"{HEAD}x,cat,dog,0.1,1,1\n",
        f"{HEAD}1,cat,dog,0.1,1,1\n1,cat,frog,0.1,1,1\n",
    ],
)  # fmt: skip
def test_a_damaged_table_is_refused_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / suspects.TABLE
    path.write_text(text)
    with pytest.raises(DataError, match=r"damaged .* or delete it"):
        suspects.load(path)


def test_a_doubt_is_told_in_words() -> None:
    assert FROG.words == "Label doubtful: more likely frog, say 4 of 5 trained models."
    assert Suspect(1, 0, 6, 0.1, 1, 1).words == "Label doubtful: more likely frog, says one trained model."


def test_only_pictures_with_that_label_are_accused() -> None:
    true = np.arange(30) % 10
    assert suspects.among({7: CAT, 40: FROG}, true) == {7: CAT}
    assert suspects.among({7: CAT}, np.where(true == 7, 3, true)) == {}


def test_without_a_table_nobody_is_accused_and_with_one_every_model_s_test_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "bundled"
    random_evaluation(100).save(bundled)
    monkeypatch.setattr(checkpoint, "bundled", lambda: bundled)
    for known in ({}, {7: CAT}):
        if known:
            suspects.save(tmp_path / suspects.TABLE, known.values())
        evaluation = Models().evaluation(BUNDLED)
        assert evaluation is not None
        assert evaluation.suspects == known
        assert evaluation.by_expert(0).suspects == known
        assert np.flatnonzero(~evaluation.trusted).tolist() == list(known)


def test_the_table_that_comes_with_the_project_is_of_the_test_set() -> None:
    shipped = suspects.shipped()
    assert suspects.among(shipped, Evaluation.load(checkpoint.bundled()).true) == shipped


def mislabelled(seed: int, planted: dict[int, int]) -> Evaluation:
    """A model that is right on every picture, surest on those whose label is wrong."""
    evaluation = random_evaluation(1000)
    real, label = evaluation.true, evaluation.true.copy()
    random = np.random.default_rng(seed)
    table = random.uniform(0, 0.05, size=(1000, 10))
    table[np.arange(1000), real] = random.uniform(0.3, 0.5, size=1000)
    table[list(planted), real[list(planted)]] = 2
    label[list(planted)] = list(planted.values())
    return replace(evaluation, true=label, probabilities=(table / table.sum(1, keepdims=True)).astype(np.float32))


def test_wrong_labels_are_found_and_what_they_are_is_suggested(tmp_path: Path) -> None:
    planted = {13: 5, 400: 1, 998: 2}
    runs = [mislabelled(seed, planted) for seed in range(5)]
    # One of the five is alone with what it says of two pictures, of which the first has the right label.
    runs[4].probabilities[[500, 13]] = np.eye(10)[4] * 0.91 + 0.009
    found = {each.index: each for each in find(runs)}
    assert {k: (each.label, each.suggested, each.agree, each.runs) for k, each in found.items()} == {
        13: (5, 3, 4, 5), 400: (1, 0, 5, 5), 998: (2, 8, 5, 5),
    }  # fmt: skip
    for k, each in found.items():
        assert each.quality == pytest.approx(np.mean([run.probabilities[k, each.label] for run in runs]), abs=1e-6)
    suspects.save(tmp_path / suspects.TABLE, found.values())
    assert list(suspects.load(tmp_path / suspects.TABLE)) == sorted(found, key=lambda k: found[k].quality)


def test_runs_that_were_tested_on_other_pictures_are_refused() -> None:
    runs = [mislabelled(0, {}), mislabelled(0, {13: 5})]
    with pytest.raises(DataError, match="the same pictures"):
        find(runs)


def test_how_it_was_made_names_the_runs_and_no_place_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    info: dict[str, Any] = {"config": {"recipe": "fast", "seed": 3}}
    monkeypatch.setattr(Run, "info", lambda run: info)
    text = note([Run(Path("/somewhere/first"))], [random_evaluation(1000)], [CAT, FROG])
    assert "2 of 1000 (0.2 %); all runs agree on 1 of them" in text
    assert "| first | fast | 3 | 0:12 |" in text
    assert "| horses | cats | 1 |" in text
    assert "somewhere" not in text
