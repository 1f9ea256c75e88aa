"""Twelve pinned pictures of the run that is shown: the newest answers while it learns, every moment of it afterwards."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.components.pinned_pictures import Moments, PinnedPictures
from diclam import runs, snapshots
from diclam.errors import RunError
from diclam.runs import Run, Status

NONE = "This run kept nothing of its pinned pictures: it is from before runs did, or it ended before its first step."


def build() -> PinnedPictures:
    """Builds the section in the current Blocks, empty."""
    return PinnedPictures(elem_id="dc-pinned")


def wire(part: PinnedPictures, shown_run: gr.State) -> None:
    """A page that was sent no pictures with its answers gets them."""

    def whole(name: str) -> Moments | str | None:
        try:
            run = runs.find(name)
        except RunError:  # it is gone
            return None
        return moments(run, run.status(), again=False)

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    part.missing(whole, shown_run, part, **quiet)


def moments(run: Run, status: Status, *, again: bool) -> Moments | str | None:
    """What the section shows of a run; `again`: whether the page should have its pictures already."""
    album = snapshots.read(run.path)
    if album is None or not album.snapshots:
        return NONE if status.done else None
    looks = [look for look in status.validations if look.confusion] if status.done else []
    return Moments(run.name, album, looks, status.done, again)
