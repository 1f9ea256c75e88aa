"""The answer: one sentence, and ten probabilities as horizontal bars."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.components.part import Part
from diclam.data import CLASSES
from diclam.draw import answer_words, doubt_words, percent
from diclam.predict import Prediction


class AnswerSentence(gr.HTML):
    """Value: a `Prediction`, or None while there is no picture. Spoken by screen readers when it changes. A second line says
    what to make of a picture that looks like nothing known."""

    def __init__(self, **options: Any) -> None:
        # The paragraph stays and only its text changes: a live region that is built anew is not read out.
        super().__init__(
            html_template='<p class="dc-answer" role="status"></p><div class="dc-doubt" role="status"></div>',
            js_on_load="""
                const show = () => {
                    const [answer, doubt = ''] = props.value.split('\\n');
                    element.querySelector('p').textContent = answer;
                    element.querySelector('div').textContent = doubt;
                };
                show();
                watch('value', show);
            """,
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value: Prediction | None) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return "Choose a picture, or one of the examples."
        lines = [words for words in (answer_words(value), doubt_words(value)) if words]
        return "\n".join(lines).replace(" %", "\u00a0%")  # never a line that begins with the sign


class AnswerBars(Part):
    """Value: a `Prediction`, or None for nothing. In the order of the classes, so that pictures can be compared, or sorted;
    the browser remembers which."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Prediction | None) -> list[dict[str, Any]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The classes in their order; `rank` is the place of each when sorted, from 0."""
        if value is None:
            return []
        ranks = [name for name, _ in value.ranked]
        pairs = zip(CLASSES, value.probabilities, strict=True)
        return [
            {"name": name, "width": round(100 * p, 2), "text": percent(p), "rank": ranks.index(name)} for name, p in pairs
        ]


_TEMPLATE = """
<div hidden>
  <div class="ab-order" role="group" aria-label="Order of the bars">
    <button type="button" value="classes" aria-pressed="true">in class order</button>
    <button type="button" value="sorted" aria-pressed="false">sorted</button>
  </div>
  <table class="ab" aria-label="Probability of each class"><tbody></tbody></table>
</div>
"""
