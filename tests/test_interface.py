"""The served page: nothing of the project, nor of the machine, can be read through it."""

from __future__ import annotations

import ast
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from demo.interface import build, launch_options

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    return build()


@pytest.fixture(scope="module")
def url(page: gr.Blocks) -> Iterator[str]:
    _, url, _ = page.launch(**launch_options(), prevent_thread_lock=True, quiet=True)
    yield url
    page.close(verbose=False)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize(
    "path",
    [
        "app.py", "README.md", "requirements.txt", "pyproject.toml", ".git/config", ".ci/run", "diclam/model.py",
        "demo/interface.py", "assets/bundled/model.safetensors", "/etc/passwd", "../../../etc/passwd",
        str(ROOT / "app.py"), str(ROOT / "demo" / "interface.py"), "http://127.0.0.1:1/x",
    ],
)  # fmt: skip
def test_no_file_can_be_read_through_the_server(url: str, path: str) -> None:
    for name in (path, urllib.parse.quote(path, safe="")):
        assert status(f"{url}gradio_api/file={name}") in (400, 403, 404)
        assert status(f"{url}file={name}") in (400, 403, 404)


def test_listens_on_loopback(url: str) -> None:
    assert urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost")


def test_the_page_answers(url: str) -> None:
    assert status(url) == 200


def test_analytics_are_off_and_the_queue_is_bounded(page: gr.Blocks) -> None:
    assert page.analytics_enabled is False
    assert page._queue.max_size is not None
    assert page._queue.max_size <= 100


def test_no_listener_is_advertised(page: gr.Blocks) -> None:
    shown = [fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"]
    assert not shown


def test_the_page_names_no_other_host() -> None:
    for path in (ROOT / "demo").rglob("*"):
        if path.suffix in (".js", ".css"):
            text = path.read_text(encoding="utf-8")
            assert "http://" not in text.replace("http://www.w3.org", "")
            assert "https://" not in text


def test_app_does_nothing_but_build_and_launch() -> None:
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    assert len(tree.body) <= 5
