"""A teacher: what is kept are its own answers, the settings decide what they weigh, and a run with one survives a kill."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from diclam import __main__ as cli
from diclam import checkpoint, distill, recorder, runs
from diclam.augment import normalize
from diclam.batches import Batches
from diclam.distill import Teacher, divergence
from diclam.errors import ConfigError
from diclam.events import Event, Step
from diclam.model import DiCLAM, ModelConfig
from diclam.recipe import TrainConfig, build_model
from diclam.train import Training, train
from tests.conftest import Clock, random_cifar10, small_config


def answer(model: DiCLAM, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return model(x)


@pytest.fixture(scope="module")
def model() -> DiCLAM:
    """Its BatchNorms know random pictures, so that its answers differ from picture to picture."""
    torch.manual_seed(3)
    model = DiCLAM()
    with torch.no_grad():
        model(normalize(random_cifar10(40).train_images))
    return model.eval()


@pytest.fixture(scope="module")
def folder(model: DiCLAM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    checkpoint.save(folder, model)
    return folder


class Counted(DiCLAM):
    """Counts the pictures that it answers."""

    answered = 0

    def unchecked(self, x_B3HW: Tensor) -> Tensor:
        self.answered += len(x_B3HW)
        return super().unchecked(x_B3HW)


def counted(model: DiCLAM) -> Counted:
    copy = Counted().eval()
    copy.load_state_dict(model.state_dict())
    return copy


def batches_and_teacher(model: DiCLAM, **changes: object) -> tuple[Batches, Teacher]:
    data, config = random_cifar10(32), small_config("report", **({"batch_size": 8} | changes))
    return (
        Batches(data.train_images, data.train_labels, config),
        Teacher(model, data.train_images, config, torch.float32),
    )


def test_the_divergence_is_that_of_the_softened_answers() -> None:
    said, taught = torch.randn(2, 5, 10, generator=torch.Generator().manual_seed(0)) * 3
    expected = 0.0
    for row in range(5):
        p, q = ((logits[row] / 2.5).softmax(0) for logits in (taught, said))
        expected += (p * (p.log() - q.log())).sum() / 5
    torch.testing.assert_close(divergence(said, taught, 2.5), expected * 2.5**2)


def test_nothing_is_learned_from_a_teacher_that_says_the_same() -> None:
    taught = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    said = (taught + 3.0).requires_grad_()  # the same probabilities
    loss = divergence(said, taught, 4.0)
    loss.backward()
    assert said.grad is not None
    assert loss.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(said.grad, torch.zeros(6, 10), atol=1e-6, rtol=0)


@pytest.mark.parametrize("temperature", [1.0, 8.0])
def test_towards_a_hot_teacher_the_gradient_keeps_its_size(temperature: float) -> None:
    said = torch.zeros(1, 10, requires_grad=True)
    divergence(said, torch.linspace(-0.1, 0.1, 10)[None], temperature).backward()
    assert said.grad is not None
    # For small logits it is their difference over the number of classes (Hinton et al. 2015, eq. 4).
    torch.testing.assert_close(said.grad, -torch.linspace(-0.1, 0.1, 10)[None] / 10, atol=1e-3, rtol=0.1)


@pytest.mark.parametrize("flip", ["random", "alternating", "none"])
def test_kept_answers_are_the_teachers_own(model: DiCLAM, flip: str) -> None:
    source, teacher = batches_and_teacher(model, flip=flip, crop_padding=0)
    seen = set()
    for _ in range(8):
        batch = source.next(0.0)
        torch.testing.assert_close(teacher.answers(batch), answer(model, batch.pictures_B3HW), atol=1e-5, rtol=1e-4)
        seen |= set(batch.mirrored_B.tolist())
    assert seen == ({False} if flip == "none" else {False, True})


def test_a_picture_is_answered_once_whatever_its_shift_and_size(model: DiCLAM) -> None:
    teacher_model = counted(model)
    settings = {"flip": "none", "crop_padding": 4, "early_side": 16, "early_part": 0.5}
    source, teacher = batches_and_teacher(teacher_model, **settings)
    images = random_cifar10(32).train_images
    for fraction in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9):
        batch = source.next(fraction)
        expected = answer(model, normalize(images[batch.indices_B]))
        torch.testing.assert_close(teacher.answers(batch), expected, atol=1e-5, rtol=1e-4)
    assert teacher_model.answered == 32


def test_with_cutout_each_changed_picture_is_answered_at_its_full_side(model: DiCLAM) -> None:
    source, teacher = batches_and_teacher(model, cutout=12, early_side=16, early_part=1.0)
    for _ in range(2):
        batch = source.next(0.0)
        assert batch.pictures_B3HW.shape[2:] == (16, 16)
        torch.testing.assert_close(teacher.answers(batch), answer(model, batch.whole_B3HW), atol=1e-5, rtol=1e-4)
    assert teacher.state() is None


def test_all_are_answered_at_once_where_asking_would_make_steps_wait(model: DiCLAM, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher_model = counted(model)
    source, teacher = batches_and_teacher(teacher_model, flip="alternating", crop_padding=0)
    monkeypatch.setattr(distill, "PICTURES", 20)
    kept = teacher.state()
    assert kept is not None
    teacher._answer_all(kept)
    assert teacher_model.answered == 2 * 32
    batch = source.next(0.0)
    torch.testing.assert_close(teacher.answers(batch), answer(model, batch.pictures_B3HW), atol=1e-5, rtol=1e-4)
    assert teacher_model.answered == 2 * 32


def test_labels_and_teacher_have_their_weights(model: DiCLAM) -> None:
    logits = torch.randn(8, 10, generator=torch.Generator().manual_seed(0))
    for weight in (0.0, 0.3, 1.0):
        source, teacher = batches_and_teacher(model, teacher_weight=weight, teacher_temperature=2.0)
        batch = source.next(0.0)
        hard = F.cross_entropy(logits, batch.labels_B)
        soft = divergence(logits, teacher.answers(batch), 2.0)
        torch.testing.assert_close(teacher.mixed(hard, logits, batch), (1 - weight) * hard + weight * soft)


def test_a_run_with_a_teacher_comes_closer_to_it(model: DiCLAM, folder: Path) -> None:
    data = random_cifar10(64, side=8)
    x = normalize(data.train_images)

    def distance(**changes: object) -> float:
        settings: dict[str, object] = {"epochs": 4.0, "holdout": 0, "flip": "none", "crop_padding": 0}
        config = small_config("report", **(settings | {"learning_rate": 5e-3} | changes))
        student = build_model(config)
        list(train(student, data, config, clock=Clock()))
        return divergence(answer(student, x), answer(model, x), 1.0).item()

    taught = distance(teacher=str(folder), teacher_weight=1.0, teacher_temperature=1.0)
    assert taught < distance() / 2


@pytest.mark.parametrize("cutout", [0, 8])
def test_a_killed_run_with_a_teacher_ends_with_the_same_weights(folder: Path, tmp_path: Path, cutout: int) -> None:
    config = small_config("fast", batch_size=16, epochs=3.0, holdout=12, early_side=16, teacher=str(folder), cutout=cutout)
    data = random_cifar10(60, side=8)

    def training() -> Training:
        return Training(build_model(config), data, config, clock=Clock(tick=0.1))

    whole = training()
    list(whole.run())
    cut_off = training()
    for event in cut_off.run():
        if isinstance(event, Step) and event.step >= 4:
            torch.save(cut_off.state(), tmp_path / "state.pt")
            break
    going_on = training()
    list(going_on.run(torch.load(tmp_path / "state.pt", weights_only=True)))
    for name, weight in going_on.model.state_dict().items():
        assert torch.equal(weight, whole.model.state_dict()[name]), name


def test_a_full_network_may_teach_a_light_one() -> None:
    torch.manual_seed(0)
    source, teacher = batches_and_teacher(DiCLAM(ModelConfig(blocks="full")).eval())
    assert teacher.answers(source.next(0.0)).shape == (8, 10)


def test_a_teacher_that_is_not_there_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DICLAM_RUNS", str(tmp_path / "runs"))
    assert cli.main(["train", "--teacher", "nobody"]) == 2
    assert "The teacher 'nobody' cannot be used. There is no run 'nobody'." in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ConfigError, match="cannot be used"):
        train(DiCLAM(), random_cifar10(), small_config(teacher="nobody"))


def test_a_run_whose_teacher_is_gone_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.Run(tmp_path / "run")
    run.path.mkdir()
    config = small_config(teacher=str(tmp_path / "gone"))
    monkeypatch.setattr(runs.Run, "info", lambda _: {"config": config.to_dict()})
    told: list[Event] = []
    with pytest.raises(ConfigError, match="gone"):
        recorder.resume(run, told.append, lambda: False)
    assert not told
    assert list(run.path.iterdir()) == []


def test_the_teacher_is_kept_in_the_settings() -> None:
    config = small_config(teacher="2026-01-01_best", teacher_weight=0.5)
    assert TrainConfig.from_dict(config.to_dict()) == config
    assert isinstance(config.to_dict()["teacher"], str)
