"""The network: its count, its trace, what it refuses."""

from __future__ import annotations

import re

import pytest
import torch

import diclam.model
from diclam.blocks import LightMoE
from diclam.errors import ConfigError
from diclam.model import DiCLAM, ModelConfig, parameters


@pytest.fixture(scope="module")
def model() -> DiCLAM:
    torch.manual_seed(0)
    return DiCLAM().eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_has_the_parameters_of_the_report(model: DiCLAM) -> None:
    assert count(model) == 1_837_452


def test_the_table_in_the_docstring_holds_layer_by_layer(model: DiCLAM) -> None:
    doc = diclam.model.__doc__ or ""
    rows = dict(re.findall(r"^    (stem|block1|block2|block3|classifier|all)\b.*?([\d,]{5,})$", doc, re.M | re.S))
    assert {part: int(number.replace(",", "")) for part, number in rows.items()} == {
        **{part: count(model.get_submodule(part)) for part in ("stem", "block1", "block2", "block3", "classifier")},
        "all": count(model),
    }


@pytest.mark.parametrize("config", [ModelConfig(heads=4), ModelConfig(activation="relu"), ModelConfig(dropout_input=0.5)])
def test_no_setting_of_the_light_network_changes_the_count(config: ModelConfig) -> None:
    assert count(DiCLAM(config)) == 1_837_452


@pytest.mark.parametrize(
    ("changes", "parts"),
    [({"attention": False}, ["block1.1"]), ({"experts": False}, ["block2.2"]),
     ({"attention": False, "experts": False}, ["block1.1", "block2.2"])],
)  # fmt: skip
def test_a_part_that_is_left_out_is_all_that_is_missing(
    model: DiCLAM, x: torch.Tensor, changes: dict[str, bool], parts: list[str]
) -> None:
    config = ModelConfig.from_dict(changes)
    smaller = DiCLAM(config).eval()
    assert parameters(config) == count(smaller) == count(model) - sum(count(model.get_submodule(part)) for part in parts)
    left = {name for name in model.state_dict() if not name.startswith(tuple(parts))}
    assert set(smaller.state_dict()) == left
    with torch.inference_mode():
        trace = smaller.trace(x)
        torch.testing.assert_close(trace.logits_BK, smaller(x), atol=1e-4, rtol=0)
    for shares in (trace.attention_BMNN, trace.gates_BE):
        torch.testing.assert_close(shares.sum(-1), torch.ones(shares.shape[:-1]), atol=1e-4, rtol=0)
    with pytest.raises(ConfigError, match="one without"):
        smaller.require_light("This")


def test_the_trace_gives_the_same_answer(model: DiCLAM, x: torch.Tensor) -> None:
    with torch.inference_mode():
        trace = model.trace(x)
        gates = model.get_submodule("block2.2.router")(model.block2[:2](model.block1(model.stem(x))))
        torch.testing.assert_close(trace.logits_BK, model(x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(trace.gates_BE, gates, atol=1e-6, rtol=1e-5)


def test_attention_and_gates_sum_to_one(model: DiCLAM, x: torch.Tensor) -> None:
    with torch.inference_mode():
        trace = model.trace(x)
    assert trace.attention_BMNN.shape == (4, 2, 256, 256)
    assert trace.gates_BE.shape == (4, 2)
    assert trace.expert_outputs_BECHW.shape == (4, 2, 256, 8, 8)
    torch.testing.assert_close(trace.attention_BMNN.sum(-1), torch.ones(4, 2, 256))
    torch.testing.assert_close(trace.gates_BE.sum(-1), torch.ones(4))


def test_an_expert_alone_is_the_model_with_its_gate_at_one(model: DiCLAM, x: torch.Tensor) -> None:
    class Fixed(torch.nn.Module):
        def __init__(self, expert: int) -> None:
            super().__init__()
            self.row = torch.eye(2)[expert]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.row.expand(len(x), 2)

    with torch.inference_mode():
        expected = model.trace(x).expert_logits_BEK
        for expert in range(2):
            forced = DiCLAM().eval()
            forced.load_state_dict(model.state_dict())
            moe = forced.block2[2]
            assert isinstance(moe, LightMoE)
            moe.router = Fixed(expert)  # pyright: ignore[reportAttributeAccessIssue]
            torch.testing.assert_close(expected[:, expert], forced(x), atol=1e-5, rtol=1e-4)


def test_mixtures_are_the_model_with_its_gates_replaced(model: DiCLAM, x: torch.Tensor) -> None:
    model.eval()
    asked = torch.tensor([[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]]).expand(len(x), -1, -1)
    with torch.inference_mode():
        logits, gates = model.mixtures(x, lambda own: torch.cat([own[:, None], asked], dim=1))
        torch.testing.assert_close(logits[:, 0], model(x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(gates[:, 0], model.trace(x).gates_BE)
        moe = model.block2[2]
        assert isinstance(moe, LightMoE)
        for k in range(3):
            moe.router.forward = lambda _, k=k: asked[:, k]  # pyright: ignore[reportAttributeAccessIssue]
            torch.testing.assert_close(logits[:, k + 1], model(x), atol=1e-5, rtol=1e-5)
        del moe.router.forward


@pytest.mark.parametrize("size", [(8, 8), (64, 32), (40, 96)])
def test_accepts_sizes_that_divide_by_8(model: DiCLAM, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, *size)).shape == (1, 10)
        assert model.trace(torch.zeros(1, 3, *size)).attention_BMNN.shape[-1] == size[0] * size[1] // 4


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (torch.zeros(3, 32, 32), r"\(3, 32, 32\)"),
        (torch.zeros(1, 1, 32, 32), r"\(1, 1, 32, 32\)"),
        (torch.zeros(1, 3, 30, 32), r"\(1, 3, 30, 32\)"),
        (torch.zeros(0, 3, 32, 32), r"\(0, 3, 32, 32\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "uint8"),
        (torch.full((1, 3, 32, 32), 255.0), "255"),
        (torch.full((1, 3, 32, 32), float("nan")), "nan"),
    ],
)
def test_says_what_it_expected_and_what_it_got(model: DiCLAM, wrong: torch.Tensor, got: str) -> None:
    for call in (model, model.trace):
        with pytest.raises(ValueError, match=f"Expected .*got .*{got}"):
            call(wrong)
