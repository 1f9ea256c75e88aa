"""A program asks /classify and gets what the core says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from benchmarks.app import free_port
from demo import classify_api
from demo.examples import PHOTOGRAPHS
from demo.interface import launch_options
from diclam.errors import RunError
from diclam.familiarity import Familiarity
from diclam.model import DiCLAM
from diclam.predict import load_picture, predict
from diclam.square import Square

DOGS = PHOTOGRAPHS[1].path


class OneModel:
    """A network that was never trained, under the key 'mine'."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self._model = DiCLAM().eval()
        self.known: Familiarity | None = None

    def model(self, key: str) -> DiCLAM:
        if key != "mine":
            raise RunError(f"There is no run {key!r}.")
        return self._model

    def familiarity(self, key: str) -> Familiarity | None:
        return self.known


@pytest.fixture(scope="module")
def models() -> OneModel:
    return OneModel()


@pytest.fixture(scope="module")
def client(models: OneModel) -> Iterator[Client]:
    with gr.Blocks() as demo:
        classify_api.build(models, "mine")
    _, url, _ = demo.queue(api_open=False).launch(
        server_port=free_port(), prevent_thread_lock=True, quiet=True, **launch_options()
    )
    try:
        yield Client(url, verbose=False)
    finally:
        demo.close()


def test_it_is_the_only_endpoint_and_says_what_it_takes(client: Client) -> None:
    told: Any = client.view_api(return_format="dict", print_info=False)
    endpoints = told["named_endpoints"]
    assert list(endpoints) == ["/classify"]
    parameters = endpoints["/classify"]["parameters"]
    assert [(p["parameter_name"], p["parameter_has_default"]) for p in parameters] == [
        ("picture", False), ("model", True), ("square", True),
    ]  # fmt: skip


def test_a_program_gets_what_the_core_says(client: Client, models: OneModel) -> None:
    picture = load_picture(DOGS)
    expected = predict(models.model("mine"), picture.pixels).to_json()
    assert client.predict(handle_file(DOGS), api_name="/classify") == expected
    part = predict(models.model("mine"), picture.cut(Square(0.2, 0.3, 0.5)).pixels).to_json()
    assert client.predict(handle_file(DOGS), "mine", [0.2, 0.3, 0.5], api_name="/classify") == part
    assert part != expected
    assert expected["in_distribution"] is None


def test_a_program_is_told_whether_the_picture_is_familiar(client: Client, models: OneModel) -> None:
    for threshold, expected in ((-1.0, True), (1.0, False)):
        models.known = Familiarity(torch.eye(256)[:20], threshold, 0.05, "by hand")
        answer = client.predict(handle_file(DOGS), api_name="/classify")
        assert answer["in_distribution"] is expected
        assert answer["familiarity"]["threshold"] == threshold
        assert -1 <= answer["familiarity"]["score"] < 1
    models.known = None


@pytest.mark.parametrize(
    ("model", "square", "words"),
    [("nobody", None, "no run 'nobody'"), ("mine", [0, 0], "three numbers"), ("mine", [0, 0, 9], "square"),
     ("mine", "all", "three numbers"), ("mine", [0.9, 0.9, 1], "inside the picture")],
)  # fmt: skip
def test_a_mistake_is_told(client: Client, model: str, square: object, words: str) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(handle_file(DOGS), model, square, api_name="/classify")
