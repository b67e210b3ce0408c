"""What a COSMIC model is made of, and which of its parts an ablation takes away."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from models.data.batches import Sampling
from models.data.features import CONTEXT
from models.training.loop import Schedule


@dataclass(frozen=True, slots=True)
class CosmicConfig:
    """Shape and parts of the network.

    Arguments:
        face_width, voice_width: of the frozen networks' embeddings; from the model card.
        hidden: width of tokens. identity: of the identity vector, d in the design. latent: of the bottleneck.
        compact: without morphisms, sheaf, homology and SNFC: six tasks in place of nine.
        solver: the convex energy solver; without it the Kan target itself is the identity (A2).
        splines: KA-spline projections; without them linear ones (A3).
        bottleneck: the variational context bottleneck; without it a linear layer (A4).
        morphisms: the six morphisms, and the tasks that need them (A5).
        coherence: SNFC (A6).
        attention: the Kan target's cross-attention; without it an MLP on the concatenated tokens (B1).
    """

    face_width: int = 512
    voice_width: int = 256
    context_width: int = CONTEXT
    hidden: int = 128
    identity: int = 64
    latent: int = 64
    compact: bool = False
    solver: bool = True
    splines: bool = True
    bottleneck: bool = True
    morphisms: bool = True
    coherence: bool = True
    attention: bool = True
    dropout: float = 0.1

    @property
    def has_morphisms(self) -> bool:
        return self.morphisms and not self.compact

    @property
    def has_homology(self) -> bool:
        return not self.compact

    @property
    def has_coherence(self) -> bool:
        return self.coherence and self.has_morphisms


@dataclass(frozen=True, slots=True)
class Balancing:
    """How the tasks' losses become one step. All off is the plain sum (A7)."""

    log_scale: bool = True
    barrier: bool = True
    cagrad: bool = True
    kendall: bool = True


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run. ``beta`` is the bottleneck's weight after ``warmup`` epochs."""

    model: CosmicConfig = field(default_factory=CosmicConfig)
    balancing: Balancing = field(default_factory=Balancing)
    sampling: Sampling = field(default_factory=Sampling)
    schedule: Schedule = field(default_factory=Schedule)
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    beta: float = 1e-3
    warmup: int = 10
    folds: int = 5
    split_seed: int = 0
    drawings: int = 16


PLAIN = {"compact": True, "solver": False, "splines": False, "bottleneck": False, "morphisms": False}
PLAIN_SUM = Balancing(log_scale=False, barrier=False, cagrad=False, kendall=False)
# What each variant changes of the network. B1 and B3 are baselines: concatenation and cross-attention, nothing else.
CHANGES: dict[str, dict[str, bool]] = {
    "A1": {},
    "A2": {"solver": False},
    "A3": {"splines": False},
    "A4": {"bottleneck": False},
    "A5": {"morphisms": False},
    "A6": {"coherence": False},
    "A7": {},
    "compact": {"compact": True},
    "B1": {**PLAIN, "attention": False},
    "B3": PLAIN,
}
SUMMED = {"A7", "B1", "B3"}  # trained on the plain sum of the losses


def variant(config: TrainConfig, name: str) -> TrainConfig:
    """``config`` as variant ``name`` of the ablation.

    Raises:
        ValueError: there is no variant of that name.
    """
    if name not in CHANGES:
        raise ValueError(f"no variant {name!r}; there are {', '.join(CHANGES)}")
    balancing = PLAIN_SUM if name in SUMMED else config.balancing
    return replace(config, model=replace(config.model, **CHANGES[name]), balancing=balancing)
