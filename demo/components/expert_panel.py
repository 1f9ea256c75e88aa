"""Which expert answered: the two gates, and what each expert would have said alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from diclam.draw import percent
from diclam.predict import Prediction, ranked

# Below this gate of the larger expert, both count as having taken part about equally.
CLEAR = 0.6


def words(prediction: Prediction) -> str:
    """The gates and the answers of the experts, in words."""
    first, second = prediction.gates
    if max(first, second) < CLEAR:
        gates = f"Both experts took part about equally: expert 1 with {percent(first)}, expert 2 with {percent(second)}."
    else:
        main, other = (1, 2) if first > second else (2, 1)
        gates = f"Expert {main} had most of the say: {percent(max(first, second))} against {percent(min(first, second))}"
        gates += f" of expert {other}."
    one, two = (ranked(p)[0][0] for p in prediction.expert_probabilities)
    if one == two == prediction.label:
        return f"{gates} Alone, each of them would also have said {one}."
    if one == two:
        return f"{gates} Alone, each of them would have said {one}; together they say {prediction.label}."
    return f"{gates} Alone, expert 1 would have said {one} and expert 2 {two}; together they say {prediction.label}."


class ExpertPanel(gr.HTML):
    """Value: a `Prediction`, or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            css_template=Path(__file__).with_suffix(".css").read_text(encoding="utf-8"),
            js_on_load=None,
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value: Prediction | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        first, second = value.gates
        answers = [
            ("the mixture, which answered", "both", value.probabilities),
            ("expert 1 alone", "one", value.expert_probabilities[0]),
            ("expert 2 alone", "two", value.expert_probabilities[1]),
        ]
        return {
            "words": words(value),
            "width": round(100 * first, 2),
            "first": percent(first),
            "second": percent(second),
            "answers": [
                {
                    "title": title,
                    "kind": kind,
                    "top": [
                        {"name": name, "text": percent(p), "width": round(100 * p, 2)}
                        for name, p in ranked(probabilities)[:3]
                    ],
                }
                for title, kind, probabilities in answers
            ],
        }


_TEMPLATE = """
{{#if value}}
  <div class="ep">
    <p class="ep-words">{{value.words}}</p>
    <div class="ep-gates">
      <div class="ep-numbers"><span class="ep-one">expert 1: {{value.first}}</span><span
        class="ep-two">expert 2: {{value.second}}</span></div>
      <div class="ep-bar" aria-hidden="true"><i style="width:{{value.width}}%"></i></div>
    </div>
    <div class="ep-answers">
      {{#each value.answers}}
        <table class="ep-{{this.kind}}">
          <caption>{{this.title}}</caption>
          {{#each this.top}}
            <tr><th scope="row">{{this.name}}</th>
              <td class="ep-track" aria-hidden="true"><div><i style="width:{{this.width}}%"></i></div></td>
              <td class="ep-number">{{this.text}}</td></tr>
          {{/each}}
        </table>
      {{/each}}
    </div>
  </div>
{{/if}}
"""
