"""What is at hand in every tab: a link to what is on the screen, and the lesson."""

from __future__ import annotations

from typing import Any

from demo.components.part import Part


class PageTools(Part):
    """Copies the address, which holds what is on the screen, and asks for the lesson: `happened('lesson')`. Where the
    browser does not let a page copy, as over plain HTTP, the address is selected to be copied by hand."""

    def __init__(self, **options: Any) -> None:
        super().__init__(html_template=_TEMPLATE, **options)


_TEMPLATE = """
<div class="pt">
  <button type="button" class="pt-link">Copy link</button>
  <button type="button" class="pt-lesson">Lesson</button>
  <input type="text" readonly hidden aria-label="The link to what is on the screen">
  <p role="status"></p>
</div>
"""
