"""Variational information bottleneck for the context: what does not help is squeezed out, identity with it.

Source: Alemi et al., "Deep Variational Information Bottleneck", ICLR 2017, equation 17.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Standard deviations from 0.05 to 20. Below, one lucky sample makes the KL gradient huge; above, exp overflows and the
# sample drowns its batch. tanh and not a hard clamp, because a value at a hard limit would have no gradient back.
LOG_VARIANCE_LIMIT = 6.0


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What left the bottleneck, each (B, latent): the code, and the Gaussian that it was drawn from."""

    z: Tensor
    mean: Tensor
    log_variance: Tensor


class VIB(nn.Module):
    """(B, in) context to a Gaussian code; the code is sampled in training and is the mean in evaluation."""

    def __init__(self, in_width: int, latent: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(in_width, hidden), nn.SiLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)

    def forward(self, context: Tensor) -> Bottleneck:
        hidden = self.trunk(context)
        mean = self.mean(hidden)
        log_variance = LOG_VARIANCE_LIMIT * torch.tanh(self.log_variance(hidden) / LOG_VARIANCE_LIMIT)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean) if self.training else mean
        return Bottleneck(z, mean, log_variance)

    def encode(self, context: Tensor) -> Tensor:
        """(B, in) to the mean (B, latent) alone: what evaluation and the ONNX export use."""
        return self.mean(self.trunk(context))


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats, (B, latent) twice to (B,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def annealed_beta(epoch: int, *, beta: float, warmup: int) -> float:
    """Weight of the KL term: a straight line from 0 at epoch 0 to ``beta`` at epoch ``warmup``, and ``beta`` from there.

    A full weight from the start would close the bottleneck before anything useful has come through. ``warmup`` 0
    switches the annealing off.

    Raises:
        ValueError: a negative epoch, beta or warmup.
    """
    if epoch < 0 or beta < 0 or warmup < 0:
        raise ValueError(f"epoch {epoch}, beta {beta} and warmup {warmup} must not be negative")
    return beta if epoch >= warmup else beta * epoch / warmup


def active_dimensions(mean: Tensor, threshold: float = 0.01) -> int:
    """How many dimensions of (n, latent) means vary over the samples by more than ``threshold`` (variance)."""
    return int((mean.var(0, correction=0) > threshold).sum())
