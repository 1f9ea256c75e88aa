"""The network as a drawing that can be read out: one line a layer, each as high and wide as what it hands on."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from demo.components.part import Part
from diclam.blocks import LightMHA, LightMoE
from diclam.layers import LayerRow
from diclam.model import DiCLAM

# Pixels a box is high for each pixel of its feature map, and wide for each doubling of its channels.
HEIGHT, WIDTH, THIN = 1.5, 7.0, 3.0
PARTS = {
    "stem": ("Stem", "finds first features, then halves the picture"),
    "block1": ("Block 1", "lets every position take information from all others"),
    "block2": ("Block 2", "mixes the answers of two experts"),
    "block3": ("Block 3", "halves it once more, then averages it to 2 x 2"),
    "classifier": ("Classifier", "gives each of the ten classes a score"),
}


def drawn(model: DiCLAM) -> dict[str, Any]:
    """The parts of the network from the first to the last, with their layers; everything is counted on `model` itself."""
    rows = model.layers()
    total = sum(p.numel() for p in model.parameters())
    parts = []
    for part, (title, purpose) in PARTS.items():
        modules = model.get_submodule(part).children()
        layers = [
            {**_layer(row), **_inside(module)}
            for row, module in zip([row for row in rows if row.part == part], modules, strict=True)
        ]
        count = sum(row.parameters for row in rows if row.part == part)
        parts.append(
            {
                "title": title,
                "purpose": purpose,
                "layers": layers,
                "parameters": f"{count:,}",
                "share": round(100 * count / total, 2),
                "percent": f"{100 * count / total:.0f} %",
            }
        )
    return {"parts": parts, "total": f"{total:,}"}


def _layer(row: LayerRow) -> dict[str, Any]:
    channels, *sides = (int(length) for length in row.output.split(" x "))
    return {
        "text": row.layer,
        "output": row.output,
        "parameters": f"{row.parameters:,}" if row.parameters else "",
        "width": round(WIDTH * math.log2(channels), 1),
        "height": max(THIN, HEIGHT * sides[0]) if sides else THIN,
    }


def _inside(module: nn.Module) -> dict[str, Any]:
    """What the two layers that this network is named for consist of."""
    match module:
        case LightMHA():
            channels = module.query.in_channels
            return {
                "attention": {
                    "heads": module.heads,
                    "each": channels // module.heads,
                    "convolution": _words(module.query),
                }
            }
        case LightMoE():
            return {
                "experts": [
                    {"name": f"expert {number}", "kind": kind, "text": ", ".join(map(_words, expert.children()))}
                    for number, kind, expert in zip((1, 2), ("one", "two"), module.experts, strict=True)
                ],
                "gate": f"average of each channel, {_words(module.router.gate)}, softmax",
            }
        case _:
            return {}


def _words(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return f"{module.kernel_size[0]}x{module.kernel_size[1]} conv {module.in_channels}->{module.out_channels}"
    return type(module).__name__


class NetworkDrawing(Part):
    """Value: what `drawn` makes of a network."""

    def __init__(self, value: dict[str, Any], **options: Any) -> None:
        super().__init__(
            value=value,
            html_template=_TEMPLATE,
            **options,
        )


_TEMPLATE = """
<div class="nd">
  <p class="nd-end"><i class="nd-box" style="width:11px;height:48px" aria-hidden="true"></i>
    <span>the picture: 3 x 32 x 32</span></p>
  {{#each value.parts}}
    <section>
      <header>
        <h3>{{this.title}} <small>{{this.purpose}}</small></h3>
        <p>{{this.parameters}} parameters, {{this.percent}}</p>
        <div class="nd-share" aria-hidden="true"><i style="width:{{this.share}}%"></i></div>
      </header>
      <ol>
        {{#each this.layers}}
          <li>
            <span class="nd-place" aria-hidden="true"><i class="nd-box"
              style="width:{{this.width}}px;height:{{this.height}}px"></i></span>
            <span class="nd-text">{{this.text}}</span>
            <span class="nd-output"><span class="nd-spoken">, gives </span>{{this.output}}</span>
            <span class="nd-count">{{#if this.parameters}}<span class="nd-spoken">, </span>{{this.parameters}}<span
              class="nd-spoken"> parameters</span>{{/if}}</span>
            {{#if this.attention}}
              <ul class="nd-inside">
                <li>query, key and value: a {{this.attention.convolution}} each</li>
                <li>{{this.attention.heads}} heads of {{this.attention.each}} channels: each lets every position weigh all
                  others in its own way</li>
                <li>plus the input, BatchNorm</li>
              </ul>
            {{/if}}
            {{#if this.experts}}
              <ul class="nd-inside">
                {{#each this.experts}}<li class="nd-{{this.kind}}"><b>{{this.name}}</b>: {{this.text}}</li>{{/each}}
                <li>gate, one weight an expert: {{this.gate}}</li>
                <li>the weighted sum of both, plus the input, BatchNorm</li>
              </ul>
            {{/if}}
          </li>
        {{/each}}
      </ol>
    </section>
  {{/each}}
  <p class="nd-total">all parts: <b>{{value.total}} parameters</b></p>
</div>
"""
