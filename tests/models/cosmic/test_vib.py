"""The context bottleneck: its divergence, its noise, its annealing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from models.cosmic.vib import LOG_VARIANCE_LIMIT, VIB, active_dimensions, annealed_beta, kl_to_standard_normal
from tests.models.cosmic.exported import run_exported


def test_the_divergence_is_that_of_torch():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(6, 8), torch.randn(6, 8)

    ours = kl_to_standard_normal(mean, log_variance)

    theirs = kl_divergence(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(ours, theirs)


def test_the_divergence_of_the_standard_normal_from_itself_is_zero():
    assert kl_to_standard_normal(torch.zeros(3, 8), torch.zeros(3, 8)).tolist() == [0, 0, 0]


def test_evaluation_gives_the_mean_every_time():
    torch.manual_seed(1)
    vib = VIB(10, latent=4).eval()
    context = torch.randn(5, 10)

    first, second = vib(context), vib(context)

    assert torch.equal(first.z, second.z)
    assert torch.equal(first.z, first.mean)
    assert torch.equal(first.mean, vib.encode(context))


def test_training_draws_from_the_gaussian_that_it_reports():
    torch.manual_seed(2)
    vib = VIB(10, latent=4).train()
    context = torch.randn(1, 10).expand(20_000, 10)

    drawn = vib(context)

    torch.testing.assert_close(drawn.z.mean(0), drawn.mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.z.var(0), drawn.log_variance[0].exp(), atol=0.05, rtol=0.05)


def test_training_repeats_itself_for_the_same_seed():
    vib = VIB(10).train()
    context = torch.randn(3, 10)

    torch.manual_seed(3)
    first = vib(context).z
    torch.manual_seed(3)

    assert torch.equal(first, vib(context).z)


def test_the_log_variance_stays_in_its_range_and_keeps_a_gradient_near_the_limit():
    vib = VIB(2, latent=1)
    with torch.no_grad():
        vib.log_variance.bias.fill_(15.0)

    log_variance = vib(torch.zeros(1, 2)).log_variance
    kl_to_standard_normal(torch.zeros(1, 1), log_variance).sum().backward()

    assert 5.0 < float(log_variance.detach()) < LOG_VARIANCE_LIMIT
    assert vib.log_variance.bias.grad is not None and float(vib.log_variance.bias.grad) > 0


def test_beta_rises_in_a_straight_line_from_zero():
    betas = [annealed_beta(epoch, beta=0.2, warmup=4) for epoch in range(7)]

    assert betas == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.2, 0.2])


def test_without_warmup_beta_is_there_at_once():
    assert annealed_beta(0, beta=0.2, warmup=0) == 0.2


def test_a_negative_epoch_is_refused():
    with pytest.raises(ValueError, match="negative"):
        annealed_beta(-1, beta=0.2, warmup=4)


def test_a_dimension_is_active_when_its_mean_varies():
    mean = torch.stack([torch.tensor([-1.0, 1.0]), torch.tensor([5.0, 5.0]), torch.tensor([-0.09, 0.09])], dim=1)

    assert active_dimensions(mean) == 1
    assert active_dimensions(mean, threshold=0.008) == 2


def test_the_onnx_export_of_the_mean_gives_the_same():
    class Encoder(nn.Module):
        def __init__(self, vib: VIB) -> None:
            super().__init__()
            self.vib = vib

        def forward(self, context: Tensor) -> Tensor:
            return self.vib.encode(context)

    vib = VIB(10, latent=4).eval()
    context = torch.randn(5, 10)

    exported = run_exported(Encoder(vib), (torch.randn(2, 10),), (context,))

    np.testing.assert_allclose(exported, vib.encode(context).detach().numpy(), atol=1e-6)
