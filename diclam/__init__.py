"""DiCLAM: a small CIFAR-10 classifier that can be looked into."""

from diclam.model import DiCLAM, ModelConfig

__all__ = ["DiCLAM", "ModelConfig"]
__version__ = "0.1.0"
