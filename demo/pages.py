"""Pages of a gallery: which pictures of a model's test are on them, and how they turn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import numpy as np
from torch import Tensor

from demo.components.payload import whole
from demo.components.picture_gallery import Page, PictureGallery
from demo.messages import told
from diclam.confusion import wilson
from diclam.draw import percent
from diclam.evaluate import Evaluation
from diclam.selection import ALL, Selection

# Each event carries its own data, so each must be handled; none waits in the queue behind a classification.
AT_ONCE: dict[str, Any] = {
    "show_progress": "hidden", "trigger_mode": "multiple", "queue": False, "api_visibility": "private",
}  # fmt: skip


class HasEvaluations(Protocol):
    """What is asked of `demo.models.Models`."""

    def evaluation(self, key: str) -> Evaluation | None: ...


class HasModels(HasEvaluations, Protocol):
    """The same, of all models there are."""

    def choices(self) -> list[tuple[str, str]]: ...

    def folder(self, key: str) -> Path: ...


class HasPictures(Protocol):
    """What is asked of `demo.gallery.Pictures`."""

    def get(self, index: int) -> Tensor | None: ...

    def available(self, indices: Iterable[int]) -> list[int]: ...


WHO = {"both": "the model", "1": "expert 1 alone", "2": "expert 2 alone"}
"""Whose answers are shown."""


def spoken(evaluation: Evaluation, who: str) -> Evaluation:
    """The answers of one of WHO."""
    return evaluation if who == "both" else evaluation.by_expert(int(who) - 1)


def spoken_for(who: Any) -> str:
    """One of WHO, as it is. Anybody can send anything, so it may be refused."""
    if not isinstance(who, str) or who not in WHO:
        raise gr.Error(f"Expected one of {', '.join(WHO)}.", print_exception=False)
    return who


def answers(models: HasEvaluations, key: str, who: str = "both") -> Evaluation:
    """The answers of one of WHO. Raises gr.Error for a model that does not exist or was not tested."""
    with told():
        evaluation = models.evaluation(key)
    if evaluation is None:
        raise gr.Error("There are no test results of this model that can be read.", print_exception=False)
    return spoken(evaluation, spoken_for(who))


def turn_to(
    evaluation: Evaluation,
    selection: Selection,
    pictures: HasPictures,
    first: int = 0,
    *,
    size: int,
    title: str | None = None,
) -> Page:
    """The page of `size` pictures that begins with the one in place `first` of those that are here; the last page when
    there are fewer. Without a title, the selection speaks for itself."""
    more = _share(evaluation, selection) if title is None else ""
    title = selection.words(evaluation) if title is None else title
    total = len(selection.cell(evaluation))
    return lay_out(
        evaluation, selection, selection.find(evaluation), pictures, first, size=size, total=total, title=title, more=more
    )


def lay_out(
    evaluation: Evaluation,
    selection: Selection,
    matching: np.ndarray,
    pictures: HasPictures,
    first: int = 0,
    *,
    size: int,
    total: int,
    title: str,
    more: str = "",
) -> Page:
    """The same for pictures that were found already: `matching` of `total`, in their order."""
    here = pictures.available(matching.tolist())
    first = min(first, max(0, len(here) - 1) // size * size)
    indices = here[first : first + size]
    return Page(
        evaluation=evaluation,
        selection=selection,
        title=title,
        more=more,
        total=total,
        matching=len(matching),
        here=len(here),
        first=first,
        indices=indices,
        pixels=[pixels for pixels in map(pictures.get, indices) if pixels is not None],
    )


def place(event: gr.EventData, gallery: PictureGallery) -> int:
    """The first picture of the page that a `turn` asks for. Anybody can send one by hand, so it may be refused."""
    first = whole(event, "first")
    if first is None or first < 0 or first % gallery.page_size:
        raise gr.Error(f"Expected the first picture of a page, a multiple of {gallery.page_size}.", print_exception=False)
    return first


def _share(evaluation: Evaluation, selection: Selection) -> str:
    """The share that the title's counts make, with its interval; of a whole row or column, the share that is right."""
    counts = evaluation.confusion
    if ALL in (selection.real, selection.said):
        count = sum(int(counts[k, k]) for k in set(selection.real) & set(selection.said))
        total, word = int(counts[np.ix_(selection.real, selection.said)].sum()), " right"
    else:
        count, total, word = len(selection.cell(evaluation)), int(counts[list(selection.real)].sum()), ""
    if total == 0:
        return ""
    low, high = wilson(count, total)
    return f"{percent(count / total)}{word}; 95 % interval {100 * low:.1f} to {100 * high:.1f} %."
