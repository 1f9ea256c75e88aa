"""What all components of ours have in common."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import gradio as gr

# What a component's script may call; each gets what it calls.
_SHARED = {
    # Tells the page what a visitor did or sees, by a DOM event: the address and the lesson listen. Nothing of it goes to the
    # server.
    "happened": """const happened = (did, detail = {}) => {
  element.dispatchEvent(new CustomEvent('diclam', { bubbles: true, detail: { did, ...detail } }));
};
""",
    # Asks the server for something at a button's click, and not once more until an answer had its time. A refused one brings
    # no value: then the button counts again by itself. It is not disabled, as it would lose the focus.
    "once": """const once = (button, ask) => button.addEventListener('click', () => {
  if (button.ariaDisabled === 'true') return;
  button.setAttribute('aria-disabled', true);
  setTimeout(() => button.removeAttribute('aria-disabled'), 1500);
  ask();
});
""",
    # Where a key leads from a spot of a grid, within it; null for a key that leads nowhere.
    "stepped": """const stepped = ({ key, ctrlKey, metaKey, altKey }, { row, column }, rows, columns) => {
  const spots = {
    ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
    Home: [row, 0], End: [row, columns - 1], PageUp: [0, column], PageDown: [rows - 1, column],
  };
  if (!(key in spots) || ctrlKey || metaKey || altKey) return null;
  const within = (value, count) => Math.min(count - 1, Math.max(0, value));
  return { row: within(spots[key][0], rows), column: within(spots[key][1], columns) };
};
""",
}


class Part(gr.HTML):
    """An HTML component whose styles, and whose script if it has one, lie beside its module, under the module's name."""

    _config: dict[str, Any] | None = None

    def __init__(self, **options: Any) -> None:
        module = Path(inspect.getfile(type(self)))
        script = module.with_suffix(".js")
        own = script.read_text(encoding="utf-8") if script.is_file() else ""
        beside = {
            "css_template": module.with_suffix(".css").read_text(encoding="utf-8"),
            "js_on_load": "".join(code for name, code in _SHARED.items() if f"{name}(" in own) + own or None,
            "apply_default_css": False,
        }
        super().__init__(**(beside | options))

    def get_config(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What a page is sent of it. Gradio asks anew for every page that opens, and finds it out by inspection: a twentieth
        of a second for all parts together. Nothing of it changes once the page is built."""
        if self._config is None:
            self._config = super().get_config()
        return dict(self._config)
