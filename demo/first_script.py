"""A script that runs before any of Gradio's: what `launch(head=...)` takes comes when Gradio has begun already."""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = f"<script>{Path(__file__).with_suffix('.js').read_text(encoding='utf-8')}</script>".encode()
HEAD = b"<head>"


class FirstScript:
    """Puts the script at the beginning of the head of a page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = False

        async def put(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                page = headers.get("content-type", "").startswith("text/html")
                if page and "content-length" in headers:
                    del headers["content-length"]
            elif page and HEAD in message.get("body", b""):
                message["body"] = message["body"].replace(HEAD, HEAD + SCRIPT, 1)
                page = False
            await send(message)

        await self.app(scope, receive, put if scope["type"] == "http" else send)
