"""The Train tab in a real browser, and how long it takes to do what a visitor asks for, by the browser's own clock."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.confusion import SECONDS
from demo.queue_panel import START
from diclam.command import train_command
from diclam.recipe import TrainConfig

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOOK = 3.0
"""Seconds that a visitor looks at the page before the next click; what it had asked for has come then."""
# In the page: the run whose points the loss figure shows, and a wait that looks at each frame.
_SCRIPT = f"""
window.lab = {{
  drawn() {{
    const plot = document.querySelector('#dc-loss .js-plotly-plot');
    const points = (plot?.data ?? []).reduce((sum, trace) => sum + (trace.x?.length ?? 0), 0);
    return points && plot.offsetWidth ? plot.layout.uirevision : '';
  }},
  async until(found, what) {{
    for (const limit = performance.now() + {1000 * SECONDS}; performance.now() < limit;) {{
      await new Promise(requestAnimationFrame);
      const value = found();
      if (value) return value;
    }}
    throw new Error(`${{what}} did not come; the page says: ${{document.querySelector('#dc-run')?.innerText}}`);
  }},
}};
"""
_READY = """([command, start]) => lab.until(() => {
  const button = document.querySelector('#dc-start');
  const same = document.querySelector('#dc-command code')?.textContent === command;
  return same && button?.textContent.trim() === start && !button.disabled && document.querySelector('#dc-loss .main-svg');
}, 'A form with these settings').then(() => null)"""
_PRESS_START = """async () => {
  const [before, pressed] = [lab.drawn(), performance.now()];
  document.querySelector('#dc-start').click();
  const run = await lab.until(() => lab.drawn() !== before && lab.drawn(), 'The first point');
  return [run, (performance.now() - pressed) / 1000];
}"""
# The clock of a page starts with its navigation.
_BACK = """(run) => lab.until(
  () => lab.drawn() === run && document.querySelector('#dc-run').innerText.includes(run), 'The run'
).then(() => performance.now() / 1000)"""


class LabPage:
    """One page. What does not come within SECONDS raises Playwright's error, with what the page says of the run."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def start(self, url: str, config: TrainConfig) -> tuple[str, float]:
        """Opens the tab by a link with these settings and starts a run -> its name, and seconds from the click until its
        first point was drawn."""
        self._page.goto(f"{url}/?tab=train&recipe={config.recipe}&budget={config.budget:g}&seed={config.seed}")
        self._page.evaluate(_READY, [train_command(config), START])
        time.sleep(LOOK)
        name, seconds = self._page.evaluate(_PRESS_START)
        return name, seconds

    def reload(self, run: str) -> float:
        """-> seconds until the status and the curve of this run are there again"""
        self._page.reload(wait_until="commit")
        return self._page.evaluate(_BACK, run)

    def stop(self) -> None:
        """Presses Stop, and does not wait."""
        self._page.evaluate("document.querySelector('#dc-stop').click()")

    def leave(self) -> None:
        """Closes the page; the window stays."""
        self._page.goto("about:blank")


@contextmanager
def browser() -> Iterator[LabPage]:
    """A window of Chromium with a profile of its own on the disk: as a visitor's browser, it keeps the scripts that it has
    loaded once, compiled. Ends the program when there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("Playwright is missing; `pip install -r requirements-dev.txt` brings it.")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("Chromium is missing; on Debian: apt-get install chromium")
    # What Chromium writes as it ends may come while its profile is being removed.
    with sync_playwright() as playwright, TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chromium = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=["--no-sandbox"], viewport={"width": 1280, "height": 900}
        )
        (page,) = chromium.pages
        page.set_default_timeout(1000 * SECONDS)
        page.add_init_script(_SCRIPT)
        yield LabPage(page)
        chromium.close()
