"""The heads: unit vectors, and a start that keeps what the frozen embedding knows."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from models.mimop.heads import Heads, unit
from models.mimop.spread import spread_loss


def gram_error(heads, x):
    identity = heads.identity(x)
    return float((identity @ identity.T - x @ x.T).abs().mean().detach())


def test_both_heads_are_on_the_unit_sphere():
    torch.manual_seed(0)

    identity, modality = Heads(192, 64)(torch.randn(9, 192) * 5)

    assert identity.shape == modality.shape == (9, 64)
    torch.testing.assert_close(identity.norm(dim=1), torch.ones(9))
    torch.testing.assert_close(modality.norm(dim=1), torch.ones(9))


def test_identity_head_of_full_width_starts_with_the_cosines_of_the_embedding():
    torch.manual_seed(0)
    x = normalize(torch.randn(20, 64))

    assert gram_error(Heads(64, 64), x) < 1e-6


def test_narrow_identity_head_starts_near_the_cosines_of_the_embedding():
    torch.manual_seed(0)
    person = normalize(torch.randn(50, 512))
    probe = normalize(person + 0.05 * torch.randn(50, 512))

    heads = Heads(512, 64)
    cosines = heads.identity(person) @ heads.identity(probe).T

    genuine, impostor = cosines.diagonal(), cosines[~torch.eye(50, dtype=torch.bool)]
    assert genuine.mean() - impostor.mean() > 4 * impostor.std()


def test_principal_axes_keep_the_cosines_that_random_axes_lose():
    torch.manual_seed(0)
    x = normalize(torch.randn(200, 16) @ torch.randn(16, 512))
    heads = Heads(512, 64)
    random_error = gram_error(heads, x)

    heads.start_on_principal_axes(x)

    assert gram_error(heads, x) < 1e-5 < random_error


def test_principal_axes_of_fewer_samples_than_the_head_is_wide_stay_orthonormal():
    heads = Heads(128, 64)

    heads.start_on_principal_axes(torch.randn(3, 128))

    weight = heads.projection.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(64), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="at least one"):
        heads.start_on_principal_axes(torch.zeros(0, 128))


def test_a_row_of_zeros_has_finite_heads_and_gradients():
    torch.manual_seed(0)
    heads = Heads(32, 8)

    identity, modality = heads(torch.zeros(2, 32))
    (identity.sum() + modality.sum()).backward()

    assert torch.isfinite(identity).all()
    assert torch.isfinite(modality).all()
    assert all(torch.isfinite(one.grad).all() for one in heads.parameters())
    torch.testing.assert_close(unit(torch.zeros(1, 4)), torch.zeros(1, 4))


def test_spread_is_zero_on_the_uniform_sphere_and_nearly_one_for_a_constant():
    torch.manual_seed(0)
    uniform = unit(torch.randn(2000, 16))
    constant = unit(torch.randn(1, 16)).expand(50, 16)

    assert float(spread_loss(uniform)) < 0.02
    assert float(spread_loss(constant)) > 0.99
    assert float(spread_loss(uniform[:1])) == 0.0
