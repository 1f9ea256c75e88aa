"""Hiding a part asks the network about the picture without it, one part or one step at a time."""

from __future__ import annotations

import copy
import json
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from diclam.augment import normalize
from diclam.data import CLASSES
from diclam.errors import ConfigError, PictureError
from diclam.explain import explain
from diclam.hiding import HIDDEN, Deletion, delete, occlude
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import predict
from diclam.twin import untrained

CLOSE = 1e-5


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def network() -> DiCLAM:
    """Random weights whose activations have the scale of a trained network's."""
    return untrained(ModelConfig())


class Watched(DiCLAM):
    """Keeps what of each picture it was shown: (pictures, 16, 16), whether a cell of 2 x 2 pixels is not grey."""

    def __init__(self) -> None:
        super().__init__()
        self.load_state_dict(network().state_dict())
        self.eval()
        self.shown: list[Tensor] = []

    def forward(self, x_B3HW: Tensor) -> Tensor:
        cells = x_B3HW.abs().amax(1).unfold(1, 2, 2).unfold(2, 2, 2)
        self.shown.append(cells.amax((-1, -2)) > 0)
        return super().forward(x_B3HW)

    def hidden(self) -> np.ndarray:
        return ~torch.cat(self.shown).numpy()


@torch.inference_mode()
def probability(model: DiCLAM, x_3HW: Tensor, answer: int) -> float:
    return float(model(x_3HW[None])[0].double().softmax(0)[answer])


def test_occlusion_is_the_answer_without_one_patch() -> None:
    model, x = network(), normalize(noise()[None])[0]
    occlusion = occlude(model, noise())
    for row, column in product(range(8), range(8)):
        grey = x.clone()
        grey[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        assert occlusion.hidden[row, column] == pytest.approx(probability(model, grey, occlusion.answer), abs=CLOSE)
    assert np.abs(occlusion.changes).max() > 10 * CLOSE  # patches have a say, so the test could fail


def test_hidden_is_the_mean_colour_of_the_training_set() -> None:
    """A picture that is that colour already, as near as bytes come, is not changed by hiding a part of it."""
    grey = torch.tensor([125, 123, 114], dtype=torch.uint8)[:, None, None].expand(3, 32, 32).contiguous()
    assert np.abs(occlude(network(), grey).changes).max() < 1e-3
    assert np.abs(occlude(network(), torch.zeros_like(grey)).changes).max() > 1e-2


def test_both_start_from_the_answer() -> None:
    prediction = predict(network(), noise())
    occlusion, deletion = occlude(network(), noise()), delete(network(), noise(), np.random.default_rng(0).random((16, 16)))
    assert CLASSES[occlusion.answer] == CLASSES[deletion.answer] == prediction.label
    assert occlusion.whole == pytest.approx(prediction.confidence, abs=CLOSE)
    curves = np.vstack([deletion.ranked, deletion.random, deletion.moved])
    np.testing.assert_allclose(curves[:, 0], prediction.confidence, atol=CLOSE)
    assert len(set(curves[:, -1])) == 1  # everything hidden is the same picture in every order
    everything = probability(network(), torch.zeros(3, 32, 32), deletion.answer)
    assert curves[0, -1] == pytest.approx(everything, abs=CLOSE)


@pytest.mark.parametrize("side", [16, 8])
def test_deletion_hides_what_ranks_highest_step_by_step(side: int) -> None:
    model, x = network(), normalize(noise()[None])[0]
    importance = np.random.default_rng(3).random((side, side))
    deletion = delete(model, noise(), importance)
    cell = 32 // side
    places = sorted(product(range(side), range(side)), key=lambda place: -importance[place])
    for step, fraction in enumerate(deletion.fractions):
        grey = x.clone()
        for row, column in places[: round(fraction * side * side)]:
            grey[:, cell * row : cell * (row + 1), cell * column : cell * (column + 1)] = 0
        assert deletion.ranked[step] == pytest.approx(probability(model, grey, deletion.answer), abs=CLOSE)
    assert np.ptp(deletion.ranked) > 100 * CLOSE


def test_every_curve_belongs_to_the_pictures_that_were_shown() -> None:
    """Each step of each order hides its share of the cells, keeps hidden what was, and the curve is the answer to it."""
    model, x = Watched(), normalize(noise()[None])[0]
    deletion = delete(model, noise(), explain(model, noise()).received, draws=3)
    hidden = model.hidden()
    assert not hidden[0].any()
    assert hidden[1].all()
    orders = hidden[2:].reshape(7, len(HIDDEN) - 2, 16, 16)
    np.testing.assert_array_equal(orders.sum((2, 3)), [[16, 32, 64, 128, 192]] * 7)
    assert (orders[:, 1:] >= orders[:, :-1]).all()
    curves = np.vstack([deletion.ranked, deletion.random, deletion.moved])
    for order, curve in zip(orders, curves, strict=True):
        for cells, value in zip(order, curve[1:-1], strict=True):
            grey = x * ~torch.from_numpy(cells).repeat_interleave(2, 0).repeat_interleave(2, 1)
            assert value == pytest.approx(probability(network(), grey, deletion.answer), abs=CLOSE)


def congruent(cells: np.ndarray, others: np.ndarray) -> bool:
    """Whether one pattern is the other one mirrored and shifted around."""
    flips = [cells, cells[::-1], cells[:, ::-1], cells[::-1, ::-1]]
    shifts = product(range(len(cells)), repeat=2)
    return any((np.roll(flip, shift, (0, 1)) == others).all() for shift in shifts for flip in flips)


def test_the_moved_map_hides_the_same_pattern_elsewhere_and_random_cells_do_not() -> None:
    model = Watched()
    delete(model, noise(), np.random.default_rng(1).random((16, 16)), draws=3)
    ranked, *others = model.hidden()[2:].reshape(7, len(HIDDEN) - 2, 16, 16)
    for random in others[:3]:
        assert not congruent(ranked[2], random[2])
    for moved in others[3:]:
        assert congruent(ranked[2], moved[2])
        assert not (ranked[2] == moved[2]).all()


def test_a_seed_names_the_other_orders() -> None:
    importance = explain(network(), noise()).received
    first, again, other = (delete(network(), noise(), importance, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.random, again.random)
    np.testing.assert_array_equal(first.moved, again.moved)
    np.testing.assert_array_equal(first.ranked, other.ranked)
    assert not np.array_equal(first.random, other.random)
    assert not np.array_equal(first.moved, other.moved)


def test_the_area_is_between_the_curves() -> None:
    fractions = np.array([0, 0.25, 1])
    ranked, others = np.array([1, 0.5, 0]), np.array([[1, 0.9, 0], [1, 0.7, 0]])
    deletion = Deletion(0, fractions, ranked, others, others)
    by_hand = (0.3 * 0.25 + 0.3 * 0.75) / 2  # two triangles
    assert deletion.area(others) == pytest.approx(by_hand)
    assert deletion.area(ranked[None]) == 0
    assert Deletion(0, fractions, others[0], others, others).area(ranked[None]) < 0


@pytest.mark.parametrize("shape", [(16,), (0, 0), (16, 8), (3, 3), (64, 64)])
def test_only_a_square_map_that_divides_the_picture_is_an_order(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="square map whose side divides 32"):
        delete(network(), noise(), np.zeros(shape))


def test_only_a_picture_can_be_asked_about() -> None:
    for ask in (occlude, lambda model, pixels: delete(model, pixels, np.zeros((16, 16)))):
        with pytest.raises(PictureError, match=r"got \(3, 64, 64\)"):
            ask(network(), torch.zeros(3, 64, 64, dtype=torch.uint8))


def test_the_mode_of_the_model_is_left_as_it_was() -> None:
    model = copy.deepcopy(network()).train()
    first = occlude(model, noise())
    assert model.training
    np.testing.assert_array_equal(first.hidden, occlude(network(), noise()).hidden)


def test_json_holds_plain_numbers() -> None:
    occlusion, deletion = occlude(network(), noise()), delete(network(), noise(), np.zeros((16, 16)))
    content = json.loads(json.dumps([occlusion.to_json(), deletion.to_json()]))
    np.testing.assert_allclose(content[0]["changes"], occlusion.changes)
    assert content[0]["answer"] == CLASSES[occlusion.answer]
    assert np.shape(content[1]["random"]) == (5, len(HIDDEN))
    assert content[1]["area_to_moved"] == pytest.approx(deletion.area(deletion.moved))
