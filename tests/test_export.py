"""An explanation that leaves the project holds the same numbers as the core, and needs nothing beside it."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from diclam.data import CLASSES
from diclam.draw import percent, points, sentence
from diclam.errors import ConfigError
from diclam.explain import explain
from diclam.export import KINDS, export
from diclam.hiding import delete, occlude
from diclam.knockout import knock_out
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import Picture, load_picture, picture_of
from diclam.twin import untrained


@pytest.fixture(scope="module")
def model() -> DiCLAM:
    return untrained(ModelConfig())


@pytest.fixture(scope="module")
def picture() -> Picture:
    file = io.BytesIO()
    noise = torch.randint(0, 256, (40, 60, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    Image.fromarray(noise.numpy()).save(file, "PNG")
    return load_picture(file)


class Elements(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(model: DiCLAM, picture: Picture) -> Elements:
    return Elements(export(model, picture, "html", name="mine", query=(3, 12)).decode())


def test_the_numbers_are_those_of_the_core(model: DiCLAM, picture: Picture) -> None:
    told = json.loads(export(model, picture, "json", name="mine"))
    explanation = explain(model, picture.pixels)
    assert told["model"] == "mine"
    assert told["label"] == explanation.prediction.label
    assert list(told["probabilities"].values()) == pytest.approx(explanation.prediction.probabilities)
    assert np.array(told["attention"]) == pytest.approx(explanation.attention, abs=1e-6)
    assert told["occlusion"]["changes"] == pytest.approx(occlude(model, picture.pixels).changes)
    assert told["deletion"]["ranked"] == pytest.approx(delete(model, picture.pixels, explanation.received).ranked)
    assert told["knockouts"]["head_changes"] == pytest.approx(knock_out(model, picture.pixels).head_changes)
    assert told["picture"] == {"size": [60, 40], "square": [10, 0, 50, 40], "seen": told["picture"]["seen"]}
    assert set(told["versions"]) == {"diclam", "python", "torch"}


def test_the_page_tells_the_answer_and_every_part_of_it(model: DiCLAM, picture: Picture, page: Elements) -> None:
    explanation, knockouts = explain(model, picture.pixels), knock_out(model, picture.pixels)
    told = re.sub(r"\s+", " ", page.text)
    assert sentence(explanation.prediction.probabilities) in told
    for name, p in zip(CLASSES, explanation.prediction.probabilities, strict=True):
        assert f"{name}{percent(p)}" in told
    assert "row 4, column 13" in told
    for head in range(2):
        assert f"{explanation.entropy[head, 3 * 16 + 12]:.2f} bits" in told
        assert f"changes by {points(knockouts.head_changes[head])}" in told
    for gate, moved in zip(explanation.prediction.gates, knockouts.contributions, strict=True):
        assert f"{percent(gate)}{moved:+.2f}".replace("-", "\N{MINUS SIGN}") in told
    assert "Model: mine" in told


def test_the_page_needs_nothing_beside_it_and_runs_nothing(page: Elements) -> None:
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.found}
    for tag, attributes in page.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:"), tag
        if tag == "img":
            assert attributes["alt"]


def test_what_comes_from_outside_is_only_text(model: DiCLAM, picture: Picture) -> None:
    page = Elements(export(model, picture, "html", name="<img src=x onerror=alert(1)>").decode())
    assert "Model: <img src=x onerror=alert(1)>" in page.text
    assert not [a for tag, a in page.found if tag == "img" and not (a["src"] or "").startswith("data:")]


def test_a_whole_picture_is_shown_only_when_some_of_it_was_left_out(model: DiCLAM, page: Elements) -> None:
    square = Elements(export(model, picture_of(torch.zeros(3, 32, 32, dtype=torch.uint8)), "html", name="mine").decode())
    alts = [[a["alt"] for tag, a in shown.found if tag == "img"] for shown in (page, square)]
    assert "The whole picture" in alts[0]
    assert "The whole picture" not in alts[1]


def test_the_full_network_is_told_about_without_knockouts(picture: Picture) -> None:
    torch.manual_seed(0)
    full = DiCLAM(ModelConfig(blocks="full")).eval()
    assert json.loads(export(full, picture, "json", name="full"))["knockouts"] is None
    assert "not measured" in export(full, picture, "html", name="full").decode()


def test_a_drawing_is_a_png(model: DiCLAM, picture: Picture) -> None:
    with Image.open(io.BytesIO(export(model, picture, "png", name="mine"))) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("kind", ["pdf", "", "HTML"])
def test_another_kind_is_refused(model: DiCLAM, picture: Picture, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"\.html, \.json, \.png; got"):
        export(model, picture, kind, name="mine")


@pytest.mark.parametrize("kind", KINDS)
def test_a_position_outside_the_grid_is_refused_for_every_kind(model: DiCLAM, picture: Picture, kind: str) -> None:
    with pytest.raises(ConfigError, match="row in 0"):
        export(model, picture, kind, name="mine", query=(16, 0))
