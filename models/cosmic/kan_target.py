"""The Kan-extension target: a few learned latents ask the tokens and are pooled to one vector.

Source: Jaegle et al., "Perceiver: General Perception with Iterative Attention", ICML 2021 (one cross-attention block).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class KanTarget(nn.Module):
    """(B, T, h) tokens to f_kan (B, identity), blind to masked tokens and to the order of the others.

    Raises:
        ValueError: ``hidden`` is no multiple of ``heads``.
    """

    def __init__(self, hidden: int, identity: int = 64, latents: int = 4, heads: int = 4) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError(f"hidden width {hidden} is no multiple of {heads} heads")
        self.heads = heads
        self.scale = math.sqrt(hidden / heads)
        self.latents = nn.Parameter(torch.randn(latents, hidden))
        self.token_norm = nn.LayerNorm(hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.merge = nn.Linear(hidden, hidden)
        self.mlp = nn.Sequential(
            nn.LayerNorm(hidden), nn.Linear(hidden, 2 * hidden), nn.SiLU(), nn.Linear(2 * hidden, hidden)
        )
        self.out = nn.Linear(hidden, identity)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """
        Arguments:
            tokens: (B, T, h); what stands in a masked token does not matter, not even NaN.
            mask: (B, T) bool, True where the token may be used.

        Returns:
            (B, identity). A row without any usable token gives a constant, which the caller refuses.
        """
        usable = mask.unsqueeze(-1)
        tokens = self.token_norm(torch.where(usable, tokens, 0.0))
        latents = self.latents + self.merge(self._attend(tokens, mask))
        latents = latents + self.mlp(latents)
        return self.out(latents.mean(1))

    def _attend(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, latents, h). Plain matmul and softmax: a fused attention returns NaN for a row that is wholly masked."""
        query = self._split(self.query(self.latents))
        key, value = self._split(self.key(tokens)), self._split(self.value(tokens))
        scores = query @ key.transpose(-1, -2) / self.scale
        # Masked tokens are zeros by now: in a row without any usable one the softmax is uniform over equals, not NaN.
        scores = scores.masked_fill(~mask[:, None, None, :], torch.finfo(scores.dtype).min)
        attention = scores.softmax(-1)
        return (attention @ value).transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        """(..., n, h) to (..., heads, n, h / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)
