"""Where training starts: what the training data say before the first step.

With few people every step counts that is not spent on finding where the cosines lie.
"""

from __future__ import annotations

import torch

from models.mimop.model import Mimop, cosines_of
from models.mimop.objective import Batch
from models.mimop.paths import Comparison


@torch.no_grad()
def start_from(model: Mimop, batch: Batch) -> None:
    """Put the identity heads on the principal axes of the batch, and centre and scale the evidence by its cosines.

    ``batch``: training trials of both kinds, as many as there are; never validation data. A modality that is missing
    everywhere keeps its random start.
    """
    sides = (
        (model.face_heads, model.cell.face, batch.face_probe, batch.face_reference, 0),
        (model.voice_heads, model.cell.voice, batch.voice_probe, batch.voice_reference, 1),
    )
    for heads, paths, probe, reference, column in sides:
        present = batch.present[:, column]
        if not bool(present.any()):
            continue
        sample = torch.unique(torch.cat([probe[present], reference[present]]), dim=0)
        heads.start_on_principal_axes(sample)
        raw, identity = cosines_of(heads, probe[present], reference[present])
        here = present[present]
        comparison = Comparison(raw, identity, batch.quality[present, column], here)
        paths.standardise(comparison, batch.genuine[present])
