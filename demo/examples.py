"""Pictures to try: test pictures of CIFAR-10, and photographs from elsewhere with who made them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diclam.data import CLASSES

HERE = Path(__file__).parents[1] / "assets" / "examples"


@dataclass(frozen=True)
class Photograph:
    """A real photograph of anything. assets/examples/photographs/README.md says where it was taken from."""

    name: str
    by: str
    licence: str
    shows: str | None = None
    """The class of CIFAR-10 that it shows; None for a picture of something else."""

    @property
    def path(self) -> Path:
        return HERE / "photographs" / f"{self.name}.jpg"


PHOTOGRAPHS = (
    Photograph("cat", "Stefan van der Walt", "CC0", "cat"),
    Photograph("dogs", "Aitzol Berasategi", "CC BY 4.0", "dog"),
    Photograph("parrot", "Jar0d", "CC BY-SA 2.0", "bird"),
    Photograph("moose", "Ryan Hagerty", "public domain", "deer"),
    Photograph("biplane", "Getty's Open Content Program", "CC0", "airplane"),
    Photograph("boats", "Getty's Open Content Program", "CC0", "ship"),
    Photograph("rocket", "SpaceX", "CC0"),
    Photograph("coffee", "Rachel Michetti", "CC0"),
    Photograph("astronaut", "NASA", "public domain"),
    Photograph("panda", "Aaron Logan", "CC BY 1.0"),
)
TEST_PICTURES = tuple(HERE / f"{name}.png" for name in CLASSES)
"""The first of each class."""
EXAMPLES = (*TEST_PICTURES, *(photograph.path for photograph in PHOTOGRAPHS))
CREDITS = "; ".join(f"{photograph.name} by {photograph.by}, {photograph.licence}" for photograph in PHOTOGRAPHS)
