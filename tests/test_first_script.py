"""Only pages get the script, once, before all other scripts of theirs."""

from __future__ import annotations

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.testclient import TestClient

from demo.first_script import SCRIPT, FirstScript


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (HTMLResponse("<html><head><script></script></head><p>&lt;head></p></html>"), b"<html><head>SCRIPT<script>"),
        (HTMLResponse("<head></head><pre><head></pre>"), b"<head>SCRIPT</head><pre><head></pre>"),
        (HTMLResponse("<p>no head</p>"), b"<p>no head</p>"),
        (JSONResponse({"text": "<head>"}), b'{"text":"<head>"}'),
        (Response(b"\xff<head>", media_type="application/octet-stream"), b"\xff<head>"),
    ],
)
def test_a_page_begins_with_it_and_nothing_else_does(response: Response, expected: bytes) -> None:
    content = TestClient(FirstScript(response)).get("/").content
    assert content.startswith(expected.replace(b"SCRIPT", SCRIPT))
    assert content.count(SCRIPT) == expected.count(b"SCRIPT")
