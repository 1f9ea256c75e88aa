"""All runs in a table: sorted by any column, opened, laid over each other, named, kept, taken home and thrown away."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from demo.components.part import Part
from diclam.summaries import Summary

MOST = 5
"""Runs that can be laid over each other."""


@dataclass(frozen=True)
class Row(Summary):
    """One run, and what people said of it."""

    title: str
    """As a visitor typed it, or its name."""
    note: str
    """More about it in a few words; '' for nothing."""
    pinned: bool
    mine: bool
    """Whether this visitor may change it."""
    resume: str
    """What the button says by which this visitor goes on with it; '' where nothing is left to do."""


@dataclass(frozen=True)
class Gone:
    """A run that was thrown away."""

    name: str
    title: str


@dataclass(frozen=True)
class Listed:
    """What the table shows."""

    rows: list[Row] = field(default_factory=list)
    """The newest first."""
    more: str = ""
    """A sentence on the runs that are not shown."""
    shown: str = ""
    """The name of the run that is open."""
    deleted: list[Gone] = field(default_factory=list)
    """What this visitor can have back, the newest last."""
    mark: str = ""
    """Differs with all of it but `shown`."""


class RunsTable(Part):
    """Value: a `Listed`.

    Events, each with the `name` of a run, which whoever listens must check, as must be who sends it: `open`; `retitle` with
    `title`; `keep` with `pinned`; `discard`, `restore` and `resume`; `take`, which downloads it. `overlay` brings `names`,
    up to MOST, and comes again every few seconds while one of them goes on. Sorting is the browser's, and so is what is
    ticked. The mark of what is shown is its attribute `data-listed`, so that a feed asks whether it is still true.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            most=MOST,
            **options,
        )

    def postprocess(self, value: Listed | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None if value is None else asdict(value)

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


_TEMPLATE = """
<div class="rt">
  <div class="rt-told" hidden><span role="status"></span> <button type="button" class="rt-undo">Undo</button></div>
  <div class="rt-act" role="group" aria-label="The run that is open" hidden>
    <span class="rt-which"></span>
    <span class="rt-buttons"><button type="button" class="rt-name">Rename</button><button type="button"
      class="rt-keep" aria-pressed="false">Pin</button><button type="button" class="rt-take">Download (zip)</button><button
      type="button" class="rt-discard">Delete</button></span>
    <form class="rt-form" hidden><input type="text" maxlength="60" aria-label="Title of this run"><button
      type="submit">Save</button><button type="button" class="rt-cancel">Cancel</button></form>
    <p class="rt-why" hidden></p>
  </div>
  <p class="rt-none" tabindex="-1" hidden>No run has been kept here yet.</p>
  <table class="rt-table" role="table" aria-label="Runs" hidden>
    <thead role="rowgroup"><tr role="row"></tr></thead><tbody role="rowgroup"></tbody>
  </table>
  <p class="rt-more" hidden></p>
</div>
"""
