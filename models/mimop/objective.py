"""What a MIMOP-FAME-CEBS model is trained on: evidential losses, HSIC, FAME, as one weighted sum."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.mimop.evidence import Opinion, balanced_weights, evidence_from_opinion, evidential_loss
from models.mimop.fame import fame_loss
from models.mimop.hsic import unbiased_hsic
from models.mimop.model import Mimop
from models.mimop.spread import spread_loss


@dataclass(frozen=True, slots=True)
class Batch:
    """n trials, each a probe against a reference.

    ``face_probe``, ``face_reference`` (n, face_width), ``voice_probe``, ``voice_reference`` (n, voice_width); ``quality``
    (n, 2) in [0, 1] and ``present`` (n, 2) bool, columns face and voice; what absent rows hold does not matter.
    ``labels`` (n,) whole numbers: the person of the probe. ``genuine`` (n,) bool: the reference is of the same person.
    """

    face_probe: Tensor
    face_reference: Tensor
    voice_probe: Tensor
    voice_reference: Tensor
    quality: Tensor
    present: Tensor
    labels: Tensor
    genuine: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the terms.

    ``fused``, ``single``: evidential losses of the fused opinion and of each modality's own. ``kl`` is the weight of
    misleading evidence within them; it grows from 0 until ``kl_annealed_by`` of the training. ``hsic``: dependence of
    identity and modality heads; ``spread``: the floor that keeps the modality heads from going constant. ``fame``:
    the FAME loss, with ``cross_modal`` the share of its face-voice term (0 on chimeric people) and ``temperature``.
    """

    fused: float = 1.0
    single: float = 0.5
    kl: float = 0.1
    kl_annealed_by: float = 0.3
    hsic: float = 1.0
    spread: float = 0.1
    fame: float = 1.0
    cross_modal: float = 1.0
    temperature: float = 0.1


def objective(model: Mimop, batch: Batch, weights: Weights, *, progress: float) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum to minimise, a scalar, and its unweighted parts by name. ``progress`` of the training in [0, 1].

    Parts: fused, face, voice, hsic, spread, fame, total. A modality that is missing everywhere contributes 0.
    """
    kl_weight = weights.kl * min(1.0, progress / weights.kl_annealed_by) if weights.kl_annealed_by > 0 else weights.kl
    fused = model(
        batch.face_probe, batch.face_reference, batch.voice_probe, batch.voice_reference, batch.quality, batch.present
    )
    face, voice = batch.present[:, 0], batch.present[:, 1]
    fame, hsic, spread = _heads_terms(model, batch, weights)
    parts = {
        "fused": _evidential(fused.opinion, batch.genuine, face | voice, kl_weight),
        "face": _evidential(fused.face, batch.genuine, face, kl_weight),
        "voice": _evidential(fused.voice, batch.genuine, voice, kl_weight),
        "hsic": hsic,
        "spread": spread,
        "fame": fame,
    }
    total = (
        weights.fused * parts["fused"]
        + weights.single * (parts["face"] + parts["voice"])
        + weights.hsic * parts["hsic"]
        + weights.spread * parts["spread"]
        + weights.fame * parts["fame"]
    )
    values = torch.stack([*parts.values(), total]).detach().tolist()
    return total, dict(zip([*parts, "total"], values, strict=True))


def _evidential(opinion: Opinion, genuine: Tensor, counted: Tensor, kl_weight: float) -> Tensor:
    evidence = evidence_from_opinion(opinion)
    return evidential_loss(evidence, genuine, kl_weight=kl_weight, weights=balanced_weights(genuine, counted))


def _heads_terms(model: Mimop, batch: Batch, weights: Weights) -> tuple[Tensor, Tensor, Tensor]:
    """FAME loss, HSIC and spread of the heads, each summed over the modalities."""
    faces, face_labels = _samples(batch.face_probe, batch.face_reference, batch.present[:, 0], batch)
    voices, voice_labels = _samples(batch.voice_probe, batch.voice_reference, batch.present[:, 1], batch)
    face_identity, face_modality = model.embed_face(faces)
    voice_identity, voice_modality = model.embed_voice(voices)
    fame = fame_loss(
        face_identity,
        face_labels,
        voice_identity,
        voice_labels,
        temperature=weights.temperature,
        cross_modal=weights.cross_modal,
    )
    hsic = unbiased_hsic(face_identity, face_modality) + unbiased_hsic(voice_identity, voice_modality)
    return fame, hsic, spread_loss(face_modality) + spread_loss(voice_modality)


def _samples(probe: Tensor, reference: Tensor, present: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """The different embeddings whose person is known, all probes and the references of genuine trials, and the persons.

    A probe that meets several references is one sample: its repetitions would be positives of themselves in FAME, and
    would look like dependence to HSIC.
    """
    same = present & batch.genuine
    embeddings = torch.cat([probe[present], reference[same]])
    labels = torch.cat([batch.labels[present], batch.labels[same]])
    if len(embeddings) == 0:
        return embeddings, labels
    different, which = torch.unique(embeddings, dim=0, return_inverse=True)
    return different, torch.zeros_like(labels[: len(different)]).scatter(0, which, labels)
