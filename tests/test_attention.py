import pytest
import torch
import torch.nn.functional as F

from diclam.attention import CHUNK, attend, attention_weights


def queries_keys_values(batch: int, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, 2, 9, 4, generator=generator, dtype=dtype).requires_grad_() for _ in range(3)]


@pytest.mark.parametrize("batch", [1, CHUNK, CHUNK + 3])
def test_training_and_answering_agree(batch: int) -> None:
    q, k, v = queries_keys_values(batch, torch.float64)
    with torch.no_grad():
        expected = attend(q, k, v)
    torch.testing.assert_close(attend(q, k, v), expected)
    torch.testing.assert_close(attention_weights(q, k).double() @ v, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, CHUNK + 3])
def test_gradients_are_those_of_the_fused_kernel(batch: int) -> None:
    inputs = queries_keys_values(batch, torch.float64)
    weights = torch.randn(batch, 2, 9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    q, k, v = inputs
    expected = torch.autograd.grad((F.scaled_dot_product_attention(q, k, v) * weights).sum(), inputs)
    torch.testing.assert_close(torch.autograd.grad((attend(q, k, v) * weights).sum(), inputs), expected)


def test_gradients_are_those_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(attend, queries_keys_values(1, torch.float64))


def test_views_of_a_channels_last_map_are_as_good_as_copies() -> None:
    copies = queries_keys_values(3, torch.float64)
    views = [t.detach().transpose(1, 2).contiguous().transpose(1, 2).requires_grad_() for t in copies]
    for q, k, v in (copies, views):
        attend(q, k, v).square().sum().backward()
    for view, copy in zip(views, copies, strict=True):
        torch.testing.assert_close(view.grad, copy.grad)


def test_bfloat16_stays_bfloat16() -> None:
    q, k, v = queries_keys_values(2, torch.bfloat16)
    mixed = attend(q, k, v)
    mixed.sum().backward()
    assert mixed.dtype == torch.bfloat16
    assert q.grad is not None
    assert q.grad.dtype == torch.bfloat16
    torch.testing.assert_close(mixed, F.scaled_dot_product_attention(q, k, v), atol=0.02, rtol=0.02)
