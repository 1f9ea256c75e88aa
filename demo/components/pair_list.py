"""The pairs of classes that are mixed up most, as sentences; and what is known of one pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.components.part import Part
from diclam.confusion import PLURALS, Pair, confused_pairs
from diclam.draw import percent
from diclam.evaluate import Evaluation

SHOWN = 10
BINS = 25


@dataclass(frozen=True)
class PairOf:
    """A pair of classes and the test it comes from."""

    evaluation: Evaluation
    pair: Pair


class PairList(Part):
    """Value: an `Evaluation`, or None for nothing. `select` brings `first` and `second`, numbers of classes; whoever listens
    must check them, as anybody can send some."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_LIST,
            **options,
        )

    def postprocess(self, value: Evaluation | None) -> list[dict[str, Any]] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        pairs = confused_pairs(value.confusion)[:SHOWN]
        most = max((pair.there + pair.back for pair in pairs), default=0)
        return [
            {
                "first": pair.first,
                "second": pair.second,
                "words": pair.words,
                "width": round(100 * (pair.there + pair.back) / most, 1),
            }
            for pair in pairs
        ]


class PairHead(Part):
    """Value: a `PairOf`, or None for nothing: its sentence, and how the gate of expert 1 is spread over either class."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_HEAD,
            js_on_load=None,
            **options,
        )

    def postprocess(self, value: PairOf | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        members = (value.pair.first, value.pair.second)
        gates = [value.evaluation.gates[value.evaluation.true == k, 0] for k in members]
        counts = [np.histogram(gate, BINS, (0, 1))[0] for gate in gates]
        most = max(1, max(int(count.max()) for count in counts))
        means = [float(gate.mean()) if len(gate) else 0.5 for gate in gates]
        return {
            "words": value.pair.words,
            "gates": (
                f"On average expert 1 has {percent(means[0])} of the say for {PLURALS[members[0]]} and "
                f"{percent(means[1])} for {PLURALS[members[1]]}; expert 2 has the rest."
            ),
            "classes": [
                {"name": PLURALS[k], "bars": (100 * count / most).round(1).tolist(), "mean": round(100 * mean, 1)}
                for k, count, mean in zip(members, counts, means, strict=True)
            ],
        }


_LIST = """
{{#if value}}
  <ol class="pl" aria-label="Most confused pairs">
    {{#each value}}
      <li><button type="button" data-first="{{this.first}}" data-second="{{this.second}}"><span>{{this.words}}</span><i
        style="width:{{this.width}}%"></i></button></li>
    {{else}}
      <li>No two classes were mixed up.</li>
    {{/each}}
  </ol>
{{/if}}
"""
_HEAD = """
{{#if value}}
  <div class="ph">
    <p class="ph-words" role="status">{{value.words}}</p>
    <p>{{value.gates}}</p>
    <div class="ph-gates" aria-hidden="true">
      {{#each value.classes}}
        <span>{{this.name}}</span>
        <div class="ph-bars">{{#each this.bars}}<i style="height:{{this}}%"></i>{{/each}}<b
          style="left:{{this.mean}}%"></b></div>
      {{/each}}
      <span></span>
      <div class="ph-axis"><span>only expert 2</span><span>half each</span><span>only expert 1</span></div>
    </div>
  </div>
{{/if}}
"""
