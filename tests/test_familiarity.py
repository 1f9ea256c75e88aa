"""A picture is called familiar when it lies near training pictures, and the figures about that are counted, not made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import familiarity as benchmark
from benchmarks import unfamiliar
from diclam import checkpoint, data
from diclam.draw import answer_words, doubt_words
from diclam.errors import CheckpointError, ConfigError
from diclam.examination import examine
from diclam.explain import explain
from diclam.explanation_page import page
from diclam.familiarity import BANK, NEIGHBOURS, TABLE, Familiar, Familiarity, directions, similarity
from diclam.model import DiCLAM
from diclam.predict import Prediction, network_input, picture_of, predict
from diclam.runs import Run
from tests.conftest import random_cifar10


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def around(*, count: int, seed: int = 0) -> Tensor:
    """Directions near the first axis."""
    rows = 0.1 * torch.randn(count, 256, generator=torch.Generator().manual_seed(seed))
    rows[:, 0] += 1
    return torch.nn.functional.normalize(rows, dim=1)


def familiarity(threshold: float = 0.5) -> Familiarity:
    return Familiarity(around(count=40), threshold, false_alarms=0.052, source="made by hand")


@pytest.fixture(scope="module")
def model() -> DiCLAM:
    torch.manual_seed(0)
    return DiCLAM().eval()


def test_the_score_is_the_twentieth_highest_cosine() -> None:
    features = torch.rand(3, 1024, generator=torch.Generator().manual_seed(1))
    for row, score in zip(features, familiarity().scores(features), strict=True):
        means = row.view(256, 4).mean(1).double()
        cosines = [float(means @ known.double() / means.norm() / known.double().norm()) for known in around(count=40)]
        assert float(score) == pytest.approx(sorted(cosines)[-NEIGHBOURS], abs=1e-6)
    assert torch.allclose(familiarity().scores(7 * features), familiarity().scores(features)), "strength does not count"


def test_what_lies_near_the_bank_is_familiar_and_what_lies_elsewhere_is_not() -> None:
    near, far = torch.zeros(1024), torch.zeros(1024)
    near[:4], far[400:404] = 1, 1
    assert familiarity().of(near).in_distribution
    assert not familiarity().of(far).in_distribution
    score = familiarity().of(near).score
    assert replace(familiarity(), threshold=score).of(near).in_distribution, "the threshold itself passes"


def test_it_is_kept_with_its_weights_and_read_again(tmp_path: Path, model: DiCLAM) -> None:
    assert Familiarity.load(tmp_path) is None
    checkpoint.save(tmp_path, model)
    familiarity(0.7).save(tmp_path)
    again = Familiarity.load(tmp_path)
    assert again is not None
    assert (again.threshold, again.false_alarms, again.source) == (0.7, 0.052, "made by hand")
    torch.testing.assert_close(again.bank_NC, around(count=40), atol=1e-3, rtol=0)
    checkpoint.save(tmp_path, DiCLAM())
    with pytest.raises(CheckpointError, match="made of other weights"):
        Familiarity.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [(TABLE, "{"), (TABLE, "[]"), (TABLE, '{"threshold": "x"}'), (BANK, "no tensors"), (BANK, None)],
)
def test_a_damaged_one_is_a_sentence(tmp_path: Path, model: DiCLAM, name: str, content: str | None) -> None:
    checkpoint.save(tmp_path, model)
    familiarity().save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(CheckpointError, match="damaged"):
        Familiarity.load(tmp_path)


@pytest.mark.parametrize("change", [{"threshold": 7}, {"false_alarms": -1}, {"threshold": float("nan")}])
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, model: DiCLAM, change: dict[str, float]) -> None:
    checkpoint.save(tmp_path, model)
    familiarity().save(tmp_path)
    content = json.loads((tmp_path / TABLE).read_text())
    (tmp_path / TABLE).write_text(json.dumps(content | change))
    with pytest.raises(CheckpointError, match="damaged"):
        Familiarity.load(tmp_path)


def test_the_answer_says_what_the_features_of_the_same_pass_say(model: DiCLAM) -> None:
    with torch.inference_mode():
        x = network_input(model, noise())
        own = model.features(x)
        torch.testing.assert_close(model.trace(x).features_BF, own, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model.classifier(own), model(x))
    known = replace(familiarity(), bank_NC=directions(own).repeat(NEIGHBOURS, 1), threshold=0.999)
    for answer in (predict(model, noise(), known), explain(model, noise(), known).prediction):
        assert answer.familiar is not None
        assert answer.familiar.score == pytest.approx(1, abs=1e-5)
        assert answer.to_json()["in_distribution"] is True
    unlike = predict(model, noise(), replace(known, bank_NC=-known.bank_NC))
    assert unlike.to_json()["in_distribution"] is False
    assert unlike.to_json()["familiarity"] == {"score": pytest.approx(-1), "threshold": 0.999, "false_alarms": 0.052}
    plain = predict(model, noise())
    assert plain.to_json()["in_distribution"] is plain.to_json()["familiarity"] is None
    assert replace(unlike, familiar=None) == plain, "the answer itself is what it would be without"


def test_what_looks_like_nothing_known_is_said_so_first() -> None:
    table = tuple(0.71 if k == 3 else 0.29 / 9 for k in range(10))
    plain = Prediction(table, (0.5, 0.5), (table, table))
    known, unknown = (replace(plain, familiar=Familiar(score, 0.7, 0.052)) for score in (0.8, 0.6))
    assert answer_words(plain) == answer_words(known) == "Most likely a cat (71 %); it could be an airplane (3 %)."
    assert doubt_words(plain) == doubt_words(known) == ""
    assert answer_words(unknown) == (
        "This does not look like anything it was trained on. Closest of the ten things it knows: cat (71 %)."
    )
    assert "5.2 % of the CIFAR-10 test pictures" in doubt_words(unknown)


def test_a_file_to_take_home_says_it_too(model: DiCLAM) -> None:
    picture = picture_of(noise())
    unlike = examine(model, picture, "it", replace(familiarity(), threshold=1.0))
    assert "<h1>This does not look like anything" in page(unlike)
    assert "5.2 % of the CIFAR-10 test pictures" in page(unlike)
    assert unlike.to_json()["sentence"].startswith("This does not look like")
    assert unlike.to_json()["in_distribution"] is False
    assert "does not look like" not in page(examine(model, picture, "it"))


def test_every_source_gives_pictures_that_its_seed_decides() -> None:
    for name, source in unfamiliar.SOURCES.items():
        if name in ("textures", "photographs of other things", "things on white"):
            continue  # their packages are fetched by who runs the benchmark
        images = unfamiliar.draw(source, 3, seed=1)
        assert (images.shape, images.dtype) == ((3, 3, 32, 32), torch.uint8), name
        assert torch.equal(images, unfamiliar.draw(source, 3, seed=1)), name
        assert not torch.equal(images, unfamiliar.draw(source, 3, seed=2)), name
        assert not torch.equal(images[0], images[1]), name


@pytest.mark.parametrize("side", [1, 8, 16])
def test_a_shuffled_picture_keeps_its_patches_and_nothing_of_their_order(side: int) -> None:
    images = random_cifar10(6).train_images
    mixed = unfamiliar.shuffled(images, seed=0, side=side)

    def patches(image: Tensor) -> list[bytes]:
        return [
            image[:, y : y + side, x : x + side].contiguous().numpy().tobytes()
            for y in range(0, 32, side)
            for x in range(0, 32, side)
        ]

    for before, after in zip(images, mixed, strict=True):
        assert sorted(patches(before)) == sorted(patches(after))
        assert all(one != other for one, other in zip(patches(before), patches(after), strict=True)) or side == 1


def test_the_threshold_is_set_and_judged_on_the_twin_and_carried_over(
    model: DiCLAM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "BANK", 40)
    monkeypatch.setattr(unfamiliar, "SOURCES", {"flat colours": unfamiliar.flat_colours})
    cifar10 = random_cifar10(train=160, test=30)
    train, held_out = data.split(cifar10.train_labels, 100, 60, 0)
    found, rows = benchmark.judge(model, cifar10, train, held_out, count=20)
    inside = found.scores(benchmark.answers(model, cifar10.train_images[held_out]).features_BF).numpy()
    assert found.false_alarms == float((inside < found.threshold).mean()) == 3 / 60
    flat = unfamiliar.draw(unfamiliar.flat_colours, 20, benchmark.SEED)
    outside = found.scores(benchmark.answers(model, flat).features_BF).numpy()
    row = rows[0]
    pairs = (inside[:, None] > outside).mean() + (inside[:, None] == outside).mean() / 2
    assert row["auroc"][benchmark.KEPT] == pytest.approx(pairs)
    assert row["flagged"][benchmark.KEPT] == float((outside < found.threshold).mean())
    assert row["source"] == "flat colours"
    assert [each["pictures"] for each in rows] == [20, 20, 20, 20]
    carried = benchmark.carry(found, model, cifar10)
    assert carried.threshold == found.threshold
    tested = similarity(directions(benchmark.answers(model, cifar10.test_images).features_BF), carried.bank_NC)
    assert carried.false_alarms == pytest.approx(float(np.mean(tested.numpy() < found.threshold)))
    assert "30 test pictures" in carried.source


def test_a_twin_that_held_nothing_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"config": {"recipe": "fast", "holdout": 0}}))
    with pytest.raises(ConfigError, match="held pictures out"):
        benchmark.halves(Run(tmp_path), torch.arange(20) % 10)
