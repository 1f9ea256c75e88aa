"""Asks the server again and again whether there is news of what the page shows.

A `gr.Timer` would do the same by events. But at each event Gradio works on all of its outputs in the server, and in the
browser on all parts of the page that ever were an output, even where nothing is new; a run that trains misses that time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from demo.components.part import Part


@dataclass(frozen=True)
class News:
    """What is new."""

    known: dict[str, Any] | None = None
    """The value to ask with from now on; as before when None."""
    parts: dict[str, Any] = field(default_factory=dict)
    """What some parts show now, by elem_id: plain values, as their `postprocess` gives them."""
    more: bool = False
    """Whether there is something that only an event can change."""


@dataclass(frozen=True)
class Asked:
    """A question, from whoever sent it: each field may be anything."""

    known: Any
    """The value of the component."""
    run: Any
    """The name of the run that the page shows."""
    tokens: Any
    """As in `demo.visitor`."""
    listed: Any = None
    """The mark of what the table of runs shows, if there is one."""


class NewsFeed(Part):
    """Value: a plain dict, what the page knows; the page asks with it after `again` seconds, and not at all without them or
    while nobody looks at the page. Its `name`, if it has one, is that of the run that is shown.

    What is fed to a part reaches its script as the event `fed`, on an element with the attribute `data-fed`. `more` brings
    nothing: who listens finds out what is new.
    """

    def __init__(self, answer: Callable[[Asked], News | None], **options: Any) -> None:
        """`answer` gives None when nothing is new. What it raises is written to the log, and the page asks again."""

        def look(asked: Any) -> dict[str, Any] | None:
            found = asked if isinstance(asked, dict) else {}
            news = answer(Asked(*(found.get(name) for name in ("known", "run", "tokens", "listed"))))
            return None if news is None else asdict(news)

        self.answer = None  # Gradio sends the page what a component was made of, and this is the server's alone
        super().__init__(html_template="", visible="hidden", server_functions=[look], **options)

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
