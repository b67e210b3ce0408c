"""FAME: identity heads drawn together within a modality and across modalities.

Sources: multi-similarity of Wang et al., CVPR 2019, by pytorch-metric-learning; the cross-modal term is the supervised
contrastive loss (equation 2, L_out) of Khosla et al., NeurIPS 2020, with one modality as anchors and the other as
candidates. The setting is that of the FAME 2024 challenge (Saeed et al.).
"""

from __future__ import annotations

import torch
from pytorch_metric_learning.losses import MultiSimilarityLoss
from torch import Tensor


def fame_loss(
    face_identity: Tensor,
    face_labels: Tensor,
    voice_identity: Tensor,
    voice_labels: Tensor,
    *,
    temperature: float = 0.1,
    cross_modal: float = 1.0,
) -> Tensor:
    """Multi-similarity of faces (n, d) and of voices (m, d), plus ``cross_modal`` times the cross-modal term: a scalar.

    Labels are whole numbers, (n,) and (m,); the same number is the same person. A term without pairs is 0, with a
    gradient of 0: an empty modality, or no person whom both have. On chimeric people a face says nothing about a
    voice; there ``cross_modal`` should be 0.
    """
    within = _multi_similarity(face_identity, face_labels) + _multi_similarity(voice_identity, voice_labels)
    if cross_modal == 0.0:
        return within
    across = cross_modal_loss(face_identity, face_labels, voice_identity, voice_labels, temperature=temperature)
    return within + cross_modal * across


def cross_modal_loss(
    face_identity: Tensor, face_labels: Tensor, voice_identity: Tensor, voice_labels: Tensor, *, temperature: float
) -> Tensor:
    """Mean of face to voice and voice to face, over the anchors whose person the other modality has; else 0."""
    logits = face_identity @ voice_identity.T / temperature
    same = face_labels[:, None] == voice_labels[None, :]
    if not bool(same.any()):
        return logits.sum() * 0.0
    return 0.5 * (_contrast(logits, same) + _contrast(logits.T, same.T))


def _contrast(logits: Tensor, same: Tensor) -> Tensor:
    positives = same.sum(dim=1)
    anchors = positives > 0
    log_share = torch.log_softmax(logits[anchors], dim=1)
    return -((log_share * same[anchors]).sum(dim=1) / positives[anchors]).mean()


def _multi_similarity(identity: Tensor, labels: Tensor) -> Tensor:
    if len(identity) < 2:
        return identity.sum() * 0.0
    loss: Tensor = MultiSimilarityLoss()(identity, labels)
    return loss
