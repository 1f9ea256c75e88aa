"""First weights: the architecture stays, the start is better."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from diclam.augment import normalize
from diclam.data import Cifar10
from diclam.initialize import dirac_, prepare, whiten_
from diclam.model import DiCLAM
from diclam.recipe import build_model, config
from tests.conftest import random_cifar10


def test_the_report_s_first_weights_are_left_as_they_are() -> None:
    settings = config("report")
    model, fresh = build_model(settings), build_model(settings)
    prepare(model, random_cifar10().train_images, settings)
    for (name, weight), plain in zip(model.state_dict().items(), fresh.state_dict().values(), strict=True):
        assert torch.equal(weight, plain), name
    assert all(p.requires_grad for p in model.parameters())


def test_whitening_filters_answer_with_one_strength_and_without_correlation(cifar10: Cifar10) -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 3, 3, 3)
    whiten_(weight, cifar10.train_images[:500])
    answers = F.conv2d(normalize(cifar10.train_images[:500]), weight).permute(1, 0, 2, 3).flatten(1)
    strengths = answers.square().mean(1)
    # Weak directions of real patches come near `eps`, so they stay weaker.
    assert (strengths[:16] - 1).abs().max() < 0.06
    assert (strengths[:27] < 1.01).all()
    torch.testing.assert_close(strengths[54:], torch.ones(10), atol=0.02, rtol=0)
    correlation = answers[:20] @ answers[:20].T / answers.shape[1]
    assert (correlation - torch.diag(correlation.diagonal())).abs().max() < 0.05


def test_each_direction_comes_with_either_sign() -> None:
    weight = torch.randn(64, 3, 3, 3)
    whiten_(weight, random_cifar10().train_images)
    assert torch.equal(weight[:27], -weight[27:54])


def test_a_dirac_layer_passes_its_input_on() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    before = conv.weight.detach().clone()
    dirac_(conv.weight)
    x = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(conv(x)[:, :4], x)
    assert torch.equal(conv.weight[4:], before[4:])


def test_the_fast_start_freezes_only_the_whitening_filters() -> None:
    settings = config("fast")
    model, fresh = build_model(settings), build_model(settings)
    prepare(model, random_cifar10().train_images, settings)
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert frozen == ["stem.0.0.weight"]
    weights, first = model.state_dict(), fresh.state_dict()
    assert torch.equal(weights["stem.1.0.weight"][0, 0], torch.eye(3) * torch.tensor([0.0, 1.0, 0.0]))
    torch.testing.assert_close(weights["classifier.4.weight"], first["classifier.4.weight"] * settings.head_scale)
    assert {m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {settings.norm_momentum}
    assert sum(p.numel() for p in DiCLAM().parameters()) == sum(p.numel() for p in model.parameters())


def test_weights_that_were_trained_are_left_as_they_are() -> None:
    settings = config("fast", start_from="an-earlier-run")
    model, trained = build_model(settings), build_model(settings)
    prepare(model, random_cifar10().train_images, settings)
    for (name, weight), before in zip(model.state_dict().items(), trained.state_dict().values(), strict=True):
        assert torch.equal(weight, before), name
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["stem.0.0.weight"]
