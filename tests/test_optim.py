"""What moves which weight, how far, and how that follows the budget."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diclam.model import DiCLAM
from diclam.optim import AdamW, Muon, build_optimizers, linear, one_cycle, orthogonalized, set_rates
from diclam.recipe import config


def groups(optimizers: list[torch.optim.Optimizer]) -> list[dict]:
    return [group for optimizer in optimizers for group in optimizer.param_groups]


@pytest.mark.parametrize("recipe", ["report", "fast"])
def test_every_weight_belongs_to_exactly_one_group(recipe: str) -> None:
    model = DiCLAM()
    moved = [id(p) for group in groups(build_optimizers(model, config(recipe))) for p in group["params"]]
    assert sorted(moved) == sorted(id(p) for p in model.parameters())


def test_only_matrices_and_filters_decay() -> None:
    (adamw,) = build_optimizers(DiCLAM(), config("report", weight_decay=0.3))
    for group in adamw.param_groups:
        assert {p.dim() > 1 for p in group["params"]} == {group["weight_decay"] == 0.3}


def test_muon_takes_the_filters_but_not_queries_keys_and_the_router() -> None:
    model = DiCLAM()
    _, muon = build_optimizers(model, config("fast"))
    names = {id(p): name for name, p in model.named_parameters()}
    taken = {names[id(p)] for p in muon.param_groups[0]["params"]}
    assert all(p.dim() == 4 for p in muon.param_groups[0]["params"])
    left = {name for name, p in model.named_parameters() if p.dim() == 4} - taken
    assert left == {"block1.1.query.weight", "block1.1.key.weight", "block2.2.router.gate.weight"}


def test_a_frozen_weight_is_left_alone() -> None:
    model = DiCLAM()
    first = next(model.parameters()).requires_grad_(False)
    assert all(p is not first for group in groups(build_optimizers(model, config("fast"))) for p in group["params"])


def test_an_eager_optimizer_moves_as_torch_s_own() -> None:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(4, 3)) for _ in range(2)]
    weights[1].data.copy_(weights[0].data)
    ours, own = (kind([weight], lr=0.1) for kind, weight in zip((AdamW, torch.optim.AdamW), weights, strict=True))
    for _ in range(3):
        for optimizer, weight in ((ours, weights[0]), (own, weights[1])):
            optimizer.zero_grad()
            (weight**2).sum().backward()
            optimizer.step()
        assert torch.equal(*weights)
    assert torch.is_grad_enabled()


def test_orthogonalizing_keeps_directions_and_evens_strengths() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 40), (3, 40, 16)):
        matrices = torch.randn(shape)
        u, s, vh = torch.linalg.svd(matrices, full_matrices=False)
        even = orthogonalized(matrices, steps=5)
        inside = u.mT @ even @ vh.mT
        strengths = inside.diagonal(dim1=1, dim2=2)
        torch.testing.assert_close(inside, torch.diag_embed(strengths), atol=2e-4, rtol=0)
        assert s.min() / s.max() < 0.35
        assert strengths.min() > 0.5
        assert strengths.max() < 1.3


def test_orthogonalizing_on_the_squares_is_the_iteration_as_its_authors_wrote_it() -> None:
    torch.manual_seed(0)
    for shape in ((2, 16, 90), (2, 40, 16)):
        matrices = torch.randn(shape, dtype=torch.float64)
        for steps in range(4):
            x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
            for _ in range(steps):
                square = x @ x.mT
                x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
            torch.testing.assert_close(orthogonalized(matrices, steps), x)


def reference_move(weight: torch.Tensor, gradients: list[torch.Tensor], rate: float, momentum: float) -> torch.Tensor:
    """Muon for one filter bank, step by step as its authors wrote it down."""
    velocity = torch.zeros_like(weight)
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        steered = (gradient + momentum * velocity).reshape(len(weight), -1)
        weight = weight * len(weight) ** 0.5 / weight.norm()
        weight = weight - rate * orthogonalized(steered[None])[0].reshape(weight.shape)
    return weight


def test_muon_moves_each_filter_bank_as_its_reference_does() -> None:
    torch.manual_seed(0)
    banks = [nn.Parameter(torch.randn(8, 4, 3, 3)) for _ in range(2)] + [nn.Parameter(torch.randn(4, 8, 1, 1))]
    gradients = [[torch.randn_like(bank) for _ in range(3)] for bank in banks]
    expected = [reference_move(b.detach(), g, 0.1, 0.6) for b, g in zip(banks, gradients, strict=True)]
    muon = Muon(banks, lr=0.1, momentum=0.6)
    for step in range(3):
        for bank, given in zip(banks, gradients, strict=True):
            bank.grad = given[step].clone()
        muon.step()
    for bank, weight in zip(banks, expected, strict=True):
        torch.testing.assert_close(bank.detach(), weight)


def test_muon_learns() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 8, 3)
    x, y = torch.randn(64, 3, 8, 8), torch.arange(64) % 8
    muon = Muon([conv.weight], lr=0.05, momentum=0.6)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(conv(x).mean((2, 3)), y)
        muon.zero_grad()
        loss.backward()
        muon.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1


def test_a_scaled_head_is_the_usual_one_with_scaled_logits() -> None:
    """With AdamW, a last layer of a third the size that takes steps of a third is logits divided by three."""
    torch.manual_seed(0)
    scale = 1 / 3
    plain, scaled = nn.Linear(6, 4), nn.Linear(6, 4)
    scaled.load_state_dict({name: t * scale for name, t in plain.state_dict().items()})
    settings = config("report", head_scale=scale, weight_decay=0.1, learning_rate=0.01)
    model = DiCLAM()
    model.classifier[-1] = scaled
    adamw = build_optimizers(model, settings)[0]
    by_hand = torch.optim.AdamW(
        [{"params": [plain.weight], "weight_decay": 0.1}, {"params": [plain.bias], "weight_decay": 0.0}], lr=0.01, eps=1e-12
    )
    for group in adamw.param_groups:
        group["lr"], group["eps"] = group["peak"], 1e-12
    for step in range(5):
        x, y = torch.randn(16, 6, generator=torch.Generator().manual_seed(step)), torch.arange(16) % 4
        for layer, factor, optimizer in ((plain, scale, by_hand), (scaled, 1.0, adamw)):
            optimizer.zero_grad()
            nn.functional.cross_entropy(layer(x) * factor, y).backward()
            optimizer.step()
    torch.testing.assert_close(scaled.weight, plain.weight * scale, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(scaled.bias, plain.bias * scale, atol=1e-6, rtol=1e-4)


def test_the_one_cycle_is_torchs() -> None:
    steps = 200
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=0.01)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps + 1, pct_start=0.25)
    # torch ends its rise one step early: at 0.25 * total - 1.
    peak = (0.25 * (steps + 1) - 1) / steps
    for step in range(steps + 1):
        rate, momentum = one_cycle(step / steps, peak)
        assert rate * 0.01 == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-12)
        assert momentum == pytest.approx(optimizer.param_groups[0]["betas"][0], rel=1e-6)
        if step < steps:
            optimizer.step()
            reference.step()


def test_the_linear_schedule_goes_straight_up_and_down() -> None:
    assert [linear(f, 0.2) for f in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize("schedule", [linear, one_cycle])
def test_schedules_stay_at_their_ends_outside_the_budget(schedule) -> None:
    assert schedule(-1, 0.25) == schedule(0, 0.25)
    assert schedule(2, 0.25) == schedule(1, 0.25)


@pytest.mark.parametrize(("recipe", "momentum"), [("report", 0.85), ("fast", 0.9)])
def test_rates_reach_their_peak_after_the_warm_up(recipe: str, momentum: float) -> None:
    settings = config(recipe)
    optimizers = build_optimizers(DiCLAM(), settings)
    assert set_rates(optimizers, settings, settings.warmup) == pytest.approx(settings.learning_rate)
    assert all(group["lr"] == pytest.approx(group["peak"]) for group in groups(optimizers))
    assert optimizers[0].param_groups[0]["betas"][0] == pytest.approx(momentum)
    set_rates(optimizers, settings, 1.0)
    assert all(group["lr"] < group["peak"] / 1e4 for group in groups(optimizers))
