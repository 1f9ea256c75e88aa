"""Example pictures as a strip of buttons, one group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from demo.components.part import Part
from diclam.draw import data_uri

THUMB = 96
"""Side of what is shown of a larger picture, in pixels: twice as much as on the screen, for fine ones."""


@dataclass(frozen=True)
class Group:
    """Pictures that are shown together."""

    title: str
    paths: Sequence[Path]
    credits: str = ""
    """Who made them, where that has to be said."""


class ExampleStrip(Part):
    """One button a picture, named as its file is. `select` brings `index`, its place in all groups together; whoever
    listens must check it, as anybody can send one."""

    def __init__(self, groups: Sequence[Group], **options: Any) -> None:
        shown, index = [], 0
        for number, group in enumerate(groups):
            pictures = [
                {"index": index + place, "name": path.stem, "src": _thumb(path)} for place, path in enumerate(group.paths)
            ]
            index += len(pictures)
            shown.append({"title": group.title, "credits": group.credits, "first": number == 0, "pictures": pictures})
        super().__init__(
            value=shown,
            html_template=_TEMPLATE,
            **options,
        )


def _thumb(path: Path) -> str:
    """A small picture as it is, a larger one as the square in its middle."""
    with Image.open(path) as image:
        if max(image.size) <= THUMB:
            return data_uri(image)
        return data_uri(ImageOps.fit(image, (THUMB, THUMB)), "JPEG")


_TEMPLATE = """
<div class="es">
  <div class="es-groups" role="group" aria-label="Which examples">
    {{#each value}}<button type="button" data-group="{{@index}}"
      aria-pressed="{{this.first}}">{{this.title}}</button>{{/each}}
  </div>
  {{#each value}}
    <div class="es-group" role="group" aria-label="{{this.title}}" {{#unless this.first}}hidden{{/unless}}>
      <div class="es-pictures">
        {{#each this.pictures}}
          <button type="button" data-index="{{this.index}}"><img src="{{this.src}}"
            alt=""><span>{{this.name}}</span></button>
        {{/each}}
      </div>
      {{#if this.credits}}<details><summary>Who took them</summary><p>{{this.credits}}</p></details>{{/if}}
    </div>
  {{/each}}
</div>
"""
