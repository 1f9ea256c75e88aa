"""The benchmark of Classify asks for what a browser asks for, and counts what it got."""

from __future__ import annotations

import io
import json
from itertools import islice
from typing import Any

import gradio as gr
import httpx
import pytest
from PIL import Image

from benchmarks import classify, machine
from demo import classify_tab
from demo.models import BUNDLED, Models

COMPLETE = {"msg": "process_completed", "success": True, "output": {}}


class App:
    """Answers as Gradio does, one message after another, and remembers what it was asked."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        with gr.Blocks() as demo:
            classify_tab.build(Models(), gr.Dropdown([BUNDLED], value=BUNDLED, elem_id="dc-model"))
        self.page: Any = demo.get_config_file()
        self.messages = messages
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/config":
                return httpx.Response(200, text=json.dumps(self.page, default=str))
            case "/gradio_api/upload":
                assert b"picture.jpg" in request.content
                return httpx.Response(200, json=["/kept/picture.jpg"])
            case "/gradio_api/queue/join":
                self.asked.append(json.loads(request.content))
                return httpx.Response(200, json={})
        assert request.url.params["session_hash"] in [asked["session_hash"] for asked in self.asked]
        return httpx.Response(200, text="".join(f"data: {json.dumps(message)}\n\n" for message in self.messages))

    def client(self) -> httpx.Client:
        return httpx.Client(base_url="http://app", transport=httpx.MockTransport(self))


def test_it_asks_the_listener_that_answers_about_the_file_and_the_square() -> None:
    app = App({"msg": "estimation"}, COMPLETE)
    visitor = classify.Visitor(app.client())
    made = classify.alone("one", visitor, [b"a", b"b"])
    (listener,) = (fn for fn in app.page["dependencies"] if fn["id"] == app.asked[0]["fn_index"])
    assert listener["backend_fn"]
    for asked, square in zip(app.asked, [None, classify.SQUARES[0], None, classify.SQUARES[1]], strict=True):
        key, file, question = asked["data"]
        assert len(listener["inputs"]) == 3
        assert (key, file["path"]) == (BUNDLED, "/kept/picture.jpg")
        assert json.loads(question) == {"name": "/kept/picture.jpg", "square": square}
    assert (made["uploads"], made["errors"]) == (2, 0)
    assert made["upload_ms"][0] > 0


@pytest.mark.parametrize("messages", [(), ({"msg": "process_completed", "success": False, "output": {}},)])
def test_an_answer_that_does_not_come_is_an_error(messages: tuple[dict[str, Any], ...]) -> None:
    app = App(*messages)
    with pytest.raises(RuntimeError):
        classify.Visitor(app.client()).upload(b"a")
    made = classify.together("two", app.client, [[b"a", b"b"], [b"c"]])
    assert (made["uploads"], made["errors"], made["upload_ms"]) == (3, 3, None)
    app.messages = (COMPLETE,)
    made = classify.together("two", app.client, [[b"a", b"b"], [b"c"]])
    assert (made["uploads"], made["errors"]) == (3, 0)


def test_no_picture_comes_twice_and_each_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "SIZE", (160, 120))
    brought = list(islice(classify.pictures(), 25))
    assert len(set(brought)) == 25
    assert {Image.open(io.BytesIO(picture)).size for picture in brought} == {(160, 120)}


def test_the_table_holds_every_figure() -> None:
    rows = [
        classify.row("one visitor", [0.010, 0.020, 0.030], [0.005]),
        classify.row("20 visitors at once", [0.5, 0.7], [], errors=1),
    ]
    printed = classify.table({"rows": rows, "others": 0.9, **machine.describe()})
    assert "| one visitor | 3 | 0 | 20 ms | 29 ms | 5 ms | 5 ms |" in printed
    assert "| 20 visitors at once | 3 | 1 | 600 ms | 690 ms |  |  |" in printed
    assert "1 of 1 shared the machine" in printed
