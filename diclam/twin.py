"""The same network with random weights, for a look at what an explanation shows when nothing was learned.

A map that looks just as convincing on the twin comes from the layers and the picture, not from training (Adebayo et al.
2018, "Sanity checks for saliency maps").
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from diclam.model import DiCLAM, ModelConfig

CLOUDS = 32
CLOUD_SIDES = (1, 2, 4, 8, 16, 32)
"""Grain of the clouds, in random values a side, from one colour for the whole picture to one for each pixel."""


@lru_cache(maxsize=4)
def untrained(config: ModelConfig, seed: int = 0) -> DiCLAM:
    """The network of `config` in eval mode on the CPU, its weights drawn as PyTorch draws them for a new network. The same
    object for the same arguments: do not change it. Draws nothing from torch's global generator.

    Its BatchNorms have seen clouds. Left as they are made, they pass on activations that shrink from layer to layer, and
    attention would be even to a thousandth: a twin that looks harmless for want of scale. Its maps correlate above 0.9 with
    those of the same weights whose BatchNorms have seen CIFAR-10, and no data set is needed.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):  # no memory, and no random numbers from the global generator
        model = DiCLAM(config)
    model.to_empty(device="cpu").to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            reach = module.weight[0].numel() ** -0.5
            for parameter in module.parameters():
                nn.init.uniform_(parameter, -reach, reach, generator=generator)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
    _settle(model, _clouds(generator))
    return model.eval()


@torch.no_grad()
def _settle(model: DiCLAM, x_B3HW: Tensor) -> None:
    """Every BatchNorm takes the mean and the variance of what reaches it."""
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_parameters()
        norm.momentum = None  # a plain mean over all that was seen
        norm.train()
    model(x_B3HW)


def _clouds(generator: Generator) -> Tensor:
    """(B, 3, 32, 32) normalised: grey and some colour at every grain, as in photographs; the finest at half strength."""
    size = (32, 32)
    clouds = torch.zeros(CLOUDS, 3, *size)
    for side in CLOUD_SIDES:
        grey = torch.randn(CLOUDS, 1, side, side, generator=generator)
        colour = torch.randn(CLOUDS, 3, side, side, generator=generator)
        clouds += F.interpolate(grey + 0.4 * colour, size, mode="bilinear") * (0.5 if side == size[0] else 1.0)
    return (clouds / clouds.std()).clamp(-2, 2)
