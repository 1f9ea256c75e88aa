"""Every position of the fader is the network with those gates, and the table counts what each position gets right."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from diclam import checkpoint
from diclam.augment import normalize
from diclam.blocks import LightMoE
from diclam.errors import CheckpointError
from diclam.evaluate import evaluate
from diclam.fader import FaderTable, fade, fade_all, positions
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import predict
from diclam.twin import untrained
from tests.conftest import random_cifar10

CLOSE = 1e-5


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def network() -> DiCLAM:
    """Random weights whose activations have the scale of a trained network's, with gates that lean to one side."""
    model = copy.deepcopy(untrained(ModelConfig()))
    with torch.no_grad():
        bias = cast("LightMoE", model.block2[2]).router.gate.bias
        assert bias is not None
        bias.copy_(torch.tensor([0.8, -0.4]))
    return model


class FixedRouter(nn.Module):
    """Gives every picture the gates it was made with."""

    def __init__(self, gates: np.ndarray) -> None:
        super().__init__()
        self.gates = torch.from_numpy(gates)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.gates.expand(len(x_BCHW), 2)


@torch.inference_mode()
def slow(model: DiCLAM, gates: np.ndarray, pixels: Tensor) -> np.ndarray:
    """The logits of a copy of the model whose router is replaced."""
    model = copy.deepcopy(model)
    cast("LightMoE", model.block2[2]).router = FixedRouter(gates)  # pyright: ignore[reportAttributeAccessIssue]
    return model(normalize(pixels[None]))[0].numpy()


def test_every_position_is_the_network_with_those_gates() -> None:
    model = network()
    fader = fade(model, noise())
    assert fader.gates.shape == (21, 2)
    for gates, logits in zip(fader.gates, fader.logits, strict=True):
        np.testing.assert_allclose(logits, slow(model, gates, noise()), atol=CLOSE)
    assert np.abs(fader.logits[0] - fader.logits[20]).max() > 100 * CLOSE  # the gates have a say, so the test could fail


def test_the_middle_is_the_answer_and_the_ends_are_the_experts_alone() -> None:
    model = network()
    fader, prediction = fade(model, noise()), predict(model, noise())
    np.testing.assert_allclose(fader.gates[10], prediction.gates, atol=1e-6)
    np.testing.assert_allclose(fader.probabilities[10], prediction.probabilities, atol=CLOSE)
    for end, expert in ((0, 0), (20, 1)):
        np.testing.assert_allclose(fader.probabilities[end], prediction.expert_probabilities[expert], atol=CLOSE)


def test_gates_go_in_equal_steps_from_one_expert_over_the_network_s_own_to_the_other() -> None:
    own = torch.tensor([[0.3, 0.7], [1.0, 0.0]])
    gates = positions(own).numpy()
    np.testing.assert_allclose(gates.sum(-1), 1, atol=1e-6)
    np.testing.assert_array_equal(gates[:, 10], own)
    np.testing.assert_array_equal(gates[:, 0], [[1, 0]] * 2)
    np.testing.assert_array_equal(gates[:, 20], [[0, 1]] * 2)
    np.testing.assert_allclose(np.diff(gates[0, :11, 0]), -0.07, atol=1e-6)
    np.testing.assert_allclose(np.diff(gates[0, 10:, 0]), -0.03, atol=1e-6)
    np.testing.assert_array_equal(gates[1, :11], [[1, 0]] * 11)  # already at this end: half the way is no way


def test_the_table_counts_every_picture_at_every_position() -> None:
    data = random_cifar10(test=30)
    model = network()
    table = fade_all(model, data.test_images, data.test_labels)
    by_hand = np.zeros((21, 10), int)
    for pixels, label in zip(data.test_images, data.test_labels.tolist(), strict=True):
        by_hand[:, label] += fade(model, pixels).logits.argmax(1) == label
    np.testing.assert_array_equal(table.right, by_hand)
    np.testing.assert_array_equal(table.pictures, [3] * 10)
    assert len({tuple(row) for row in table.right.tolist()}) > 1  # positions differ, so the test could fail
    np.testing.assert_allclose(table.accuracy, by_hand.sum(1) / 30)
    np.testing.assert_allclose(table.by_class, by_hand / 3)


def test_the_middle_of_the_table_is_the_evaluation() -> None:
    data = random_cifar10()
    told: list[tuple[int, int]] = []
    model = network().train()
    table = fade_all(model, data.test_images, data.test_labels, batch_size=20, progress=lambda *p: told.append(p))
    assert model.training  # as it was
    assert table.accuracy[10] == evaluate(model, data.test_images, data.test_labels).accuracy
    assert told == [(20, 50), (40, 50), (50, 50)]


def saved(folder: Path) -> FaderTable:
    checkpoint.save(folder, DiCLAM())
    table = FaderTable(np.arange(210).reshape(21, 10), np.full(10, 1000))
    table.save(folder)
    return table


def test_a_table_survives_the_disk(tmp_path: Path) -> None:
    table = saved(tmp_path)
    again = FaderTable.load(tmp_path)
    np.testing.assert_array_equal(again.right, table.right)
    np.testing.assert_array_equal(again.pictures, table.pictures)


def test_a_table_of_other_weights_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    checkpoint.save(tmp_path, DiCLAM())
    with pytest.raises(CheckpointError, match="made of other weights"):
        FaderTable.load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"right": [[1]], "pictures": [1], "weights_sha256": ""}'])
def test_a_damaged_table_is_a_readable_error(tmp_path: Path, content: str) -> None:
    saved(tmp_path)
    (tmp_path / "fader.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"fader\.json is damaged .* benchmarks\.fader"):
        FaderTable.load(tmp_path)


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, DiCLAM())
    with pytest.raises(CheckpointError, match=r"no fader\.json .* benchmarks\.fader"):
        FaderTable.load(tmp_path)


def test_a_class_without_pictures_has_no_accuracy() -> None:
    pictures = np.array([5] * 9 + [0])
    table = FaderTable(np.ones((21, 10), int) * (pictures > 0), pictures)
    np.testing.assert_allclose(table.by_class[0], [0.2] * 9 + [np.nan])
    assert table.accuracy[0] == pytest.approx(9 / 45)


def test_json_holds_plain_numbers() -> None:
    fader = fade(network(), noise())
    content = json.loads(json.dumps(fader.to_json()))
    np.testing.assert_allclose(np.sum(content["probabilities"], 1), 1)
    np.testing.assert_allclose(content["logits"], fader.logits)
