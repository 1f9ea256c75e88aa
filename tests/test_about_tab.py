"""The About tab: the network as it is, and the figures of the bundled model as they are written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demo import about_tab
from demo.components.network_drawing import HEIGHT, WIDTH, NetworkDrawing, drawn
from diclam import data, sources
from diclam.errors import CheckpointError
from diclam.evaluate import Evaluation
from diclam.events import Finished, Started
from diclam.model import DiCLAM, ModelConfig
from diclam.recipe import RECIPES, TrainConfig
from tests.conftest import random_evaluation


class OneModel:
    """A bundled model in a folder; None where it is missing."""

    def __init__(self, folder: Path, model: DiCLAM | None = None) -> None:
        self._folder, self._model = folder, model

    def model(self, key: str) -> DiCLAM:
        if self._model is None:
            raise CheckpointError("There is none.")
        return self._model

    def evaluation(self, key: str) -> Evaluation | None:
        try:
            return Evaluation.load(self._folder)
        except CheckpointError:
            return None

    def folder(self, key: str) -> Path:
        return self._folder


STARTED = Started("report", 600, 7, "cpu", "bfloat16", 40_000, 10_000, 128, 1_837_452)
FINISHED = Finished("epochs", 9000, 23.5, 4321.0, 940_000, 0.5)


def recorded(folder: Path, **hardware: Any) -> OneModel:
    """A tested model with the record of its training."""
    random_evaluation(500).save(folder)
    (folder / "events.jsonl").write_text(f"{STARTED.to_json()}\n{FINISHED.to_json()}\n")
    machine = {"processor": "Some CPU", "cores": 3, "memory_gib": 5, "accelerator": None} | hardware
    info = {"config": TrainConfig().to_dict(), "versions": {"torch": "9.9"}, "hardware": machine}
    (folder / "run.json").write_text(json.dumps(info))
    return OneModel(folder, DiCLAM())


def page(models: OneModel) -> gr.Blocks:
    with gr.Blocks() as demo, gr.Tab("About") as tab:
        about_tab.build(models, gr.Dropdown(["bundled"], value="bundled"), tab)
    return demo


def texts(demo: gr.Blocks) -> str:
    return "\n".join(block.value for block in demo.blocks.values() if type(block) is gr.HTML)


def layers(network: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer for part in network["parts"] for layer in part["layers"]]


def test_the_parts_and_the_layers_add_up_to_the_whole_network() -> None:
    model = DiCLAM()
    network = drawn(model)
    counted = sum(p.numel() for p in model.parameters())
    assert network["total"] == f"{counted:,}" == "1,837,452"
    assert sum(int(part["parameters"].replace(",", "")) for part in network["parts"]) == counted
    assert sum(int(layer["parameters"].replace(",", "") or 0) for layer in layers(network)) == counted
    assert sum(part["share"] for part in network["parts"]) == pytest.approx(100, abs=0.1)


def test_every_layer_of_the_network_is_drawn_with_its_output() -> None:
    model = DiCLAM()
    shown = [(layer["text"], layer["output"]) for layer in layers(drawn(model))]
    assert shown == [(row.layer, row.output) for row in model.layers()]


def test_boxes_are_as_high_as_the_picture_and_wider_with_more_channels() -> None:
    boxes = {layer["output"]: (layer["width"], layer["height"]) for layer in layers(drawn(DiCLAM()))}
    assert boxes["64 x 32 x 32"] == (WIDTH * 6, HEIGHT * 32)
    assert boxes["64 x 16 x 16"] == (WIDTH * 6, HEIGHT * 16)
    assert boxes["128 x 16 x 16"] == (WIDTH * 7, HEIGHT * 16)
    assert boxes["1024"][0] > boxes["64"][0] > boxes["10"][0]


def test_another_network_is_drawn_otherwise() -> None:
    other = drawn(DiCLAM(ModelConfig(heads=4, activation="relu", dropout_hidden=0.3)))
    words = [layer["text"] for layer in layers(other)]
    assert "conv 3x3 3->64, BN, ReLU" in words
    assert "dropout 0.3" in words
    (attention,) = [layer["attention"] for layer in layers(other) if "attention" in layer]
    assert (attention["heads"], attention["each"]) == (4, 16)


def test_the_two_special_layers_say_what_is_inside() -> None:
    (attention,) = [layer["attention"] for layer in layers(drawn(DiCLAM())) if "attention" in layer]
    assert attention["convolution"] == "1x1 conv 64->64"
    (mixture,) = [layer for layer in layers(drawn(DiCLAM())) if "experts" in layer]
    assert [expert["text"] for expert in mixture["experts"]] == ["1x1 conv 256->128, ReLU, 1x1 conv 128->256"] * 2
    assert "1x1 conv 256->2" in mixture["gate"]


def test_the_chosen_model_is_drawn(tmp_path: Path) -> None:
    model = DiCLAM(ModelConfig(heads=8))
    demo = page(OneModel(tmp_path, model))
    (draw,) = [fn for fn in demo.fns.values() if any(isinstance(block, NetworkDrawing) for block in fn.outputs)]
    assert {name for _, name in draw.targets} == {"select", "change"}
    assert draw.fn is not None
    assert draw.fn("bundled") == drawn(model) != drawn(DiCLAM())


def test_a_model_that_cannot_be_loaded_leaves_the_default_network(tmp_path: Path) -> None:
    demo = page(OneModel(tmp_path))
    (draw,) = [fn.fn for fn in demo.fns.values() if any(isinstance(block, NetworkDrawing) for block in fn.outputs)]
    assert draw is not None
    assert draw("bundled") == drawn(DiCLAM())


def test_figures_are_those_of_the_files(tmp_path: Path) -> None:
    models = recorded(tmp_path)
    evaluation = random_evaluation(500)
    assert dict(about_tab.figures(models)) == {
        "test accuracy": f"{evaluation.accuracy * 100:.2f} % of 500 pictures",
        "precision, recall, F1": f"{evaluation.precision:.4f}, {evaluation.recall:.4f}, {evaluation.f1:.4f}",
        "parameters": "1,837,452",
        "trained on": "40,000 pictures, 10,000 more held out; recipe report, seed 7",
        "training time": "1:12:01, 23.5 epochs; all epochs are done",
        "on": "Some CPU, 3 cores, cpu in bfloat16",
        "with": "torch 9.9",
    }


def test_the_page_shows_every_figure(tmp_path: Path) -> None:
    models = recorded(tmp_path)
    shown = texts(page(models))
    for name, figure in about_tab.figures(models):
        assert f"<dt>{name}</dt><dd>{figure}</dd>" in shown
    assert about_tab.MISSING not in shown


def test_a_record_that_cannot_be_read_leaves_out_what_it_would_tell(tmp_path: Path) -> None:
    models = recorded(tmp_path)
    (tmp_path / "run.json").write_text("{")
    (tmp_path / "events.jsonl").write_bytes(b"\xff\x00garbage\n{}\n")
    assert [name for name, _ in about_tab.figures(models)] == ["test accuracy", "precision, recall, F1", "parameters"]


def test_a_missing_bundled_model_is_said_in_its_place(tmp_path: Path) -> None:
    models = OneModel(tmp_path / "nowhere")
    assert about_tab.figures(models) == []
    assert about_tab.MISSING in texts(page(models))


def test_what_the_files_say_is_text_and_no_markup(tmp_path: Path) -> None:
    shown = texts(page(recorded(tmp_path, processor="<img src=x onerror=alert(1)>")))
    assert "<img" not in shown
    assert "&lt;img" in shown


def test_every_recipe_and_every_source_of_the_data_is_named(tmp_path: Path) -> None:
    shown = texts(page(OneModel(tmp_path)))
    for recipe in RECIPES:
        assert f"<i>{recipe}</i>" in shown
    for source in sources.default_sources(data.default_root()):
        assert source.name.replace("'", "&#x27;") in shown


def test_no_listener_is_public(tmp_path: Path) -> None:
    assert {fn.api_visibility for fn in page(OneModel(tmp_path)).fns.values()} == {"private"}
