"""The guided lesson: six things to do with the real page, each told by a card that points at where it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gradio.events import Dependency

from demo.components.lesson_cards import LessonCards
from demo.train_form import Form


@dataclass(frozen=True)
class Card:
    """One thing to do. What the visitor has to have done, by the page's own events, is in lesson_cards.js under `key`."""

    key: str
    tab: str
    points: tuple[str, ...]
    """Where it is done: the last of these selectors that finds something on the screen."""
    shows: tuple[str, ...]
    """What stays of the tab when the lesson is all there is."""
    title: str
    words: str
    done: str
    """What is said once it was done."""


ANSWER = ("#dc-bring", "#dc-sentence", "#dc-seen", "#dc-bars")
TRAINING = ("#dc-train-form", "#dc-run", "#dc-queue", "#dc-curves")
GOING_ON = "body:has(#dc-run .rs-progress:not([hidden]))"
TWO_RUNS = "body:has(#dc-runs-table tbody tr + tr)"
CARDS = (
    Card(
        "watch", "train", ("#dc-start", f"{GOING_ON} #dc-curves"), TRAINING,
        "Watch it learn",
        "Press Start; if you have to wait for others, Watch the run that is going on meanwhile. The network begins with "
        "random weights. Now and then it answers pictures that it does not learn from: wait for the second of these points "
        "in the right figure.",
        "It learns. Guessing would be right for one picture in ten.",
    ),
    Card(
        "bring", "classify", ("#dc-picture",), ANSWER,
        "Bring a picture",
        "Drop, paste, upload or photograph anything. The square chooses what counts; beside it are the 32 x 32 pixels that "
        "the network sees.",
        "That is all it saw, and ten classes are all it knows: whatever you bring, it answers with one of them.",
    ),
    Card(
        "wrong", "confusion", ("#dc-grid",), ("#dc-grid", "#dc-gallery"),
        "Find a wrong answer",
        "A row is what pictures really are, a column what the model said. Open a number beside the diagonal, or a picture "
        "with a ✗.",
        "Look at the pictures: some mistakes are easy to forgive at this size.",
    ),
    Card(
        "attention", "classify", ("#dc-attention",), ("#dc-sentence", "#dc-attention-words", "#dc-attention", "#dc-caveat"),
        "Move the attention",
        "Click or drag in the picture, or use the arrow keys: the maps show from where a position took information.",
        "Much attention is no proof of importance. Below each map is what changes when that head is switched off.",
    ),
    Card(
        "fade", "classify", ("#dc-fader",), ("#dc-sentence", "#dc-experts", "#dc-fader-words", "#dc-fader"),
        "Fade the experts",
        "Two experts answer together, and a gate weighs them. Move the slider from one to the other.",
        "Where the answer turns, the mixture decides. Where it stays, the experts agree.",
    ),
    Card(
        "compare", "train", ("#dc-train-form", f"{TWO_RUNS} #dc-runs-table", f"{GOING_ON} #dc-curves"),
        (*TRAINING, "#dc-runs"),
        "Change one setting and compare",
        "Note how accurate the last run was. Change one thing in the form, start again, and watch the curve. Or tick two "
        "runs in the table: their curves come to lie over each other.",
        "Another seed alone changes a run a little, too: mind that before you believe a small difference.",
    ),
)  # fmt: skip
ASKED = """(...settings) => {
  document.dispatchEvent(new CustomEvent('diclam', { detail: { did: 'asked', settings: JSON.stringify(settings) } }));
}"""


def build() -> LessonCards:
    """Builds the cards in the current Blocks; they show nothing until a visitor asks for them, or a link does."""
    return LessonCards([asdict(card) for card in CARDS], elem_id="dc-lesson")


def wire(form: Form, begun: Dependency) -> None:
    """The cards learn with which settings a run was asked for, unless it was refused. That it began they see."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    settings = [*form.settings, *form.more]
    begun.success(None, settings, None, js=ASKED, **quiet)  # pyright: ignore[reportAttributeAccessIssue]
