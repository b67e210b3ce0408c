"""Self-distillation with no labels (DINO).

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (ICCV 2021): a student sees all crops of a
picture, a teacher the large ones; the student learns to say of each crop what the teacher says of another one (eq. 2).
The teacher is the moving average of the student. Its output is centred (eq. 4), which alone would end in a uniform output,
and sharpened, which alone would end in one dimension.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.liveness.vit import start_linear

LARGE_CROPS = 2
COLLAPSED = 0.02  # of the largest possible entropy


@dataclass(frozen=True, slots=True)
class DinoConfig:
    """Head, temperatures and pace.

    Arguments:
        outputs: dimensions of the distributions, K. hidden, bottleneck: of the head's perceptron.
        student_temperature, teacher_temperature: of the softmaxes; the teacher's rises from ``teacher_start`` in its
            ``teacher_warmup`` epochs.
        centre_momentum: of the centre, m in eq. 4.
        teacher_momentum: of the teacher's weights at the start; it rises to 1 by a cosine.
        frozen_epochs: how long the last layer of the head stays as it is.
    """

    outputs: int = 65536
    hidden: int = 2048
    bottleneck: int = 256
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    teacher_start: float = 0.04
    teacher_warmup: int = 0
    centre_momentum: float = 0.9
    teacher_momentum: float = 0.996
    frozen_epochs: int = 1


class ProjectionHead(nn.Module):
    """Class tokens (n, width) to (n, outputs): three layers, unit norm, a last layer of unit rows without bias.

    The last layer is weight-normalised (Salimans and Kingma, NeurIPS 2016) with its gain fixed at 1, as the authors
    advise: each output is then a cosine.
    """

    def __init__(self, width: int, config: DinoConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )
        self.last = nn.Parameter(torch.randn(config.outputs, config.bottleneck))
        start_linear(self.mlp)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.normalize(self.mlp(x), dim=1), F.normalize(self.last, dim=1))


class Branch(nn.Module):
    """A backbone with its head, over crops of several sizes."""

    def __init__(self, backbone: nn.Module, head: ProjectionHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, crops: Sequence[Tensor]) -> Tensor:
        """Crops, each (n, 3, side, side), to (crops * n, outputs), crop by crop. Equal sides run together."""
        tokens: list[Tensor] = []
        start = 0
        for end in range(1, len(crops) + 1):
            if end == len(crops) or crops[end].shape[-1] != crops[start].shape[-1]:
                tokens.append(self.backbone(torch.cat(list(crops[start:end]))))
                start = end
        return self.head(torch.cat(tokens))


class Pair(nn.Module):
    """Student and teacher, equal at the start. The teacher takes no gradient and drops nothing."""

    def __init__(self, student: Branch) -> None:
        super().__init__()
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Pair:
        super().train(mode)
        self.teacher.eval()
        return self

    @torch.no_grad()
    def teach(self, crops: Sequence[Tensor]) -> Tensor:
        """The teacher's outputs (2 * n, outputs) for the large crops, which come first."""
        return self.teacher(crops[:LARGE_CROPS])

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Teacher = momentum * teacher + (1 - momentum) * student."""
        for ours, theirs in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            ours.mul_(momentum).add_(theirs, alpha=1 - momentum)


class DinoLoss(nn.Module):
    """Cross-entropy of the student's distributions under the teacher's, over all pairs of different crops."""

    centre: Tensor

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        self._config = config
        self.register_buffer("centre", torch.zeros(1, config.outputs))

    def forward(self, student: Tensor, teacher: Tensor, crops: int, temperature: float) -> Tensor:
        """Mean over pairs and pictures.

        Arguments:
            student: (crops * n, outputs), crop by crop, the large crops first.
            teacher: (2 * n, outputs) of the large crops.
            temperature: the teacher's.
        """
        said = F.log_softmax(student / self._config.student_temperature, 1).chunk(crops)
        targets = self.targets(teacher, temperature).chunk(LARGE_CROPS)
        pairs = [
            -(target * other).sum(1).mean()
            for seen, target in enumerate(targets)
            for crop, other in enumerate(said)
            if crop != seen
        ]
        return torch.stack(pairs).mean()

    @torch.no_grad()
    def targets(self, teacher: Tensor, temperature: float) -> Tensor:
        """The teacher's distributions, centred and sharpened."""
        return F.softmax((teacher - self.centre) / temperature, 1)

    @torch.no_grad()
    def move_centre(self, teacher: Tensor) -> None:
        momentum = self._config.centre_momentum
        self.centre.mul_(momentum).add_(teacher.mean(0, keepdim=True), alpha=1 - momentum)


@dataclass(frozen=True, slots=True)
class Collapse:
    """What gives a collapse away, as shares of the largest possible entropy, log K.

    Arguments:
        entropy: mean entropy of a picture's target: 1 says that the teacher says nothing (uniform).
        spread: entropy of the mean target: 0 says that every picture gets the same dimension.
        told: spread less entropy: how much a target tells of its picture; 0 in both collapses.
    """

    entropy: float
    spread: float

    @property
    def told(self) -> float:
        return self.spread - self.entropy

    @property
    def kind(self) -> str | None:
        """``uniform``, ``one dimension``, or None where the targets still tell pictures apart."""
        if self.entropy > 1 - COLLAPSED:
            return "uniform"
        return "one dimension" if self.spread < COLLAPSED else None


def collapse_of(targets: Tensor) -> Collapse:
    """Entropy terms of targets (n, K); the rows are distributions."""
    largest = math.log(targets.shape[1])
    mean = targets.mean(0)
    return Collapse(float(_entropy(targets).mean()) / largest, float(_entropy(mean)) / largest)


def teacher_temperature(config: DinoConfig, epoch: int) -> float:
    """Of epoch 1, 2, ...: linear from ``teacher_start`` over the warm-up, then as it is."""
    if epoch > config.teacher_warmup:
        return config.teacher_temperature
    way = (epoch - 1) / config.teacher_warmup
    return config.teacher_start + way * (config.teacher_temperature - config.teacher_start)


def cosine(start: float, end: float, way: float) -> float:
    """From ``start`` (way 0) to ``end`` (way 1) by half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * min(max(way, 0.0), 1.0))) / 2


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(-1)
