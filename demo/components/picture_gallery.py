"""Test pictures as a grid of buttons, a page at a time, with what the model said; sorted and filtered on request."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from demo.components.part import Part
from diclam.confusion import number
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.evaluate import Evaluation
from diclam.predict import ranked
from diclam.selection import EVERYTHING, SORTS, Selection

# As many answers are told on hover or focus; the others are small.
TOLD = 4
TOGETHER = (
    "Of one expert alone only the answer is known. How sure it was and the weights, also to sort and to filter by, are of "
    "both together."
)


@dataclass(frozen=True)
class Page:
    """What the gallery shows."""

    evaluation: Evaluation
    selection: Selection
    title: str
    more: str
    """A second, quiet line."""
    total: int
    """How many pictures there are without the filters."""
    matching: int
    """How many fit."""
    here: int
    """How many of them are on this machine."""
    first: int
    """Place of the first picture on this page among those that are here."""
    indices: Sequence[int]
    """Numbers in the test set of the pictures on this page."""
    pixels: Sequence[Tensor]
    """(3, 32, 32) uint8 each"""


class PictureGallery(Part):
    """Value: a `Page`, or None for nothing. All pictures of a page travel as one lossless sheet.

    `select` brings `index`, the number of a picture in the test set; `query` brings `sort`, `wrong`, `doubtful`,
    `confidence` and `gate` (two fractions of 1 each); `turn`, to another page, brings `first`. Whoever listens must check
    them, as anybody can send some.
    """

    def __init__(self, label: str = "Pictures", *, page_size: int = 60, controls: bool = True, **options: Any) -> None:
        """Without `controls` there is nothing to sort and filter with."""
        self.page_size = page_size
        # Gradio sends the page the attribute of each argument, and takes a missing one that the script names for an event:
        # a reference to the whole app, which it then copied for each visitor.
        self.controls = controls
        super().__init__(
            html_template=_TEMPLATE.replace("LABEL", label).replace("CONTROLS", "" if controls else "hidden"),
            page_size=page_size,
            **options,
        )

    def postprocess(self, value: Page | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        selection = value.selection
        return {
            "title": value.title,
            "more": value.more,
            "note": _note(value),
            "together": TOGETHER if value.evaluation.expert is not None else "",
            "filtered": f"{number(value.matching)} of {number(value.total)} fit the filters." if selection.filtered else "",
            "wrong_is_open": bool(set(selection.real) & set(selection.said))
            and len(selection.real) + len(selection.said) > 2,
            "sort": selection.sort,
            "wrong": selection.wrong,
            "doubtful_is_open": bool(value.evaluation.suspects),
            "doubtful": selection.doubtful,
            "confidence": selection.confidence,
            "gate": selection.gate,
            "first": value.first,
            "here": value.here,
            "range": _range(value, self.page_size),
            "sheet": sheet(value.pixels),
            "pictures": [_picture(value.evaluation, index) for index in value.indices],
        }


def sheet(pixels: Sequence[Tensor]) -> str:
    """Pictures (3, 32, 32) uint8, one under another, as a lossless WebP `data:` address; '' for none."""
    if not pixels:
        return ""
    column = np.concatenate([picture.permute(1, 2, 0).numpy() for picture in pixels])
    file = io.BytesIO()
    # The fastest lossless setting: a few milliseconds for 60 pictures, and a sixth smaller than PNG.
    Image.fromarray(column).save(file, "WEBP", lossless=True, quality=0, method=0)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _note(page: Page) -> str:
    if page.matching == 0:
        return "No picture fits the filters." if page.selection.filtered else "There is no such picture."
    if page.here < page.matching:
        return (
            f"{number(page.here)} of {number(page.matching)} shown; the others need the data set, which Train or "
            "`python -m diclam data` fetches."
        )
    return ""


def _range(page: Page, size: int) -> str:
    """'1 to 60 of 131'; '' when everything is on one page."""
    if page.here <= size:
        return ""
    return f"{page.first + 1} to {page.first + len(page.indices)} of {number(page.here)}"


def _picture(evaluation: Evaluation, index: int) -> dict[str, Any]:
    real, said = CLASSES[evaluation.true[index]], CLASSES[evaluation.predicted[index]]
    told = ranked(tuple(evaluation.probabilities[index].tolist()))[:TOLD]
    sure = percent(float(evaluation.probabilities[index].max()))
    by = f" by expert {evaluation.expert + 1} alone" if evaluation.expert is not None else f", {sure} sure"
    one, two = (percent(float(gate)) for gate in evaluation.gates[index])
    suspect = evaluation.suspects.get(index)
    doubt = "" if suspect is None else suspect.words
    words = f"Test picture {index}, really {real}, called {said}{by}."
    return {
        "index": index,
        "right": real == said,
        "said": said,
        "sure": sure if evaluation.expert is None else "",
        "words": " ".join(part for part in (words, doubt, "Opens in Classify.") if part),
        "doubt": doubt,
        "mark": "" if suspect is None else f"? more likely {CLASSES[suspect.suggested]}",
        "told": [{"name": name, "text": percent(p), "width": round(100 * p, 1)} for name, p in told],
        "gates": f"expert 1 {one}, expert 2 {two}" + ("" if evaluation.expert is None else "; above, both together"),
        "title": f"No. {index}, really {real}",
    }


_SORTS = "".join(f'<option value="{name}">{name} first</option>' for name in SORTS if name != "number")
_WHOLE = f'min="{EVERYTHING[0]:.0f}" max="{100 * EVERYTHING[1]:.0f}" step="1"'


def _limits(name: str, words: str) -> str:
    low, high = (f'<input type="number" {_WHOLE} aria-label="{words}, {end}, percent">' for end in ("from", "up to"))
    return f'<span class="pg-limits" data-name="{name}">{words} {low} to {high} %</span>'


_TEMPLATE = f"""
<div class="pg" role="group" aria-label="LABEL" hidden>
  <p class="pg-title" role="status"></p>
  <p class="pg-more"></p>
  <p class="pg-note" hidden></p>
  <p class="pg-together" hidden></p>
  <div class="pg-controls" CONTROLS>
    <label>Sort <select class="pg-sort">{_SORTS}<option value="number">by number</option></select></label>
    <details><summary>Filter</summary>
      <div class="pg-filters">
        <label class="pg-wrong"><input type="checkbox"> only wrong answers</label>
        <label class="pg-doubtful"><input type="checkbox"> only doubtful labels</label>
        {_limits("confidence", "how sure it was")}
        {_limits("gate", "weight of expert 1")}
      </div>
    </details>
    <span class="pg-filtered" hidden><span></span> <button type="button" class="pg-clear">Clear</button></span>
  </div>
  <div class="pg-pictures"></div>
  <div class="pg-pager" hidden><button type="button" class="pg-back">Previous</button><span></span><button
    type="button" class="pg-next">Next</button></div>
  <div class="pg-tip" aria-hidden="true" hidden></div>
</div>
"""
