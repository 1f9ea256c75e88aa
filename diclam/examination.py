"""Everything that is measured about one answer, at once and together, to be kept or handed on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import torch

import diclam
from diclam.draw import answer_words, data_uri
from diclam.explain import Explanation, explain
from diclam.familiarity import Familiarity
from diclam.hiding import Deletion, Occlusion, delete, occlude
from diclam.knockout import Knockouts, knock_out
from diclam.model import DiCLAM
from diclam.predict import Picture, trace


@dataclass(frozen=True, eq=False)
class Examination:
    """One answer, what the network computed on its way to it, and how the answer changes with what is taken away."""

    model: str
    """What the model is called where it was asked."""
    picture: Picture
    explanation: Explanation
    occlusion: Occlusion
    deletion: Deletion
    """Of the positions in the order of `Explanation.received`."""
    knockouts: Knockouts | None
    """None for the full network, whose heads and experts cannot be switched off one by one."""

    @property
    def versions(self) -> dict[str, str]:
        """What it was computed with."""
        return {"diclam": diclam.__version__, "python": platform.python_version(), "torch": str(torch.__version__)}

    def to_json(self) -> dict[str, Any]:
        """All numbers, and the 32 x 32 pixels that they are about as a PNG in a `data:` address."""
        return {
            "model": self.model,
            "versions": self.versions,
            "picture": {
                "size": list(self.picture.original.size),
                "square": list(self.picture.square),
                "seen": data_uri(self.picture.seen),
            },
            "sentence": answer_words(self.explanation.prediction),
            **self.explanation.to_json(),
            "occlusion": self.occlusion.to_json(),
            "deletion": self.deletion.to_json(),
            "knockouts": self.knockouts.to_json() if self.knockouts else None,
        }


def examine(model: DiCLAM, picture: Picture, name: str, familiarity: Familiarity | None = None) -> Examination:
    """Asks the model, called `name`, about one picture and about some 150 changed copies of it, which takes most of a second
    on a processor. The model's mode is left as it was."""
    traced = trace(model, picture.pixels)
    explanation = explain(model, picture.pixels, familiarity, traced)
    return Examination(
        model=name,
        picture=picture,
        explanation=explanation,
        occlusion=occlude(model, picture.pixels),
        deletion=delete(model, picture.pixels, explanation.received),
        knockouts=knock_out(model, picture.pixels, traced) if model.config.light else None,
    )
