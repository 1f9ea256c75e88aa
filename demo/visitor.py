"""Who is at the page: a random token that the visitor's browser keeps, and the server's owner's, once it was typed there.

Only a browser that shows a run's token may stop, rename or delete it. The token is never in the address, and the server
keeps only its hash.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.context import Context
from gradio.events import Dependency

from diclam.tokens import is_admin


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
    """Builds the invisible part, and the field for the server's owner, if this server has one, in the current Blocks."""
    tokens = gr.JSON(visible=False)
    with gr.Accordion(
        "For the owner of this server", open=False, visible=bool(os.environ.get("DICLAM_ADMIN_TOKEN")), elem_id="dc-admin"
    ):
        typed = gr.Textbox(
            label="Owner's token", type="password", max_length=200, elem_id="dc-admin-token",
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
        checked = happening(_checked, typed, None, show_progress="hidden", api_visibility="private")
        turned.append(checked.success(None, typed, [tokens, typed], js=_ENTER, api_visibility="private"))
    turned.append(leave.click(None, None, tokens, js=_LEAVE, api_visibility="private"))
    return Visitor(tokens, typed, enter, leave, turned)


def token(tokens: Any) -> str:
    """What to show `diclam.ledger.Ledger`: the owner's token where it is the right one, else the visitor's own; '' for
    anything that is none."""
    kept = tokens if isinstance(tokens, dict) else {}
    admin, own = kept.get("admin"), kept.get("own")
    if isinstance(admin, str) and is_admin(admin):
        return admin
    return own if isinstance(own, str) else ""


def _checked(typed: Any) -> None:
    if not is_admin(typed):
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
