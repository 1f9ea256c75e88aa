"""The cards of the guided lesson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from demo.components.part import Part


class LessonCards(Part):
    """`cards` as `demo.lesson.Card` describes them. It marks what a card points at with `data-lesson="here"`, and, where the
    address says `lesson=1`, all else of the tab with `data-lesson="aside"`; how these look is in lesson.css. What a visitor
    has done comes from the page's 'diclam' events, and is kept in the browser alone."""

    def __init__(self, cards: Sequence[dict[str, Any]], **options: Any) -> None:
        super().__init__(html_template=_TEMPLATE, cards=list(cards), **options)


_TEMPLATE = """
<section class="lc" aria-label="Lesson" hidden>
  <div class="lc-top">
    <ol class="lc-steps" aria-label="Cards"></ol>
    <button type="button" class="lc-leave">Leave the lesson</button>
  </div>
  <h2 tabindex="-1"></h2>
  <p class="lc-words"></p>
  <p class="lc-done" role="status"></p>
  <div class="lc-buttons">
    <button type="button" class="lc-back">Back</button>
    <button type="button" class="lc-next"></button>
    <button type="button" class="lc-show">Show me</button>
    <button type="button" class="lc-again">Start again</button>
  </div>
</section>
"""
