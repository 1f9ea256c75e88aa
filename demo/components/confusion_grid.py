"""The confusion matrix as a table of buttons: every number opens the pictures behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.components.part import Part
from diclam import confusion
from diclam.confusion import number, wilson
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.selection import SORTS, Selection

# What the address calls some classes.
MEMBERS = {name: [k] for k, name in enumerate(CLASSES)} | {
    **{name: list(members) for name, members in confusion.GROUPS.items()},
    "any": list(range(len(CLASSES))),
}
# A narrow column breaks these in two lines, at the soft hyphen.
HYPHENS = {"airplane": "air\u00adplane", "automobile": "auto\u00admobile"}
VIEWS = {"counts": "counts", "real": "% of each real class", "said": "% of each answer", "gate": "% weight of expert 1"}


@dataclass(frozen=True)
class Matrix:
    """What the grid shows."""

    counts: np.ndarray
    """(10, 10) integers; rows are the real classes, columns what the model said."""
    gates: np.ndarray
    """(10, 10): the weight of expert 1, added up over the pictures of each cell."""
    chosen: Selection
    """Whose cell is marked."""


class ConfusionGrid(Part):
    """Value: a `Matrix`, or None for nothing. How the numbers are shown is chosen, and remembered, in the browser.

    `select` brings `real` and `said`, lists of class numbers: one each for a cell, all ten for a header; whoever listens
    must check them, as anybody can send some. `open` comes whenever the grid comes into view, and when the browser goes
    back to another address. The first time, and then, it brings `expert` ('both', '1' or '2'), and the same two, `sort`,
    `wrong`, `doubtful`, `confidence` and `gate` when the address names any
    (`?true=cat&pred=dog&norm=row&wrong=1&sure=0-60&expert=1`), which follows what is chosen.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            members=MEMBERS,
            sorts=list(SORTS),
            **options,
        )

    def postprocess(self, value: Matrix | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        singles = [(k,) for k in range(len(CLASSES))]
        return {
            "classes": _table(value.counts, value.gates, list(CLASSES), singles),
            "groups": _table(value.counts, value.gates, list(confusion.GROUPS), list(confusion.GROUPS.values())),
            "orders": confusion.orders(value.counts),
            "chosen": {"real": value.chosen.real, "said": value.chosen.said},
        }


def _table(counts: np.ndarray, gates: np.ndarray, names: list[str], members: list[tuple[int, ...]]) -> dict[str, Any]:
    """A table of these groups of classes, as the browser draws it: in each view the text of each cell, its `level` on the
    colour scale and its `bar`, both in 0..1, and a second sentence."""
    everything = tuple(range(len(CLASSES)))
    cells, sums = (
        np.array([[table[np.ix_(real, said)].sum() for said in members] for real in members]) for table in (counts, gates)
    )
    return {
        "names": names,
        "short": [HYPHENS.get(name, name) for name in names],
        "members": members,
        "counts": cells.tolist(),
        "views": {
            "counts": _view(cells, cells, [[number(n) for n in row] for row in cells], _intervals(cells, 1)),
            "real": _view(cells, confusion.per_real(cells), None, _intervals(cells, 1)),
            "said": _view(cells, confusion.per_said(cells), None, _intervals(cells, 0)),
            "gate": _gate_view(cells, sums),
        },
        "words": [[confusion.row_words(counts, real, said) for said in members] for real in members],
        "said_words": [[confusion.column_words(counts, real, said) for said in members] for real in members],
        "row_words": [confusion.row_words(counts, real, everything) for real in members],
        "column_words": [confusion.column_words(counts, everything, said) for said in members],
        "all_words": confusion.row_words(counts, everything, everything),
    }


def _view(cells: np.ndarray, values: np.ndarray, texts: list[list[str]] | None, more: list[list[str]]) -> dict[str, Any]:
    """The diagonal and the errors have a scale each, up to the largest value, so that the errors stay visible; colours go
    with the square root, bars with the value itself."""
    values = values.astype(float)
    diagonal = np.eye(len(values), dtype=bool)
    largest = np.where(diagonal, max(values[diagonal].max(), 1e-12), max(values[~diagonal].max(), 1e-12))
    bars = values / largest
    if texts is None:
        texts = [[_percents(share) for share in row] for row in values]
    levels = np.where(diagonal, bars, np.sqrt(bars))
    return {
        "text": texts,
        "level": levels.round(3).tolist(),
        "bar": np.where(bars < 0.05, 0, bars).round(3).tolist(),  # less would be a speck
        "more": more,
        "most": [texts[i][j] for i, j in (_place(values, diagonal), _place(values, ~diagonal))],
    }


def _gate_view(cells: np.ndarray, sums: np.ndarray) -> dict[str, Any]:
    """The mean weight of expert 1 in each cell, and which of the two has more of the say; the farther from one half, the
    stronger the colour."""
    means = np.where(cells > 0, sums / np.maximum(cells, 1), 0.5)
    away = np.abs(means - 0.5)
    farthest = max(float(away.max()), 1e-12)
    return {
        "text": [
            [f"{100 * mean:.0f}" if n else "" for n, mean in zip(*row, strict=True)]
            for row in zip(cells, means, strict=True)
        ],
        "level": (away / farthest).round(3).tolist(),
        "bar": np.zeros_like(means).tolist(),
        "more": [[f"Here expert 1 has {percent(mean)} of the say, expert 2 the rest." for mean in row] for row in means],
        "tones": [["cg-one" if mean >= 0.5 else "cg-two" for mean in row] for row in means],
        "legend": [
            ["cg-one", f"expert 1 has more of the say: up to {100 * max(0.5, means.max()):.0f} %"],
            ["cg-two", f"expert 2 has more: expert 1 down to {100 * min(0.5, means.min()):.0f} %"],
        ],
    }


def _percents(share: float) -> str:
    """Without the sign; at most four letters."""
    return f"{100 * share:.0f}" if share == 0 or share >= 0.9995 else f"{100 * share:.1f}"


def _place(values: np.ndarray, where: np.ndarray) -> tuple[int, int]:
    """Row and column of the largest of some values."""
    row, column = np.unravel_index(int(np.where(where, values, -1).argmax()), values.shape)
    return int(row), int(column)


def _intervals(cells: np.ndarray, axis: int) -> list[list[str]]:
    """Of each cell its share of the row (axis 1) or the column (axis 0) with its 95 % interval."""
    totals = cells.sum(axis, keepdims=True) + 0 * cells
    low, high = wilson(cells, totals)
    whole = "this real class" if axis else "this answer"
    return [
        [
            f"{percent(n / max(total, 1))} of {whole} ({100 * lo:.1f} to {100 * hi:.1f} %)"
            for n, total, lo, hi in zip(*row, strict=True)
        ]
        for row in zip(cells, totals, low, high, strict=True)
    ]


_RADIOS = "".join(
    f'<label><input type="radio" name="cg-view" value="{view}"><span>{text}</span></label>' for view, text in VIEWS.items()
)
_TEMPLATE = f"""
<div class="cg" hidden>
  <div class="cg-controls">
    <fieldset class="cg-views"><legend>Show</legend>{_RADIOS}</fieldset>
    <label>Order <select class="cg-order">
      <option value="listed">as listed</option>
      <option value="recall">best recognised first</option>
      <option value="similarity">mixed-up classes together</option>
      {"".join(f'<option value="{k}">{name} first</option>' for k, name in enumerate(CLASSES))}
    </select></label>
    <label><input type="checkbox" class="cg-errors"> mistakes only</label>
    <label><input type="checkbox" class="cg-groups"> animals against vehicles</label>
  </div>
  <div class="cg-frame">
    <table role="grid" aria-label="Rows: what the pictures really are. Columns: what the model said."></table>
    <div class="cg-tip" aria-hidden="true" hidden><b></b><span></span></div>
  </div>
  <p class="cg-legend"></p>
  <p class="cg-saving">Save the matrix as it is shown: <button type="button" data-kind="png">PNG</button> <button
    type="button" data-kind="csv">CSV</button></p>
</div>
"""
