"""How good the model is: accuracy in one sentence; precision, recall and F1 of each class, with how sure they are."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from demo.components.part import Part
from diclam.confusion import f1_interval, number, wilson
from diclam.draw import percent
from diclam.evaluate import Evaluation


class AccuracyLine(gr.HTML):
    """Value: an `Evaluation`, or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(html_template=_LINE, js_on_load=None, apply_default_css=False, **options)

    def postprocess(self, value: Evaluation | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        right = value.true == value.predicted
        return {
            "accuracy": percent(value.accuracy),
            "interval": _interval(right),
            "total": number(len(right)),
            "by": "" if value.expert is None else f" from expert {value.expert + 1} alone",
            "means": f"precision {percent(value.precision)}, recall {percent(value.recall)}, F1 {percent(value.f1)}",
            "without": _without(len(value.suspects), right[value.trusted]),
        }


class ClassTable(Part):
    """Value: an `Evaluation`, or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TABLE,
            **options,
        )

    def postprocess(self, value: Evaluation | None) -> list[dict[str, Any]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return []
        counts = value.confusion
        right = np.diag(counts)
        intervals = {
            "precision": wilson(right, counts.sum(0)),
            "recall": wilson(right, counts.sum(1)),
            "f1": f1_interval(counts),
        }
        rows = []
        for k, row in enumerate(value.per_class.to_dict(orient="records")):
            cells = [
                {"text": percent(row[name]), "interval": f"{100 * low[k]:.1f} to {100 * high[k]:.1f}"}
                for name, (low, high) in intervals.items()
            ]
            rows.append({"name": row["class"], "cells": cells, "support": number(row["support"])})
        return rows


def _interval(right: np.ndarray) -> str:
    low, high = wilson(right.sum(), len(right))
    return f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"


def _without(suspects: int, right: np.ndarray) -> str:
    """The accuracy on the other pictures, `right` (n,) bool; '' when no label is doubtful."""
    if not suspects or not len(right):
        return ""
    pictures = "one picture whose label is" if suspects == 1 else f"{number(suspects)} pictures whose label is"
    return (
        f"Without the {pictures} doubtful: {percent(float(right.mean()))} ({_interval(right)}). That flatters: models that "
        "say something else picked them out."
    )


_LINE = """
{{#if value}}
  <p class="dc-accuracy"><b>{{value.accuracy}}</b> of {{value.total}} test pictures got the right
    answer{{value.by}} <span>({{value.interval}}).</span> <span>Means over the classes:
    {{value.means}}.</span></p>
  {{#if value.without}}<p class="dc-accuracy"><span>{{value.without}}</span></p>{{/if}}
{{/if}}
"""
_TABLE = """
{{#if value.length}}
  <table class="ct">
    <thead><tr><th scope="col">class</th><th scope="col">precision</th><th scope="col">recall</th><th scope="col">F1</th><th
      scope="col" class="ct-support">pictures</th></tr></thead>
    {{#each value}}
      <tr><th scope="row">{{this.name}}</th>
        {{#each this.cells}}<td>{{this.text}} <small>{{this.interval}}</small></td>{{/each}}
        <td class="ct-support">{{this.support}}</td></tr>
    {{/each}}
  </table>
{{/if}}
"""
