"""The answer: one sentence, and ten probabilities as horizontal bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from diclam.data import CLASSES
from diclam.draw import percent, sentence
from diclam.predict import Prediction


class AnswerSentence(gr.HTML):
    """Value: a `Prediction`, or None while there is no picture. Spoken by screen readers when it changes."""

    def __init__(self, **options: Any) -> None:
        # The paragraph stays and only its text changes: a live region that is built anew is not read out.
        super().__init__(
            html_template='<p class="dc-answer" role="status"></p>',
            js_on_load="""
                const show = () => { element.querySelector('p').textContent = props.value; };
                show();
                watch('value', show);
            """,
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value: Prediction | None) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return "Choose a picture, or one of the examples."
        return sentence(value.probabilities).replace(" %", "\u00a0%")  # never a line that begins with the sign


class AnswerBars(gr.HTML):
    """Value: a `Prediction`, or None for nothing. The classes stay in their order, so that pictures can be compared."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            css_template=Path(__file__).with_suffix(".css").read_text(encoding="utf-8"),
            js_on_load=None,
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value: Prediction | None) -> list[dict[str, Any]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return []
        pairs = zip(CLASSES, value.probabilities, strict=True)
        return [
            {"name": name, "width": round(100 * p, 2), "text": percent(p), "best": name == value.label} for name, p in pairs
        ]


_TEMPLATE = """
{{#if value.length}}
  <table class="ab" aria-label="Probability of each class">
    {{#each value}}
      <tr{{#if this.best}} class="ab-best"{{/if}}>
        <th scope="row">{{this.name}}</th>
        <td class="ab-track" aria-hidden="true"><div><i style="width:{{this.width}}%"></i></div></td>
        <td class="ab-number">{{this.text}}</td>
      </tr>
    {{/each}}
  </table>
{{/if}}
"""
