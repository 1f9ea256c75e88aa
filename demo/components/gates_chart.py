"""Which expert answers for which class: how the gate is spread over the pictures of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from demo.components.part import Part
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.gates import GatesByClass


class GatesChart(Part):
    """Value: `GatesByClass`, or None for nothing: a sentence, and a table with a row of bars for each class."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: GatesByClass | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        bins = value.counts.shape[1]
        middle = (np.arange(bins) + 0.5) / bins
        rows = []
        for name, counts, mean in zip(CLASSES, value.counts, value.means[:, 0], strict=True):
            most = max(1, int(counts.max()))
            bars = [
                {"height": round(100 * count / most, 1), "side": "gc-one" if at > 0.5 else "gc-two"}
                for count, at in zip(counts.tolist(), middle, strict=True)
            ]
            known = bool(np.isfinite(mean))
            rows.append(
                {
                    "name": name,
                    "bars": bars,
                    "known": known,
                    "at": round(100 * float(mean), 1) if known else 50,
                    "one": percent(float(mean)) if known else "",
                    "two": percent(1 - float(mean)) if known else "",
                }
            )
        return {"words": words(value), "information": information(value), "rows": rows}


def words(gates: GatesByClass) -> str:
    """What the gates tell, or that they tell nothing."""
    if gates.barely_differ:
        return "The gates barely differ between the classes: these experts have not divided the classes between them."
    one, two = (" and ".join(gates.used_most_for(expert)) for expert in range(2))
    return f"Expert 1 is used most for {one}, expert 2 for {two}."


def information(gates: GatesByClass) -> str:
    """How much of a picture's class its gates tell, beside what chance would seem to tell."""
    return (
        f"The weight of a picture tells {gates.information:.2f} of the {np.log2(len(CLASSES)):.2f} bits that its class "
        f"takes (mutual information); with shuffled classes it would seem to tell {gates.by_chance.mean():.2f}."
    )


_TEMPLATE = """
{{#if value}}
  <div class="gc">
    <p class="gc-words">{{value.words}}</p>
    <p>{{value.information}}</p>
    <table>
      <thead><tr><th scope="col">class</th><th scope="col"><span class="gc-axis"><span>only expert 2</span><span>half
        each</span><span>only expert 1</span></span></th><th scope="col">expert 1,<br>mean</th><th
        scope="col">expert 2,<br>mean</th></tr></thead>
      {{#each value.rows}}
        <tr><th scope="row">{{this.name}}</th>
          <td><div class="gc-bars" aria-hidden="true">{{#each this.bars}}<i class="{{this.side}}"
            style="height:{{this.height}}%"></i>{{/each}}{{#if this.known}}<b
            style="left:{{this.at}}%"></b>{{/if}}</div></td>
          <td class="gc-number">{{this.one}}</td><td class="gc-number">{{this.two}}</td></tr>
      {{/each}}
    </table>
  </div>
{{/if}}
"""
