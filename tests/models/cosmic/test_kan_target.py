"""The Kan-extension target sees usable tokens only, in no order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.cosmic.kan_target import KanTarget
from tests.models.cosmic.exported import run_exported


@pytest.fixture
def target() -> KanTarget:
    torch.manual_seed(0)
    return KanTarget(16, identity=10).eval()


def some_mask(rows: int, tokens: int) -> torch.Tensor:
    mask = torch.rand(rows, tokens) > 0.5
    mask[:, 0] = True
    return mask


@pytest.mark.parametrize("garbage", [1e20, float("inf"), float("nan")])
def test_a_masked_token_has_no_influence_and_no_gradient(target: KanTarget, garbage: float):
    tokens, mask = torch.randn(6, 9, 16), some_mask(6, 9)
    changed = torch.where(mask.unsqueeze(-1), tokens, garbage).requires_grad_()

    result = target(changed, mask)
    result.sum().backward()

    assert torch.equal(result, target(tokens, mask))
    assert changed.grad is not None
    assert not changed.grad[~mask].any()
    assert bool(torch.isfinite(changed.grad).all())


def test_masking_is_the_same_as_leaving_out(target: KanTarget):
    tokens = torch.randn(3, 9, 16)
    mask = torch.arange(9).expand(3, 9) < 5

    torch.testing.assert_close(target(tokens, mask), target(tokens[:, :5], mask[:, :5]))


def test_a_usable_token_has_influence(target: KanTarget):
    tokens, mask = torch.randn(3, 9, 16), torch.ones(3, 9, dtype=torch.bool)
    changed = tokens.clone()
    changed[:, 4] = torch.randn(3, 16)

    assert not torch.allclose(target(changed, mask), target(tokens, mask), atol=1e-3)


def test_the_order_of_tokens_does_not_matter(target: KanTarget):
    tokens, mask = torch.randn(3, 9, 16), some_mask(3, 9)
    order = torch.randperm(9)

    torch.testing.assert_close(target(tokens[:, order], mask[:, order]), target(tokens, mask))


def test_a_row_without_usable_tokens_is_finite_and_leaves_the_others_alone(target: KanTarget):
    tokens, mask = torch.randn(3, 9, 16, requires_grad=True), some_mask(3, 9)
    mask[1] = False

    result = target(tokens, mask)
    result.sum().backward()

    assert bool(torch.isfinite(result).all())
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in target.parameters())
    torch.testing.assert_close(result[[0, 2]], target(tokens[[0, 2]], mask[[0, 2]]))


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        KanTarget(10, heads=4)


def test_the_onnx_export_gives_the_same_with_and_without_usable_tokens(target: KanTarget):
    tokens, mask = torch.randn(5, 9, 16), some_mask(5, 9)
    mask[3] = False

    exported = run_exported(target, (torch.randn(2, 9, 16), some_mask(2, 9)), (tokens, mask))

    np.testing.assert_allclose(exported, target(tokens, mask).detach().numpy(), atol=1e-5)
