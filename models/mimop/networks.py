"""Evidence networks of the CEBS cell: from cosines and quality to evidence for {genuine, impostor}.

All of them are monotone: at fixed quality no cosine that rises can lower the evidence for genuine or raise that for
impostor, whatever the parameters. An odd bump of a free network would be a gift to whoever searches for a probe that
sits on it. Every path from a cosine has weights >= 0 (softplus of the parameter), as in Sill, "Monotonic Networks",
NeurIPS 1997; biases and the weights of quality are free.

Evidence is the exponential of a logit: with e_g = exp(l) and e_i = exp(-l) the log-odds of the expected probability are
l itself, so that a linear network contains logistic regression on the cosine.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

from models.mimop.choices import Network

LARGEST_EVIDENCE = 1e6  # beyond a million to one nothing is believed: no training set is that large
KNOTS = (-2.5, 2.5)  # where hidden units bend at the start, in standard deviations of the cosine
SIGNS = ((1.0,), (-1.0,))  # genuine rises, impostor falls


class MonotoneLinear(nn.Module):
    """x (n, inputs) to (n, outputs) with weights >= 0 and a free bias."""

    def __init__(self, inputs: int, outputs: int, *, start: float) -> None:
        super().__init__()
        jitter = 1.0 + 0.1 * torch.randn(outputs, inputs).clamp(-2.0, 2.0)
        self.raw = nn.Parameter(_inverse_softplus(start * jitter))
        self.bias = nn.Parameter(torch.zeros(outputs))

    @property
    def weight(self) -> Tensor:
        return softplus(self.raw)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class OpposedLinear(MonotoneLinear):
    """x (n, inputs) to two logits (n, 2): the first never falls, the second never rises with x."""

    signs: Tensor

    def __init__(self, inputs: int, *, start: float) -> None:
        super().__init__(inputs, 2, start=start)
        self.register_buffer("signs", torch.tensor(SIGNS), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.signs, self.bias)


class LinearEvidence(nn.Module):
    """Logistic regression on the cosines, one a class."""

    def __init__(self, cosines: int, *, quality: bool) -> None:
        super().__init__()
        self.comparison = OpposedLinear(cosines, start=1.0 / cosines)
        self.quality = _quality_weights(2) if quality else None

    def forward(self, z: Tensor, quality: Tensor) -> Tensor:
        """``z`` (n, cosines) standardised, ``quality`` (n, 1): evidence (n, 2)."""
        logits = self.comparison(z)
        return _evidence(logits if self.quality is None else logits + self.quality(quality - 1.0))


class MlpEvidence(nn.Module):
    """A linear map plus a layer of monotone bends; saturating units, since convex ones could only bend one way."""

    def __init__(self, cosines: int, width: int, *, quality: bool) -> None:
        super().__init__()
        self.straight = OpposedLinear(cosines, start=0.5 / cosines)
        self.bends = MonotoneLinear(cosines, width, start=1.0 / cosines)
        self.out = OpposedLinear(width, start=0.5 / width)
        self.quality = _quality_weights(width) if quality else None
        with torch.no_grad():
            self.bends.bias.copy_(-torch.linspace(*KNOTS, width))

    def forward(self, z: Tensor, quality: Tensor) -> Tensor:
        """``z`` (n, cosines) standardised, ``quality`` (n, 1): evidence (n, 2)."""
        hidden = self.bends(z)
        if self.quality is not None:
            hidden = hidden + self.quality(quality - 1.0)
        return _evidence(self.straight(z) + self.out(torch.tanh(hidden)))


class GatedEvidence(nn.Module):
    """Two linear maps, one for good and one for poor samples, blended by a gate on quality."""

    def __init__(self, cosines: int, *, quality: bool) -> None:
        super().__init__()
        self.good = OpposedLinear(cosines, start=1.0 / cosines)
        self.poor = OpposedLinear(cosines, start=0.5 / cosines)
        self.gate = MonotoneLinear(1, 1, start=4.0)
        self.quality = _quality_weights(2) if quality else None
        with torch.no_grad():
            self.gate.bias.fill_(2.0)

    def forward(self, z: Tensor, quality: Tensor) -> Tensor:
        """``z`` (n, cosines) standardised, ``quality`` (n, 1): evidence (n, 2)."""
        gate = torch.sigmoid(self.gate(quality - 1.0))
        logits = gate * self.good(z) + (1.0 - gate) * self.poor(z)
        return _evidence(logits if self.quality is None else logits + self.quality(quality - 1.0))


def build_network(network: Network, cosines: int, *, quality: bool) -> nn.Module:
    """The evidence network of a choice. ``cosines`` it is fed; ``quality``: whether that is a feature too."""
    match network:
        case Network.LINEAR:
            return LinearEvidence(cosines, quality=quality)
        case Network.MLP_16:
            return MlpEvidence(cosines, 16, quality=quality)
        case Network.MLP_32:
            return MlpEvidence(cosines, 32, quality=quality)
        case Network.GATED:
            return GatedEvidence(cosines, quality=quality)


def _quality_weights(outputs: int) -> nn.Linear:
    """Start at 0, and are fed quality - 1: where every quality is 1, or unknown, they learn nothing and say nothing."""
    weights = nn.Linear(1, outputs, bias=False)
    nn.init.zeros_(weights.weight)
    return weights


def _evidence(logits: Tensor) -> Tensor:
    """exp of the logits, bent smoothly so that it stays below LARGEST_EVIDENCE and still rises there."""
    cap = math.log(LARGEST_EVIDENCE)
    return torch.exp(cap - softplus(cap - logits))


def _inverse_softplus(weight: Tensor) -> Tensor:
    return weight + torch.log(-torch.expm1(-weight))
