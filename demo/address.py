"""What the address of the page holds, and what the browser's Back button does: JavaScript for `demo.interface`.

A link leads to the open tab and the model, a reload comes back to them. The Confusion matrix tab adds its cell by itself.
"""

from __future__ import annotations

# Tabs report themselves while the page is being drawn, too, which must not change the address before it is read.
_OPEN = """() => {
  const tabs = %s;
  const named = () => new URLSearchParams(window.location.search).get('tab');
  document.body.dataset.opened = '';
  window.addEventListener('popstate', ({ state }) => {
    // The model is one for all tabs, and going back does not change it.
    const address = new URL(window.location);
    const { run } = document.body.dataset;
    if (run) address.searchParams.set('run', run);
    else if (run === '') address.searchParams.delete('run');
    window.history.replaceState(state, '', address);
    if (tabs.includes(named())) document.querySelector(`#dc-tabs [role="tab"][data-tab-id="${named()}"]`)?.click();
    if (state?.left) (%s)(state.left);
  });
  return { __type__: 'update', selected: tabs.includes(named()) ? named() : '%s' };
}"""
_REMEMBER = """() => {
  if (!('opened' in document.body.dataset)) return;
  const address = new URL(window.location);
  address.searchParams.set('tab', '%s');
  window.history.replaceState(window.history.state, '', address);
}"""
_REMEMBER_MODEL = """(key) => {
  const address = new URL(window.location);
  if (key === '%s') address.searchParams.delete('run');
  else address.searchParams.set('run', key);
  document.body.dataset.run = address.searchParams.get('run') || '';
  window.history.replaceState(window.history.state, '', address);
}"""
# The picture with this number gets the focus once it is on the screen again, which takes an answer of the server when
# another cell is drawn. Whoever goes on meanwhile is left in peace.
_FOCUS = """(index) => {
  let tries = 30;
  const stop = () => { tries = 0; };
  for (const name of ['keydown', 'pointerdown']) window.addEventListener(name, stop, { once: true });
  const look = () => {
    if (tries-- <= 0) return;
    const all = [...document.querySelectorAll(`#dc-confusion [data-index="${Number(index)}"]`)];
    const here = all.filter((made) => made.offsetWidth);
    if (here.length) (here.find((made) => made.tabIndex === 0) || here[0]).focus();
    else setTimeout(look, 100);
  };
  setTimeout(look, 300);
}"""
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
  (%s)(opened.index);
  return { __type__: 'update', selected: 'confusion' };
}""" % _FOCUS  # fmt: skip  # noqa: UP031
"""Leads back from an `Opened` picture without that button; the tab is as it was left."""


def open_tab(tabs: list[str], first: str) -> str:
    """Opens the tab that the address names, `first` when it names none of `tabs`, and follows the browser's Back button."""
    return _OPEN % (tabs, _FOCUS, first)


def remember_tab(tab: str) -> str:
    return _REMEMBER % tab


def remember_model(bundled: str) -> str:
    """Every model but the bundled one is in the address."""
    return _REMEMBER_MODEL % bundled
