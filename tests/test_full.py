"""The full network: standard blocks in the places of the light ones, and all that takes a model takes it or says no."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import diclam.model
from diclam import checkpoint, data, recorder, runs
from diclam.blocks import MoE
from diclam.draw import render
from diclam.errors import ConfigError
from diclam.evaluate import Evaluation
from diclam.explain import explain
from diclam.fader import fade, fade_all
from diclam.full import EXPERTS, EncoderBlock
from diclam.hiding import occlude
from diclam.knockout import knock_out
from diclam.model import DiCLAM, ModelConfig
from diclam.optim import Muon, build_optimizers
from diclam.predict import picture_of, predict
from diclam.recipe import config, with_model
from diclam.twin import untrained
from tests.conftest import random_cifar10, small_config

FULL = ModelConfig(blocks="full")
README = Path(__file__).parents[1] / "README.md"


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def model() -> DiCLAM:
    torch.manual_seed(0)
    return DiCLAM(FULL).eval()


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return random_cifar10(10, 10).test_images[0]


def test_its_count_is_what_is_written_about_it(model: DiCLAM) -> None:
    written = f"{count(model):,}"
    assert written in (diclam.model.__doc__ or "")
    assert written in README.read_text(encoding="utf-8")


def test_it_differs_from_the_light_one_in_two_layers_alone(model: DiCLAM) -> None:
    light, rows = DiCLAM(), model.layers()
    different = [a.output for a, b in zip(light.layers(), rows, strict=True) if a != b]
    assert different == ["64 x 16 x 16", "256 x 8 x 8"]
    assert sum(row.parameters for row in rows) == count(model)
    others = {name: t.shape for name, t in light.state_dict().items() if not re.match(r"block1\.1|block2\.2", name)}
    assert others.items() <= {name: t.shape for name, t in model.state_dict().items()}.items()


def test_settings_that_were_written_before_there_was_a_choice_are_light() -> None:
    old = {"heads": 2, "activation": "gelu", "dropout_input": 0.1, "dropout_hidden": 0.1}
    assert ModelConfig.from_dict(old) == ModelConfig(blocks="light")
    with pytest.raises(ConfigError, match="blocks must be 'light' or 'full'; got 'heavy'"):
        ModelConfig(blocks="heavy")


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_its_block_is_the_encoder_layer_of_pytorch(heads: int) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(
        8, heads, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )  # fmt: skip
    block = EncoderBlock(8, heads)
    attention = layer.self_attn
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape) / 2)
        for part, name in enumerate(("query", "key", "value")):
            block.get_submodule(name).weight.copy_(attention.in_proj_weight.chunk(3)[part])  # pyright: ignore
            block.get_submodule(name).bias.copy_(attention.in_proj_bias.chunk(3)[part])  # pyright: ignore
    block.output.load_state_dict(attention.out_proj.state_dict())
    block.feed_forward[0].load_state_dict(layer.linear1.state_dict())
    block.feed_forward[2].load_state_dict(layer.linear2.state_dict())
    block.norm1.load_state_dict(layer.norm1.state_dict())
    block.norm2.load_state_dict(layer.norm2.state_dict())
    x = torch.randn(2, 8, 3, 5)
    tokens = x.flatten(2).mT
    expected = layer(tokens).mT.view_as(x)
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(block(x.contiguous(memory_format=torch.channels_last)), expected, atol=1e-5, rtol=1e-5)
    out, weights = block.trace(x)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
    normed = layer.norm1(tokens)
    _, by_pytorch = attention(normed, normed, normed, average_attn_weights=False)
    torch.testing.assert_close(weights, by_pytorch, atol=1e-6, rtol=1e-5)


def test_the_trace_gives_the_same_answer_and_its_shares_sum_to_one(model: DiCLAM, x: Tensor) -> None:
    with torch.inference_mode():
        trace = model.trace(x)
        torch.testing.assert_close(trace.logits_BK, model(x), atol=1e-5, rtol=1e-4)
    assert trace.gates_BE.shape == (3, EXPERTS)
    assert trace.expert_outputs_BECHW.shape == (3, EXPERTS, 256, 8, 8)
    assert trace.attention_BMNN.shape == (3, 2, 256, 256)
    torch.testing.assert_close(trace.gates_BE.sum(1), torch.ones(3))
    torch.testing.assert_close(trace.attention_BMNN.sum(-1), torch.ones(3, 2, 256))


def test_mixtures_are_the_model_with_its_gates_replaced(x: Tensor) -> None:
    torch.manual_seed(0)
    model = DiCLAM(FULL).eval()
    asked = torch.cat([torch.eye(EXPERTS), torch.tensor([[0.1, 0.2, 0.3, 0.4]])]).expand(len(x), -1, -1)
    with torch.inference_mode():
        logits, gates = model.mixtures(x, lambda own: torch.cat([own[:, None], asked], dim=1))
        trace = model.trace(x)
        torch.testing.assert_close(gates[:, 0], trace.gates_BE)
        torch.testing.assert_close(logits[:, 0], trace.logits_BK, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(logits[:, 1 : 1 + EXPERTS], trace.expert_logits_BEK, atol=1e-5, rtol=1e-5)
        moe = model.block2[2]
        assert isinstance(moe, MoE)
        for k in range(asked.shape[1]):
            moe.router.forward = lambda _, k=k: asked[:, k]  # pyright: ignore[reportAttributeAccessIssue]
            torch.testing.assert_close(logits[:, k + 1], model(x), atol=1e-5, rtol=1e-5)


def test_it_is_trained_tested_kept_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar10 = random_cifar10(48, 20)
    monkeypatch.setattr(data, "load", lambda progress: cifar10)
    settings = with_model(small_config("fast", batch_size=16, holdout=16), blocks="full")
    run = runs.Run(tmp_path / "run")
    recorder.record(run, settings, lambda event: None, lambda: False)
    model = checkpoint.load(run.path)
    assert model.config == settings.model
    assert json.loads((run.path / "config.json").read_text())["blocks"] == "full"
    evaluation = Evaluation.load(run.path)
    assert evaluation.parameters == count(model)
    assert evaluation.gates.shape == evaluation.alone.shape == (20, EXPERTS)
    np.testing.assert_allclose(evaluation.gates.sum(1), 1, atol=1e-5)
    prediction = predict(model, cifar10.test_images[3])
    np.testing.assert_allclose(prediction.probabilities, evaluation.probabilities[3], atol=1e-4)
    np.testing.assert_allclose(prediction.gates, evaluation.gates[3], atol=1e-4)
    best = [int(np.argmax(alone)) for alone in prediction.expert_probabilities]
    assert best == evaluation.alone[3].tolist()
    assert np.array_equal(evaluation.by_expert(3).predicted, evaluation.alone[:, 3])


def test_it_is_explained_and_drawn(model: DiCLAM, pixels: Tensor) -> None:
    explanation = explain(model, pixels)
    assert explanation.attention.shape == (2, 256, 256)
    assert len(explanation.to_json()["gates"]) == EXPERTS
    assert render(explanation, picture_of(pixels)).width == 1000
    assert occlude(model, pixels).hidden.shape == (8, 8)


def test_what_is_made_for_two_experts_says_so(model: DiCLAM, pixels: Tensor) -> None:
    images, labels = pixels[None], torch.zeros(1, dtype=torch.long)
    for look in (lambda: fade(model, pixels), lambda: fade_all(model, images, labels), lambda: knock_out(model, pixels)):
        with pytest.raises(ConfigError, match=r"two experts; this is the full one.*--blocks light"):
            look()


def test_its_untrained_twin_answers(pixels: Tensor) -> None:
    twin = untrained(FULL)
    assert all(torch.isfinite(t).all() for t in twin.state_dict().values())
    assert len(predict(twin, pixels).gates) == EXPERTS


def test_muon_steers_its_matrices_but_not_those_that_set_how_sharp_attention_is(model: DiCLAM) -> None:
    optimizers = build_optimizers(model, config("fast"))
    names = {id(p): name for name, p in model.named_parameters()}
    muon = next(optimizer for optimizer in optimizers if isinstance(optimizer, Muon))
    steered = {names[id(p)].removeprefix("block1.1.") for p in muon.param_groups[0]["params"]}
    assert {"value.weight", "output.weight", "feed_forward.0.weight", "feed_forward.2.weight"} <= steered
    assert not any(re.search("query|key|gate|classifier|bias", name) for name in steered)
