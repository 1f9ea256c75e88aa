"""The drawing shows the numbers of its explanation, on a scale that never changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from diclam.draw import CELL, CIVIDIS, MARGIN, WIDTH, change_image, cividis, level, percent, render, sentence, whole_percent
from diclam.errors import ConfigError
from diclam.explain import Explanation
from diclam.predict import Picture, Prediction, picture_of


def explanation(heads: int = 2, gate: float = 0.25, peak: tuple[int, int] = (3, 5)) -> Explanation:
    """Head 1 is even; every position of the other heads takes half of all from `peak`."""
    attention = np.full((heads, 256, 256), 1 / 256, np.float32)
    attention[1:] = 0.5 / 255
    attention[1:, :, peak[0] * 16 + peak[1]] = 0.5
    answer = (0.0, 0.0, 0.0, 0.9, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0)
    return Explanation(Prediction(answer, (gate, 1 - gate), (answer, answer)), attention, (16, 16))


@pytest.fixture
def picture() -> Picture:
    pixels = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return picture_of(pixels)


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(c) for c in np.unique(np.asarray(image).reshape(-1, 3), axis=0).tolist()}


def hexed(colour: np.ndarray) -> str:
    return "#" + bytes(colour.tolist()).hex()


def test_colours_run_from_dark_blue_to_yellow() -> None:
    ramp = cividis(np.linspace(0, 1, 10))
    assert [hexed(c) for c in ramp] == list(CIVIDIS)
    brightness = cividis(np.linspace(0, 1, 200)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) >= -0.5).all()  # up to rounding


def test_an_even_share_is_in_the_middle_of_the_scale() -> None:
    weights = np.array([0.01, 1 / 8, 1, 8, 200]) / 256
    padded = np.concatenate([weights, np.zeros(251)])
    np.testing.assert_allclose(level(padded)[:5], [0, 0, 0.5, 1, 1], atol=0.001)


def test_the_maps_show_the_weights(picture: Picture) -> None:
    drawn = colours(render(explanation(), picture, query=(8, 8)))
    even, peak = cividis(np.array([0.5, 1.0]))
    low = cividis(level(np.full(256, 0.5 / 255)))[0]
    for colour in (even, peak, low):
        assert tuple(colour.tolist()) in drawn


def test_the_query_is_marked_where_it_is(picture: Picture) -> None:
    """Three columns further to the right: the same marks on every map, three cells further."""
    one, other = (np.asarray(render(explanation(), picture, query=(8, c))).astype(int) for c in (5, 8))
    changed = np.abs(one - other).sum(-1) > 0
    row = int(changed.sum(1).argmax())  # along the upper or lower edge of the marks
    columns = np.flatnonzero(changed[row])
    left = MARGIN + 5 * CELL - 2
    assert columns.min() == left
    assert columns.max() == left + 2 * (16 * CELL + 8) + 4 * CELL + 3


def test_the_bar_is_split_at_the_gate(picture: Picture) -> None:
    pixels = np.asarray(render(explanation(gate=0.25), picture))
    blue, orange = ((pixels == c).all(-1) for c in [(0x1F, 0x5F, 0xA8), (0xB8, 0x5C, 0)])
    row = int(blue.sum(1).argmax())
    assert blue[row].sum() / (blue[row].sum() + orange[row].sum()) == pytest.approx(0.25, abs=0.002)


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_any_number_of_heads_fits(picture: Picture, heads: int) -> None:
    image = render(explanation(heads), picture)
    assert image.size[0] == WIDTH
    bottom = np.asarray(image)[-MARGIN // 2 :]
    assert (bottom == 255).all()  # nothing runs into the edge
    assert (np.asarray(image)[:, -MARGIN // 2 :] == 255).all()


@pytest.mark.parametrize("query", [(-1, 0), (0, 16), (16, 0), (99, 99)])
def test_a_position_outside_the_grid_is_refused(picture: Picture, query: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=r"row in 0 \.\. 15 and a column in 0 \.\. 15; got"):
        render(explanation(), picture, query=query)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0.0 %"), (0.0004, "< 0.1 %"), (0.0005, "0.1 %"), (0.931, "93.1 %"), (0.9996, "> 99.9 %"), (1, "100.0 %")],
)
def test_percentages_never_round_to_certainty(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_the_sentence_names_the_first_two() -> None:
    answer = explanation().prediction.probabilities
    assert sentence(answer) == "Most likely a cat (90 %); it could be a dog (10 %)."
    sure = tuple(0.997 if k == 1 else 0.003 / 9 for k in range(10))
    assert sentence(sure) == "Most likely an automobile (> 99 %)."


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0 %"), (0.0049, "< 1 %"), (0.005, "< 1 %"), (0.006, "1 %"), (0.71, "71 %"), (0.9951, "> 99 %"), (1, "100 %")],
)
def test_whole_percentages_never_round_to_certainty(fraction: float, text: str) -> None:
    assert whole_percent(fraction) == text


def test_changes_are_blue_below_zero_and_orange_above() -> None:
    drawn = np.asarray(change_image(np.array([[-0.2, 0.2], [0.0, -0.1]]), 0.2)).astype(int)
    assert drawn[0, 0].tolist() == [0x1F, 0x5F, 0xA8]
    assert drawn[0, 1].tolist() == [0xB8, 0x5C, 0x00]
    assert drawn[1, 0].tolist() == [255, 255, 255]
    assert drawn[1, 1].tolist() == [143, 175, 212]  # half way to blue
    assert (np.asarray(change_image(np.zeros((2, 2)), 0.0)) == 255).all()
