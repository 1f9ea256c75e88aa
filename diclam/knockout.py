"""What changes in the answer when a part of the network is switched off: a head of the attention, or an expert.

A head's weights say where it took information from; only switching it off says whether that mattered. A gate says how much
of an expert is taken; only leaving it out says how far it moved the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from diclam.blocks import EXPERTS, LightMHA, LightMoE
from diclam.data import CLASSES
from diclam.model import DiCLAM, Trace
from diclam.predict import answering, network_input, probabilities_of


@dataclass(frozen=True, eq=False)
class Knockouts:
    """The logits for one picture with everything on, and with one part off at a time. All float64 arrays."""

    whole: np.ndarray
    """(10,), the network as it is."""
    without_head: np.ndarray
    """(heads, 10), the values of one head at zero."""
    without_heads: np.ndarray
    """(10,), all heads off: the residual connection alone passes the attention."""
    without_expert: np.ndarray
    """(2, 10), the output of one expert left out, the other's gate as it was."""
    gates: tuple[float, float]
    temperature: float | None = None
    """The model's, for the changes in probability; the logits are those of the network itself."""

    @property
    def answer(self) -> int:
        """Number of the class that the whole network says."""
        return int(self.whole.argmax())

    @property
    def head_changes(self) -> np.ndarray:
        """(heads,): the change in the probability of the answer when one head is off; below 0 when the head spoke for it."""
        return self._probability(self.without_head) - self._probability(self.whole)

    @property
    def heads_change(self) -> float:
        """The same with all heads off."""
        return float(self._probability(self.without_heads) - self._probability(self.whole))

    @property
    def contributions(self) -> np.ndarray:
        """(2,): how far each expert's gated output moves the logit of the answer; above 0 when it speaks for the answer.
        They need not add up to anything, as more layers follow."""
        return self.whole[self.answer] - self.without_expert[:, self.answer]

    def to_json(self) -> dict[str, Any]:
        return {
            "answer": CLASSES[self.answer],
            "head_changes": self.head_changes.tolist(),
            "heads_change": self.heads_change,
            "gates": list(self.gates),
            "contributions": self.contributions.tolist(),
            "logits": {
                "whole": self.whole.tolist(),
                "without_head": self.without_head.tolist(),
                "without_heads": self.without_heads.tolist(),
                "without_expert": self.without_expert.tolist(),
            },
        }

    def _probability(self, logits: np.ndarray) -> np.ndarray:
        return probabilities_of(torch.from_numpy(logits), self.temperature)[..., self.answer]


def knock_out(model: DiCLAM, pixels_3HW: Tensor, traced: Trace | None = None) -> Knockouts:
    """Switches off each head, all heads and each expert, for one picture, (3, 32, 32) uint8, in one batch; `traced` is the
    pass for that picture if it was made already. The model's mode is left as it was. Raises PictureError for another shape
    or type, ConfigError for the full network, whose heads go through an output projection together."""
    model.require_light("Switching off heads and experts")
    x_B3HW = network_input(model, pixels_3HW)
    with answering(model):
        whole = traced or model.trace(x_B3HW)
        _, attention, conv_out = model.block1
        x_RCHW = model.block2[:2](conv_out(_without_heads(cast("LightMHA", attention), whole.attended_BCHW)))
        moe, rest = cast("LightMoE", model.block2[2]), model.block2[3]
        kept_EE = 1 - torch.eye(EXPERTS, device=x_RCHW.device, dtype=whole.gates_BE.dtype)
        experts_off = moe.combine(whole.mixed_BCHW, whole.expert_outputs_BECHW, whole.gates_BE * kept_EE)
        logits_RK = model.classifier(model.block3(rest(torch.cat([moe(x_RCHW), experts_off]))))
        logits = torch.cat([whole.logits_BK, logits_RK]).double().cpu().numpy()
    gate_1, gate_2 = whole.gates_BE[0].tolist()
    heads_off, off, experts_off = logits[1:-3], logits[-3], logits[-2:]
    return Knockouts(logits[0], heads_off, off, experts_off, (gate_1, gate_2), model.temperature)


def _without_heads(attention: LightMHA, x_1CHW: Tensor) -> Tensor:
    """What leaves the attention -> (heads + 1, C, H, W): without each head, then without any.

    BatchNorm treats each channel for itself, and each head fills channels of its own. So switching a head off gives its
    channels what the residual connection alone would give them, and leaves the others alone.
    """
    whole_1CHW, residual_1CHW = attention(x_1CHW), attention.norm(x_1CHW)
    head_C = torch.arange(x_1CHW.shape[1], device=x_1CHW.device) // (x_1CHW.shape[1] // attention.heads)
    off_MC = head_C == torch.arange(attention.heads, device=x_1CHW.device)[:, None]
    without_MCHW = torch.where(off_MC[:, :, None, None], residual_1CHW, whole_1CHW)
    return torch.cat([without_MCHW, residual_1CHW])
