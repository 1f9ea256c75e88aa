"""What a percentage of the answer means: how often such an answer was right on pictures that were not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.components.part import Part
from diclam.calibration import BINS, ENOUGH, NOT_CALIBRATED, Calibration, Reliability, Share
from diclam.confusion import number, wilson
from diclam.draw import percent, whole_percent
from diclam.predict import Prediction


@dataclass(frozen=True)
class Trust:
    """What the panel shows."""

    prediction: Prediction
    calibration: Calibration | None
    """The model's; None when its percentages were never compared with anything."""


class ReliabilityPanel(Part):
    """Value: a `Trust`, or None for nothing. One sentence about the answer's percentage, and on demand the reliability
    diagram: the share that is right over what the model says, with the temperature and without it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(html_template=_TEMPLATE, **options)

    def postprocess(self, value: Trust | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        found = value.calibration
        return {
            "words": meaning(value),
            "at": round(100 * value.prediction.confidence, 2),
            "after": _dots(found.after) if found else [],
            "before": _dots(found.before) if found else [],
            "rows": _rows(found) if found else [],
            "told": told(found) if found else "",
        }


def meaning(trust: Trust) -> str:
    """What the percentage of the answer is worth, in a sentence."""
    prediction, found = trust.prediction, trust.calibration
    if found is None:
        return NOT_CALIBRATED
    if prediction.familiar and not prediction.familiar.in_distribution:
        return "How often its percentages are right was measured on pictures like those it knows; here they say little."
    share = found.after.near(prediction.confidence)
    if share is None:
        says = whole_percent(prediction.confidence)
        return f"Too few held-out pictures got an answer of about {says} to say how often such an answer is right."
    low, high = wilson(share.right, share.pictures)
    return (
        f"Of 100 held-out pictures where it says {100 * share.low:.0f} to {100 * share.high:.0f} % "
        f"({whole_percent(share.said)} on average), {_of_100(share)} right: "
        f"measured on {number(share.pictures)}, 95 % interval {100 * low:.0f} to {100 * high:.0f}."
    )


def told(found: Calibration) -> str:
    """What the diagram shows, in words."""
    words = (
        f"Measured on {found.source}. On the thin line it is right as often as it says. Dots, solid line: as shown on this "
        f"page, with all logits divided by the temperature {found.temperature:.3f}, which was fitted on the same pictures; "
        f"squares, broken line: without. The two lie apart from the thin line by {_points(found.after)} and "
        f"{_points(found.before)} on average (expected calibration error)."
    )
    if found.checked_on_test:
        before, after = found.checked_on_test
        pictures = number(int(after.pictures.sum()))
        words += f" On {pictures} test pictures, looked at once, by {_points(after)} and {_points(before)}."
    return f"{words} Ranges with fewer than {ENOUGH} pictures are not drawn. The upright line is this answer."


def _of_100(share: Share) -> str:
    rounded = round(100 * share.right / share.pictures)
    if rounded == 100 and share.right < share.pictures:
        return "more than 99 are"
    if rounded == 0 < share.right:
        return "fewer than 1 is"
    return "1 is" if rounded == 1 else f"{rounded} are"


def _points(table: Reliability) -> str:
    return f"{100 * table.ece:.2f} points"


def _dots(table: Reliability) -> list[list[float]]:
    """What is said and how much of it is right, in percent, of the ranges that have enough pictures."""
    columns = zip(table.pictures.tolist(), table.said.tolist(), table.right.tolist(), strict=True)
    return [[round(100 * said / n, 2), round(100 * right / n, 2)] for n, said, right in columns if n >= ENOUGH]


def _rows(found: Calibration) -> list[list[str]]:
    """The table: each range, and what is right of it with the temperature and without."""
    return [
        [f"{100 * k / BINS:.0f} to {100 * (k + 1) / BINS:.0f} %", _cell(found.after, k), _cell(found.before, k)]
        for k in range(BINS)
        if found.after.pictures[k] or found.before.pictures[k]
    ]


def _cell(table: Reliability, k: int) -> str:
    count, right = int(table.pictures[k]), int(table.right[k])
    return f"{percent(right / count)} of {number(count)}" if count else "none"


_TEMPLATE = """
<div class="rl" hidden>
  <p class="rl-words"></p>
  <details>
    <summary>How well its percentages fit</summary>
    <div class="rl-both">
      <figure>
        <div class="rl-chart"></div>
        <figcaption class="rl-key"><span><i class="rl-dot"></i>as shown</span><span><i class="rl-box"></i>without the
          temperature</span></figcaption>
      </figure>
      <table>
        <thead><tr><th scope="col">it says</th><th scope="col">right, as shown</th><th scope="col">without</th></tr></thead>
        <tbody></tbody>
      </table>
    </div>
    <p class="rl-told dc-quiet"></p>
  </details>
</div>
"""
