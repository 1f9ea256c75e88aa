"""First weights that already do something useful; the architecture stays as it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diclam.augment import normalize
from diclam.blocks import ConvBlock
from diclam.model import DiCLAM
from diclam.recipe import TrainConfig

PATCH_PICTURES = 1000
"""Training pictures whose 3 x 3 patches the whitening filters are made of."""


def prepare(model: DiCLAM, images_N3HW: Tensor, config: TrainConfig) -> None:
    """Changes random first weights in place as `config` says, and sets what is not trained. `images_N3HW` are training
    pictures as bytes."""
    first = next(module for module in model.modules() if isinstance(module, ConvBlock))[0]
    assert isinstance(first, nn.Conv2d)
    if not config.start_from:
        _improve(model, first, images_N3HW, config)
    first.weight.requires_grad_(not config.whiten)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = config.norm_momentum


def _improve(model: DiCLAM, first: nn.Conv2d, images_N3HW: Tensor, config: TrainConfig) -> None:
    if config.dirac:
        for module in model.modules():
            if isinstance(module, ConvBlock) and module[0] is not first:
                dirac_(module[0].weight)  # pyright: ignore[reportArgumentType]
    if config.whiten:
        whiten_(first.weight, images_N3HW[:PATCH_PICTURES])
    last = model.classifier[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(config.head_scale)


@torch.no_grad()
def dirac_(weight_OIHW: Tensor) -> None:
    """The first filters pass their own input channel on unchanged, so that a block starts close to the identity
    (Zagoruyko and Komodakis 2017); filters beyond the number of inputs keep their random weights."""
    nn.init.dirac_(weight_OIHW[: weight_OIHW.shape[1]])


@torch.no_grad()
def whiten_(weight_O3HW: Tensor, images_N3HW: Tensor, eps: float = 5e-4) -> None:
    """The filters become the principal directions of the pictures' own patches, each once with either sign, scaled so that
    all answer with the same strength (Page 2019, "How to train your ResNet"; Jordan 2024). Filters that are left over keep
    their random weights, scaled to the same strength.
    """
    side = weight_O3HW.shape[-1]
    # On the CPU wherever the network is: Apple's GPUs know no float64, and other GPUs first load a library for `eigh`.
    patches_NDP = F.unfold(normalize(images_N3HW.cpu()), side)
    # Each picture in float32, which is exact enough and five times as fast; their sum not.
    covariance_DD = torch.bmm(patches_NDP, patches_NDP.mT).double().sum(0) / (len(patches_NDP) * patches_NDP.shape[2])
    strengths_D, directions_DD = torch.linalg.eigh(covariance_DD)
    filters_DD = (directions_DD / (strengths_D + eps).sqrt()).T.flip(0)  # the strongest direction first
    count = min(len(filters_DD), len(weight_O3HW) // 2)
    filters = torch.cat([filters_DD[:count], -filters_DD[:count]]).to(weight_O3HW)
    weight_O3HW[: 2 * count] = filters.view(-1, *weight_O3HW.shape[1:])
    rest_OD = weight_O3HW[2 * count :].cpu().flatten(1).double()
    answers_O = (rest_OD @ covariance_DD * rest_OD).sum(1, keepdim=True)
    weight_O3HW[2 * count :] = (rest_OD / answers_O.sqrt()).to(weight_O3HW).view_as(weight_O3HW[2 * count :])
