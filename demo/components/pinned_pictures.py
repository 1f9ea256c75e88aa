"""Pinned pictures: what a network says of them while it learns, and afterwards every moment again on one slider."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.components.part import Part
from diclam.data import CLASSES
from diclam.draw import CIVIDIS, EXPERTS, percent
from diclam.events import Validated
from diclam.explain import EVEN, STEPS, to_byte
from diclam.snapshots import Album, Snapshot
from diclam.terminal import clock

# All snapshots travel once, in no more bytes than this; of more, evenly spread ones go.
BYTES = 130_000
# A map travels as one letter a position: 64 steps of 9 % from 1/16 to 15 times an even share, from the letter '0' on.
LETTER, LOWEST, STEP = ord("0"), 64, 2
REACH = 4.0
"""Maps are drawn from 1/4 to 4 times an even share. The mean over all positions is flatter than the map of one."""


@dataclass(frozen=True)
class Moments:
    """What the part shows of one run."""

    run: str
    album: Album
    """With one snapshot at least."""
    looks: Sequence[Validated]
    """The validations that kept their matrix; none while the run goes on."""
    done: bool
    """Whether the run is over: all its moments are shown, else the newest one."""
    again: bool
    """Whether the page has the pictures of this run already."""


class PinnedPictures(Part):
    """Value: `Moments`; a sentence, when there are none; or None for nothing. `missing` asks for the pictures, when a value
    without them came to a page that has none. Moving through the moments asks the server nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            names=list(CLASSES),
            palette=list(CIVIDIS),
            experts=[f"var(--dc-{name})" for name in ("blue", "orange")] + list(EXPERTS[2:]),
            letter=LETTER,
            even=(EVEN - LOWEST) / STEP,
            steps=STEPS / STEP,
            reach=REACH,
            **options,
        )

    def postprocess(self, value: Moments | str | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None or isinstance(value, str):
            return None if value is None else {"note": value}
        pinned = value.album.pinned
        kept = value.album.snapshots if value.done else value.album.snapshots[-1:]
        moments = [_moment(snapshot, heads=value.done) for snapshot in kept]
        places = _affordable(moments)
        looks = [nearest(value.looks, kept[place]) for place in places]
        told = [look for look in value.looks if look in looks]
        return {
            "run": value.run,
            "done": value.done,
            "pictures": None if value.again else base64.b64encode(pinned.images.tobytes()).decode(),
            "labels": list(pinned.labels),
            "words": _words(len(pinned.labels), pinned.held_out),
            "moments": [
                moments[place] | {"look": None if look is None else told.index(look)}
                for place, look in zip(places, looks, strict=True)
            ],
            "looks": [_look(look) for look in told],
        }

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def nearest(looks: Sequence[Validated], snapshot: Snapshot) -> Validated | None:
    """The validation whose matrix belongs to a snapshot: for the weights that are kept, the best one; else the nearest in
    time, which is None while there is none."""
    if snapshot.kept:
        best = [look for look in looks if look.best]
        return best[-1] if best else None
    return min(looks, key=lambda look: abs(look.seconds - snapshot.seconds), default=None)


def when(snapshot: Snapshot) -> str:
    """The moment, in words."""
    if snapshot.kept:
        return "with the weights that were kept"
    return "before the first step" if snapshot.step == 0 else f"after {_time(snapshot.seconds)}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 99.5 else f"{clock(seconds)} minutes"


def _moment(snapshot: Snapshot, *, heads: bool) -> dict[str, Any]:
    """One snapshot for the page; probabilities and gates in thousandths, the maps of each head or their mean."""
    maps = snapshot.attention
    if not heads and maps.shape[1] > 1:
        keys = maps.shape[2] * maps.shape[3]
        weights = (2.0 ** ((maps.astype(np.float32) - EVEN) / STEPS)).mean(1, keepdims=True) / keys
        maps = to_byte(weights.reshape(len(maps), 1, keys)).reshape(len(maps), 1, *maps.shape[2:])
    letters = ((maps.astype(int) - LOWEST) // STEP).clip(0, 63) + LETTER
    return {
        "when": when(snapshot),
        "seconds": round(snapshot.seconds, 2),
        "epoch": round(snapshot.epoch, 4),
        "said": (1000 * snapshot.probabilities).round().astype(int).tolist(),
        "gates": (1000 * snapshot.gates).round().astype(int).tolist(),
        "heads": maps.shape[1],
        "grid": list(maps.shape[2:]),
        "maps": letters.astype(np.uint8).tobytes().decode("ascii"),
    }


def _affordable(moments: Sequence[dict[str, Any]]) -> list[int]:
    """The places of those that travel: the first, the last, and evenly spread ones between."""
    size = max(len(json.dumps(moment)) for moment in moments)
    count = min(len(moments), max(2, BYTES // size))
    return sorted({round(float(place)) for place in np.linspace(0, len(moments) - 1, count)})


def _look(look: Validated) -> dict[str, Any]:
    return {
        "words": f"Validation after {_time(look.seconds)}: {percent(look.accuracy)} right.",
        "counts": look.confusion,
    }


def _words(count: int, held_out: bool) -> str:
    if held_out:
        return f"{count} held-out pictures, which are never trained on; the same in every run, so that runs can be compared."
    return f"{count} training pictures, as this run holds none out: what it says of them it may know by heart."


_TEMPLATE = """
<section class="pp" hidden aria-labelledby="pp-heading">
  <h2 id="pp-heading">Pinned pictures</h2>
  <p class="pp-note dc-quiet"></p>
  <div class="pp-body">
    <label class="pp-label"><input type="checkbox" role="switch" class="pp-switch">Show where attention took
      information from: one cell a position, the mean of all heads over all positions</label>
    <div class="pp-moments">
      <button type="button" class="pp-play" aria-pressed="false">▶ Play</button>
      <input type="range" class="pp-slider" min="0" step="1" aria-label="Moment of the run">
      <p class="pp-when"></p>
    </div>
    <div class="pp-strip" role="group" aria-label="Pinned pictures"></div>
    <div class="pp-detail">
      <div class="pp-maps"></div>
      <table class="pp-bars"><tbody></tbody></table>
      <figure class="pp-matrix"><table></table><figcaption></figcaption></figure>
    </div>
    <div class="pp-legend">
      <span>1/4 of an even share or less</span><i aria-hidden="true"></i><span>4 times or more</span>
    </div>
    <p class="pp-spoken" aria-live="polite"></p>
  </div>
</section>
"""
