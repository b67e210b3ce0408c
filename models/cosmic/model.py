"""COSMIC: face, voice and context to one identity on the unit sphere, with any of them missing.

The parts are in files of their own; this one joins them. Node order is face, voice, context.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.cosmic.cge import ConvexEnergySolver
from models.cosmic.config import CosmicConfig
from models.cosmic.ka_spline import KASpline
from models.cosmic.kan_target import KanTarget
from models.cosmic.morphisms import Morphisms
from models.cosmic.nodes import PAIRS, Node
from models.cosmic.sheaf import Sheaf
from models.cosmic.vib import VIB, Bottleneck

# A present modality never weighs less: below this the exported solver would need more iterations than it has.
LEAST_QUALITY = 0.1


@dataclass(frozen=True, slots=True)
class Capture:
    """n captures as tensors.

    Arguments:
        face: (n, face width), voice: (n, voice width), context: (n, 218) z-scored; anything where absent.
        quality: (n, 2) of face and voice in [0, 1]; 1 where unknown.
        present: (n, 3) bool; at least face or voice in every row.
    """

    face: Tensor
    voice: Tensor
    context: Tensor
    quality: Tensor
    present: Tensor

    def only(self, node: Node) -> Capture:
        """The same captures with one modality, and no context."""
        keep = torch.zeros_like(self.present)
        keep[:, node] = self.present[:, node]
        return Capture(self.face, self.voice, self.context, self.quality, keep)

    def cleared(self) -> Capture:
        """Zeros in place of what is absent, which may be anything, NaN included, and must not reach a gradient."""
        face, voice, context = (
            torch.where(self.present[:, node, None], values, torch.zeros_like(values))
            for node, values in ((Node.FACE, self.face), (Node.VOICE, self.voice), (Node.CONTEXT, self.context))
        )
        return Capture(face, voice, context, self.quality, self.present)

    def evidence(self) -> tuple[Tensor, Tensor]:
        """(n, 2) quality, never below LEAST_QUALITY, and (n, 2) presence of face and voice, as the solver takes them."""
        return self.quality.clamp(LEAST_QUALITY, 1.0), self.present[:, : Node.CONTEXT]

    def where(self, rows: Tensor) -> Capture:
        return Capture(self.face[rows], self.voice[rows], self.context[rows], self.quality[rows], self.present[rows])


@dataclass(frozen=True, slots=True)
class Encoded:
    """What training needs to see of a batch; ``identity`` (n, d) is what comparison needs.

    Arguments:
        target: (n, d) the Kan target f_kan.
        tokens: (n, 3, h) of face, voice, context. mapped: (n, 3, 3, h), phi_ij(m_i), or None without morphisms.
        bottleneck: of the context, or None without it.
    """

    identity: Tensor
    target: Tensor
    tokens: Tensor
    mapped: Tensor | None
    bottleneck: Bottleneck | None


class Cosmic(nn.Module):
    """The full model, or the compact one, as the configuration says.

    Example:
        >>> model = Cosmic(CosmicConfig(face_width=8, voice_width=6, hidden=16))
        >>> capture = Capture(torch.rand(2, 8), torch.rand(2, 6), torch.rand(2, 218), torch.ones(2, 2),
        ...                   torch.ones(2, 3, dtype=torch.bool))
        >>> model(capture).identity.shape
        torch.Size([2, 64])
    """

    def __init__(self, config: CosmicConfig) -> None:
        super().__init__()
        self.config = config
        project = KASpline if config.splines else LinearProjection
        self.face = project(config.face_width, config.hidden)
        self.voice = project(config.voice_width, config.hidden)
        self.context = VIB(config.context_width, config.latent) if config.bottleneck else None
        self.context_token = nn.Linear(config.latent if config.bottleneck else config.context_width, config.hidden)
        self.normalise = nn.ModuleList(nn.LayerNorm(config.hidden) for _ in Node)
        self.dropout = nn.Dropout(config.dropout)
        self.morphisms = Morphisms(config.hidden) if config.has_morphisms else None
        self.sheaf = Sheaf(config.hidden) if config.has_morphisms else None
        kinds = len(Node) + (len(PAIRS) if config.has_morphisms else 0)
        self.kinds = nn.Parameter(0.02 * torch.randn(kinds, config.hidden))  # attention alone knows no token's origin
        self.target: nn.Module = (
            KanTarget(config.hidden, config.identity)
            if config.attention
            else _Concatenation(kinds, config.hidden, config.identity)
        )
        self.solver = ConvexEnergySolver(config.hidden, config.identity) if config.solver else None

    def forward(self, capture: Capture) -> Encoded:
        capture = capture.cleared()
        bottleneck = self.context(capture.context) if self.context is not None else None
        context = bottleneck.z if bottleneck is not None else capture.context
        tokens = self._tokens(capture, context)
        mapped = self.morphisms(tokens) if self.morphisms is not None else None
        target = self.target(*self._attended(tokens, mapped, capture.present))
        return Encoded(self._identity(target, tokens, capture), target, tokens, mapped, bottleneck)

    def encode(self, capture: Capture) -> Tensor:
        """Identities (n, d) alone, by operations that ONNX has: the solver iterates in place of factorising."""
        capture = capture.cleared()
        context = self.context.encode(capture.context) if self.context is not None else capture.context
        tokens = self._tokens(capture, context)
        mapped = self.morphisms(tokens) if self.morphisms is not None else None
        target = self.target(*self._attended(tokens, mapped, capture.present))
        if self.solver is None:
            return nn.functional.normalize(target, dim=1)
        return self.solver.solve_iteratively(target, tokens[:, 0], tokens[:, 1], *capture.evidence()).identity

    def _tokens(self, capture: Capture, context: Tensor) -> Tensor:
        """(n, 3, h), zeros where a node is absent, so that whatever stands in its place has no influence."""
        nodes = (self.face(capture.face), self.voice(capture.voice), self.context_token(context))
        tokens = torch.stack([norm(node) for norm, node in zip(self.normalise, nodes, strict=True)], 1)
        return self.dropout(tokens) * capture.present.unsqueeze(2)

    def _attended(self, tokens: Tensor, mapped: Tensor | None, present: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens m_i and phi_ij(m_i) with their kinds, and which of them can be used."""
        if mapped is None:
            return tokens + self.kinds, present
        moved = torch.stack([mapped[:, source, target] for source, target in PAIRS], 1)
        usable = torch.stack([present[:, source] for source, _ in PAIRS], 1)
        return torch.cat([tokens, moved], 1) + self.kinds, torch.cat([present, usable], 1)

    def _identity(self, target: Tensor, tokens: Tensor, capture: Capture) -> Tensor:
        if self.solver is None:
            return nn.functional.normalize(target, dim=1)
        return self.solver(target, tokens[:, 0], tokens[:, 1], *capture.evidence()).identity


class LinearProjection(nn.Module):
    """What A3 puts in the place of a KA-spline."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.normalise = nn.LayerNorm(in_width)
        self.linear = nn.Linear(in_width, out_width)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.normalise(x))


class _Concatenation(nn.Module):
    """What B1 puts in the place of attention: absent tokens are zeros."""

    def __init__(self, tokens: int, hidden: int, identity: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(tokens * hidden, 2 * hidden), nn.SiLU(), nn.Dropout(0.1), nn.Linear(2 * hidden, identity)
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return self.layers((tokens * mask.unsqueeze(2)).flatten(1))
