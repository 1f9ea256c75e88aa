"""What is there when the app starts stays there."""

from __future__ import annotations

import gc


def settle() -> None:
    """Python looks now and then through all that a program holds for what nobody needs any more, and halts it meanwhile:
    half a second for this page with torch and Gradio. From now on it looks only through what comes later."""
    gc.collect()
    gc.freeze()
