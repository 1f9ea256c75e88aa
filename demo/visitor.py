"""Who is at the page: a random token that the visitor's browser keeps, and the server's owner's, once it was typed there.

Only a browser that shows a run's token, or the server's owner's, may stop, rename or delete it. Tokens are never in the
address, and the server keeps only the hashes of visitors'. What the server's owner starts is their browser's as well: they
may stop it once they have let the page forget who they are.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.context import Context
from gradio.events import Dependency

from diclam.tokens import MAX_TOKEN, has_admin, hashed, is_admin

SECONDS_A_GUESS = 1.0
"""That a wrong token of the server's owner takes."""
GUESSES, MINUTE = 60, 60.0
"""How many different wrong ones are looked at in so many seconds, of all visitors together."""


@dataclass(frozen=True)
class Visitor:
    """What listeners need to know of the visitor."""

    tokens: gr.JSON
    """As the browser sent them: for `token`, and for nothing else."""
    typed: gr.Textbox
    """The token of the server's owner."""
    enter: gr.Button
    leave: gr.Button
    turned: list[Dependency]
    """After these the tokens are others, as the server's owner came or went."""


def build() -> Visitor:
    """Builds the invisible part, and the field for the server's owner, if this server has one, in the current Blocks.
    Raises ConfigError when DICLAM_ADMIN_TOKEN is no possible secret."""
    tokens = gr.JSON(visible=False)
    with gr.Accordion("For the owner of this server", open=False, visible=has_admin(), elem_id="dc-admin"):
        typed = gr.Textbox(
            label="Owner's token", type="password", max_length=MAX_TOKEN, elem_id="dc-admin-token",
            info="What DICLAM_ADMIN_TOKEN holds. With it every run can be stopped, renamed and deleted.",
        )  # fmt: skip
        with gr.Row():
            enter = gr.Button("Use it", size="md", min_width=100, elem_id="dc-admin-enter")
            leave = gr.Button("Forget it", size="md", min_width=100, elem_id="dc-admin-leave")
    page = Context.root_block
    assert page is not None, "it is built inside a page"
    page.load(None, None, tokens, js=TOKENS, api_visibility="private")
    turned = []
    for happening in (enter.click, typed.submit):
        checked = happening(  # Who guesses, and waits, keeps nobody else waiting.
            _checked, typed, None, concurrency_limit=None, show_progress="hidden", api_visibility="private"
        )
        turned.append(checked.success(None, typed, [tokens, typed], js=_ENTER, api_visibility="private"))
    turned.append(leave.click(None, None, tokens, js=_LEAVE, api_visibility="private"))
    return Visitor(tokens, typed, enter, leave, turned)


def token(tokens: Any) -> str:
    """What to show `diclam.ledger.Ledger`: the owner's token where it is the right one, else the visitor's own; '' for
    anything that is none."""
    admin = tokens.get("admin") if isinstance(tokens, dict) else None
    return admin if isinstance(admin, str) and _guesses.right(admin) else own(tokens)


def own(tokens: Any) -> str:
    """The visitor's own token: what they start and bring is theirs, the server's owner's as well. '' without one."""
    found = tokens.get("own") if isinstance(tokens, dict) else None
    return found if isinstance(found, str) else ""


class Guesses:
    """Anybody can send guesses by hand, many at a time. Who was right once is not kept waiting by others' wrong ones."""

    def __init__(self) -> None:
        self._right: set[str] = set()
        self._wrong: dict[str, float] = {}
        """Hashes of the wrong ones, and when each was first tried. A page that holds an old one shows it again and again."""
        self._lock = threading.Lock()

    def right(self, token: object) -> bool:
        """Whether this is the server's owner's token; no, too, when too many wrong ones came just before."""
        mark, now = hashed(token), time.monotonic()
        with self._lock:
            self._wrong = {wrong: at for wrong, at in self._wrong.items() if now - at < MINUTE}
            if len(self._wrong) >= GUESSES and mark not in self._right and mark not in self._wrong:
                return False
            if is_admin(token):
                self._right.add(mark)
                return True
            if mark:
                self._wrong.setdefault(mark, now)
            return False


_guesses = Guesses()


async def _checked(typed: Any) -> None:
    if not _guesses.right(typed):
        await asyncio.sleep(SECONDS_A_GUESS)
        raise gr.Error("This is not the token that DICLAM_ADMIN_TOKEN holds.", print_exception=False)
    gr.Info("Every run can be changed from this browser now.")


_KEEP = """
  const key = 'diclam-visitor';
  let kept = window.dcVisitor;  // where a browser keeps nothing, at least as long as the page is open
  try { kept = JSON.parse(localStorage.getItem(key)) ?? kept; } catch {}
  if (!/^[0-9a-f]{32}$/.test(kept?.own)) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    kept = { own: Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('') };
  }
  CHANGE
  window.dcVisitor = kept;
  try { localStorage.setItem(key, JSON.stringify(kept)); } catch {}
"""
TOKENS = f"() => {{{_KEEP.replace('CHANGE', '')} return kept; }}"
"""Gives a visitor's tokens, made now on the first visit, as the one input of a listener."""
_ENTER = f"(typed) => {{{_KEEP.replace('CHANGE', 'kept.admin = typed;')} return [kept, '']; }}"
_LEAVE = f"() => {{{_KEEP.replace('CHANGE', 'delete kept.admin;')} return kept; }}"
