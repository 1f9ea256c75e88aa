"""What the address of the page holds, and what the browser's Back button does: calls of address.js for `demo.interface`.

A link leads to the open tab and what it shows, a reload comes back to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

HEAD = f"<script>{Path(__file__).with_suffix('.js').read_text(encoding='utf-8')}</script>"
"""Belongs into the page's head, as its parts tell what they show while they are drawn."""
LEAVE = """() => {
  const { history } = window;
  history.replaceState({ ...history.state, left: document.activeElement?.dataset.index }, '');
  history.pushState({ came: true }, '');
}"""
"""A picture of a gallery is opened: the browser's Back button leads back to it, with its cell in the address."""
# Once the other tab is on the screen. On a phone, a gallery is far below where that tab begins.
UP = """() => {
  setTimeout(() => document.querySelector('#dc-tabs [role="tablist"]')?.scrollIntoView({ block: 'nearest' }), 100);
}"""
"""What was opened begins at the top of its tab."""
BACK = """(opened) => {
  if (window.history.state?.came) {
    window.history.back();
    return { __type__: 'update' };
  }
  window.dcAddress.focus(opened.index);
  return { __type__: 'update', selected: 'confusion' };
}"""
"""Leads back from an `Opened` picture without that button; the tab is as it was left."""
BROUGHT = """(picture) => {
  if (picture) document.dispatchEvent(new CustomEvent('diclam', { detail: { did: 'brought' } }));
}"""
"""The visitor has brought a picture; one that was taken away is none."""
EMPTY = "(_, picture) => [!picture, null]"
"""Whether a picture is there, which the server need not get to know that."""
FILLED = """(names) => {
  window.dcAddress.leaveOut(names || []);
  window.dcAddress.filled();
}"""
"""The form holds what a link set; what it named in vain is taken out of the address."""


def open_tab(tabs: list[str], first: str) -> str:
    """Opens the tab that the address names, `first` when it names none of `tabs`, and follows the browser's Back button."""
    return f"() => ({{ __type__: 'update', selected: window.dcAddress.open({json.dumps(tabs)}, {json.dumps(first)}) }})"


def when_open(tab: str, seconds: float) -> str:
    """Waits until this tab is open for the first time, so many seconds at the most -> true."""
    return f"async () => {{ await window.dcAddress.whenOpen({json.dumps(tab)}, {1000 * seconds:g}); return true; }}"


def remember_tab(tab: str) -> str:
    return f"() => {{ window.dcAddress.tab({json.dumps(tab)}); }}"


def remember_model(bundled: str) -> str:
    """Every model but the bundled one is in the address."""
    return f"(key) => {{ window.dcAddress.model(key === {json.dumps(bundled)} ? '' : key); }}"


def remember_settings(defaults: Mapping[str, object], usual: Mapping[str, Mapping[str, object]]) -> str:
    """What the form is set to, the recipe first, is in the address where it is something else than in `defaults`, and then
    in what is `usual` for that recipe."""
    return f"""(...values) => {{
  const defaults = {{ ...{json.dumps(defaults)}, ...({json.dumps(usual)})[values[0]] }};
  const names = Object.keys(defaults);
  const told = (name, i) => (values[i] === defaults[name] || values[i] == null ? '' : String(values[i]));
  window.dcAddress.settings(Object.fromEntries(names.map((name, i) => [name, told(name, i)])));
}}"""
