"""Two classes that are mixed up: both directions, the gates of both, and the pictures nearest to the border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.components.pair_list import PairHead, PairList, PairOf
from demo.components.payload import whole
from demo.components.picture_gallery import PictureGallery
from demo.pages import AT_ONCE, HasEvaluations, HasPictures, answers, place, turn_to
from diclam.confusion import Pair, called
from diclam.data import CLASSES
from diclam.evaluate import Evaluation
from diclam.selection import Selection

PAGE = 15
LABELS = ("One way", "The other way", "Nearest to the border")


@dataclass(frozen=True)
class PairSection:
    """What the tab around it needs."""

    galleries: list[PictureGallery]
    pair: gr.State
    """(first, second) numbers of classes, or None."""
    outputs: list[Any]
    """What the values of `drawn` go to, in their order."""


def build_list() -> PairList:
    return PairList(elem_id="dc-pairs")


def build(
    models: HasEvaluations, model_key: gr.Dropdown, who: gr.Radio, pictures: HasPictures, pairs: PairList
) -> PairSection:
    """The view of the pair that is chosen in `pairs`, empty until then."""
    with gr.Column(visible=False, elem_id="dc-pair") as column:
        head = PairHead(elem_id="dc-pair-head")
        with gr.Row():
            galleries = []
            for label in LABELS:
                with gr.Column(min_width=300):
                    galleries.append(PictureGallery(label, page_size=PAGE, controls=False))
    section = PairSection(galleries, gr.State(None), [column, head, *galleries])

    def choose(key: str, speaker: str, event: gr.EventData) -> tuple[Any, ...]:
        pair = _pair(event)
        return pair, *drawn(answers(models, key, speaker), pair, pictures)

    pairs.select(choose, [model_key, who], [section.pair, *section.outputs], **AT_ONCE).then(
        None, None, None, js=_SHOW, api_visibility="private"
    )

    def turn(which: int, gallery: PictureGallery) -> None:
        def page(key: str, speaker: str, pair: tuple[int, int] | None, event: gr.EventData) -> Any:
            if pair is None:
                raise gr.Error("Choose a pair of classes first.", print_exception=False)
            evaluation = answers(models, key, speaker)
            title, selection = views(evaluation, pair)[which]
            return turn_to(evaluation, selection, pictures, place(event, gallery), size=PAGE, title=title)

        gallery.turn(page, [model_key, who, section.pair], gallery, **AT_ONCE)

    for which, gallery in enumerate(galleries):
        turn(which, gallery)
    return section


def drawn(evaluation: Evaluation | None, pair: tuple[int, int] | None, pictures: HasPictures) -> tuple[Any, ...]:
    """The values of `PairSection.outputs`."""
    if evaluation is None or pair is None:
        return gr.Column(visible=False), None, *[None] * len(LABELS)
    pages = [
        turn_to(evaluation, selection, pictures, size=PAGE, title=title) for title, selection in views(evaluation, pair)
    ]
    return gr.Column(visible=True), PairOf(evaluation, counted(evaluation, pair)), *pages


def counted(evaluation: Evaluation, pair: tuple[int, int]) -> Pair:
    first, second = pair
    there, back = (int(evaluation.confusion[i, j]) for i, j in (pair, pair[::-1]))
    return Pair(first, second, there, back)


def views(evaluation: Evaluation, pair: tuple[int, int]) -> list[tuple[str, Selection]]:
    """A title and the pictures of each gallery, as in LABELS."""
    first, second = pair
    mixed = counted(evaluation, pair)
    there, back = called(mixed.there, first, second), called(mixed.back, second, first)
    border = f"Nearest to the border between {CLASSES[first]} and {CLASSES[second]}"
    return [
        (f"{there[0].upper()}{there[1:]}", Selection((first,), (second,))),
        (f"{back[0].upper()}{back[1:]}", Selection((second,), (first,))),
        (border, Selection(pair, pair, sort="closest call")),
    ]


_SHOW = "() => document.getElementById('dc-pair')?.scrollIntoView({block: 'nearest'})"


def _pair(event: gr.EventData) -> tuple[int, int]:
    first, second = whole(event, "first"), whole(event, "second")
    if first is None or second is None or first == second or not all(0 <= k < len(CLASSES) for k in (first, second)):
        raise gr.Error(f"Expected two different classes, numbers in 0 .. {len(CLASSES) - 1}.", print_exception=False)
    return first, second
