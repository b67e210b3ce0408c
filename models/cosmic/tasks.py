"""The nine training tasks of COSMIC (six of the compact model), each a loss of one batch."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn

from models.cosmic.config import TrainConfig
from models.cosmic.losses import (
    AngularTask,
    batch_hard_triplet,
    cge_convergence,
    cross_modal_hinge,
    integrated_multi_similarity,
    weight_and_orthogonality,
)
from models.cosmic.model import Capture, Cosmic, Encoded
from models.cosmic.morphisms import equaliser_violation
from models.cosmic.nodes import Node
from models.cosmic.persistence import persistence_loss
from models.cosmic.sheaf import cycle_obstruction
from models.cosmic.snfc import snfc_loss
from models.cosmic.vib import annealed_beta, kl_to_standard_normal


class Task(StrEnum):
    CONVERGENCE = "1 convergence"
    SHEAF = "2 sheaf"
    PERSISTENCE = "3 persistence"
    ANGULAR = "4 angular"
    METRIC = "5 metric"
    REGULARISATION = "6 regularisation"
    INTEGRATED = "7 integrated"
    COHERENCE = "8 coherence"
    SNFC = "9 snfc"


PROTECTED = (Task.ANGULAR, Task.METRIC)  # what the dynamic barrier guards


class Tasks(nn.Module):
    """Holds what the tasks learn beside the model: the class centres of the angular task."""

    def __init__(self, model: Cosmic, config: TrainConfig, people: int) -> None:
        super().__init__()
        self._config = config
        self.names = tasks_of(model)
        self.angular = AngularTask(people, config.model.identity)

    def forward(self, model: Cosmic, capture: Capture, label: Tensor, epoch: int) -> list[Tensor]:
        """A scalar a task, in the order of ``names``."""
        encoded = model(capture)
        singles = [_single(model, capture, label, node) for node in (Node.FACE, Node.VOICE)]
        losses = {
            Task.ANGULAR: self.angular(encoded.identity, label),
            Task.METRIC: batch_hard_triplet(encoded.identity, label),
            Task.REGULARISATION: self._regularisation(model, capture, encoded, epoch),
            Task.INTEGRATED: integrated_multi_similarity(encoded.identity, singles, label),
            Task.COHERENCE: _coherence(encoded, capture, label, singles),
        }
        if model.solver is not None:
            losses[Task.CONVERGENCE] = _convergence(model, encoded, capture)
        if model.config.has_homology:
            losses[Task.PERSISTENCE] = persistence_loss(encoded.identity, label)
        if model.morphisms is not None and model.sheaf is not None and encoded.mapped is not None:
            losses[Task.SHEAF] = _sheaf(model, encoded, encoded.mapped, capture)
            if model.config.has_coherence:
                losses[Task.SNFC] = snfc_loss(encoded.mapped, encoded.tokens, label, capture.present)
        return [losses[name] for name in self.names]

    def _regularisation(self, model: Cosmic, capture: Capture, encoded: Encoded, epoch: int) -> Tensor:
        # Without a matrix the penalty is a zero of no device.
        penalty = weight_and_orthogonality(_matrices(model)).to(encoded.identity.device)
        if encoded.bottleneck is None:
            return penalty
        measured = capture.present[:, Node.CONTEXT].float()
        divergence = kl_to_standard_normal(encoded.bottleneck.mean, encoded.bottleneck.log_variance)
        beta = annealed_beta(epoch, beta=self._config.beta, warmup=self._config.warmup)
        return penalty + beta * (divergence * measured).sum() / measured.sum().clamp(min=1)


def tasks_of(model: Cosmic) -> tuple[Task, ...]:
    """Which tasks a configuration has, in the design's order."""
    absent = set()
    if model.solver is None:
        absent.add(Task.CONVERGENCE)
    if model.morphisms is None:
        absent.add(Task.SHEAF)
    if not model.config.has_homology:
        absent.add(Task.PERSISTENCE)
    if not model.config.has_coherence:
        absent.add(Task.SNFC)
    return tuple(task for task in Task if task not in absent)


def _single(model: Cosmic, capture: Capture, label: Tensor, node: Node) -> tuple[Tensor, Tensor]:
    """Identities by one modality alone, of the rows that have it, with their labels."""
    rows = capture.present[:, node]
    return model(capture.only(node).where(rows)).identity, label[rows]


def _convergence(model: Cosmic, encoded: Encoded, capture: Capture) -> Tensor:
    solver = model.solver
    assert solver is not None  # noqa: S101  (the caller asked)
    weights = solver.weights(*capture.evidence())
    system = solver.system(weights)
    right = solver.right_side(encoded.target, encoded.tokens[:, 0], encoded.tokens[:, 1], weights)
    return cge_convergence(encoded.target, encoded.identity, system, right, solver.energy)


def _sheaf(model: Cosmic, encoded: Encoded, mapped: Tensor, capture: Capture) -> Tensor:
    assert model.sheaf is not None and model.morphisms is not None  # noqa: S101
    disagreement = model.sheaf.disagreement(encoded.tokens, capture.present)
    obstruction = cycle_obstruction(mapped, model.morphisms.apply, capture.present)
    violation = equaliser_violation(encoded.tokens, mapped, capture.present)
    width = encoded.tokens.shape[2]
    return disagreement.mean() + (obstruction.mean() + violation.mean()) / width + model.sheaf.orthogonality()


def _coherence(encoded: Encoded, capture: Capture, label: Tensor, singles: list[tuple[Tensor, Tensor]]) -> Tensor:
    """By the morphisms; without them, between face-only and voice-only identities."""
    if encoded.mapped is not None:
        return cross_modal_hinge(encoded.mapped, encoded.tokens, label, capture.present)
    both = capture.present[:, Node.FACE] & capture.present[:, Node.VOICE]
    face = singles[0][0][both[capture.present[:, Node.FACE]]]
    voice = singles[1][0][both[capture.present[:, Node.VOICE]]]
    tokens = torch.stack([face, voice, torch.zeros_like(face)], 1)
    mapped = tokens.unsqueeze(2).expand(-1, -1, 3, -1)
    present = torch.tensor([True, True, False], device=face.device).expand(len(face), 3)
    return cross_modal_hinge(mapped, tokens, label[both], present)


def _matrices(model: Cosmic) -> list[Tensor]:
    """The map that should stay near orthogonal: the solver's, of face and voice together, so that each dimension of the
    identity is read once and either modality may serve it."""
    if model.solver is None:
        return []
    return [torch.cat([model.solver.rho_face, model.solver.rho_voice])]
