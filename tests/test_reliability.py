"""What Classify says of a percentage is what was counted on held-out pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from demo.components.reliability import ReliabilityPanel, Trust, meaning, told
from diclam.calibration import NOT_CALIBRATED, Calibration, Reliability
from diclam.familiarity import Familiar
from diclam.predict import Prediction


def prediction(confidence: float) -> Prediction:
    table = tuple(confidence if k == 3 else (1 - confidence) / 9 for k in range(10))
    return Prediction(table, (0.5, 0.5), (table, table), temperature=1.5)


def calibration() -> Calibration:
    """400 answers of about 70 %, 268 of them right; 5 of about 40 %; 500 of nearly 100 %, 499 right."""
    columns = np.zeros((3, 15))
    columns[:, 10], columns[:, 5], columns[:, 14] = (400, 280, 268), (5, 1.9, 2), (500, 497.5, 499)
    pictures, said, right = columns
    after = Reliability(pictures.astype(int), said, right.astype(int), 0.3)
    before = replace(after, said=said - 0.02 * pictures)
    return Calibration(1.5, "905 pictures", before, after, checked_on_test=(before, after))


def test_the_sentence_tells_how_many_of_100_are_right() -> None:
    assert meaning(Trust(prediction(0.71), calibration())) == (
        "Of 100 held-out pictures where it says 67 to 73 % (70 % on average), 67 are right: measured on 400, 95 % interval "
        "62 to 71."
    )
    assert "more than 99 are right: measured on 500" in meaning(Trust(prediction(0.99), calibration()))


def test_what_was_not_measured_is_not_told() -> None:
    assert meaning(Trust(prediction(0.4), calibration())).startswith("Too few held-out pictures got an answer of about 40 %")
    assert meaning(Trust(prediction(0.7), None)) == NOT_CALIBRATED
    strange = replace(prediction(0.71), familiar=Familiar(0.1, 0.7, 0.05))
    assert "here they say little" in meaning(Trust(strange, calibration()))


def test_the_diagram_has_the_ranges_with_enough_pictures_and_the_table_all() -> None:
    sent = ReliabilityPanel().postprocess(Trust(prediction(0.71), calibration()))
    assert sent is not None
    assert sent["at"] == pytest.approx(71)
    assert sent["after"] == [[70.0, 67.0], [99.5, 99.8]]
    assert sent["before"] == [[68.0, 67.0], [97.5, 99.8]]
    assert sent["rows"][0] == ["33 to 40 %", "40.0 % of 5", "40.0 % of 5"]
    assert sent["rows"][1] == ["67 to 73 %", "67.0 % of 400", "67.0 % of 400"]
    error = 100 * (0.1 + 12 + 1.5) / 905
    assert f"{error:.2f} points and" in told(calibration())
    assert "905 test pictures, looked at once" in told(calibration())
    assert ReliabilityPanel().postprocess(None) is None


def test_a_model_that_is_not_calibrated_has_no_diagram() -> None:
    sent = ReliabilityPanel().postprocess(Trust(prediction(0.71), None))
    assert sent is not None
    assert (sent["rows"], sent["after"], sent["before"]) == ([], [], [])
