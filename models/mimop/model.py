"""MIMOP-FAME-CEBS: face and voice of a probe against an enrolled reference, as a Dirichlet opinion.

MIMOP: identity and modality heads (heads.py), made independent by HSIC (hsic.py). FAME: what draws the identity heads
together (fame.py). CEBS: evidence of each modality (networks.py), combined by the cell (cell.py).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.mimop.cell import CebsCell, CellPaths, Fused
from models.mimop.config import MimopConfig
from models.mimop.evidence import Opinion
from models.mimop.heads import Heads, unit
from models.mimop.paths import Comparison


class Mimop(nn.Module):
    """The fusion of ``config``; ``fusion`` in place of its cell is for the search (a ``Supernet``).

    ``edisc`` of the configuration is read as "evidence discounting": before the combination each modality's opinion is
    discounted by a reliability r = sigmoid(a * quality + c), a >= 0 and c learned (paths.Reliability).

    Example::

        model = Mimop(MimopConfig(face_width=512, voice_width=192))
        fused = model(face, face_reference, voice, voice_reference, quality, present)  # fused.log_odds is (n,)
    """

    def __init__(self, config: MimopConfig, fusion: CellPaths | None = None) -> None:
        super().__init__()
        self.config = config
        self.face_heads = Heads(config.face_width, config.head, config.hidden)
        self.voice_heads = Heads(config.voice_width, config.head, config.hidden)
        self.cell = CebsCell(config.built_cell) if fusion is None else fusion

    def forward(
        self,
        face_probe: Tensor,
        face_reference: Tensor,
        voice_probe: Tensor,
        voice_reference: Tensor,
        quality: Tensor,
        present: Tensor | None = None,
    ) -> Fused:
        """Faces (n, face_width), voices (n, voice_width), ``quality`` (n, 2) in [0, 1], ``present`` (n, 2) bool.

        Columns are face, voice. Any argument may have one row, which then goes for all n: a probe against many
        references. Without ``present`` everything is. What an absent modality's rows hold is not looked at; its opinion is
        vacuous. Embeddings need not be of unit length.
        """
        if present is not None:
            face_here, voice_here = present[:, :1], present[:, 1:]
            face_probe, face_reference = _cleared(face_probe, face_here), _cleared(face_reference, face_here)
            voice_probe, voice_reference = _cleared(voice_probe, voice_here), _cleared(voice_reference, voice_here)
            quality = torch.where(present, quality, torch.ones_like(quality))
        face = cosines_of(self.face_heads, face_probe, face_reference)
        voice = cosines_of(self.voice_heads, voice_probe, voice_reference)
        rows = torch.zeros_like(face[0] + voice[0] + quality[:, 0])
        fused: Fused = self.cell(
            _comparison(face, quality[:, 0], None if present is None else present[:, 0], rows),
            _comparison(voice, quality[:, 1], None if present is None else present[:, 1], rows),
        )
        return fused

    def face_opinion(self, probe: Tensor, reference: Tensor, quality: Tensor) -> Opinion:
        """Face alone: (n, face_width) twice and ``quality`` (n, 1) to the opinion (n,); one row goes for all."""
        return self.cell.face_opinion(_alone(self.face_heads, probe, reference, quality))

    def voice_opinion(self, probe: Tensor, reference: Tensor, quality: Tensor) -> Opinion:
        """Voice alone: (n, voice_width) twice and ``quality`` (n, 1) to the opinion (n,); one row goes for all."""
        return self.cell.voice_opinion(_alone(self.voice_heads, probe, reference, quality))

    def embed_face(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Face embeddings (n, face_width) to identity (n, head) and modality (n, head), both unit."""
        heads: tuple[Tensor, Tensor] = self.face_heads(x)
        return heads

    def embed_voice(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Voice embeddings (n, voice_width) to identity (n, head) and modality (n, head), both unit."""
        heads: tuple[Tensor, Tensor] = self.voice_heads(x)
        return heads


def _alone(heads: Heads, probe: Tensor, reference: Tensor, quality: Tensor) -> Comparison:
    cosines = cosines_of(heads, probe, reference)
    return _comparison(cosines, quality[:, 0], None, torch.zeros_like(cosines[0] + quality[:, 0]))


def cosines_of(heads: Heads, probe: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines of the frozen embeddings and of the identity heads, both (n,)."""
    raw = (unit(probe) * unit(reference)).sum(dim=1)
    identity = (heads.identity(probe) * heads.identity(reference)).sum(dim=1)
    return raw, identity


def _comparison(cosines: tuple[Tensor, Tensor], quality: Tensor, present: Tensor | None, rows: Tensor) -> Comparison:
    """``rows`` (n,) are zeros that say how many rows there are."""
    everywhere = torch.ones_like(rows, dtype=torch.bool)
    return Comparison(
        raw=cosines[0] + rows,
        identity=cosines[1] + rows,
        quality=quality.clamp(0.0, 1.0) + rows,
        present=everywhere if present is None else everywhere & present,
    )


def _cleared(x: Tensor, here: Tensor) -> Tensor:
    """Zeros in place of what is absent, which may be anything, NaN included, and must not reach a gradient."""
    return torch.where(here, x, torch.zeros_like(x))
