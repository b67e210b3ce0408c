"""Training pairs: probes against references of populations, genuine ones and some impostors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.trials import Side, Trials


@dataclass(frozen=True, slots=True)
class Pairs:
    """n comparisons. ``label`` (n,): the probe's person; ``genuine`` (n,): whether the reference is of that person."""

    probes: Side
    references: Side
    label: NDArray[np.int64]
    genuine: NDArray[np.bool_]


class PairSampler:
    """Draws pairs from one population at a time: in another drawing of chimeras the same face has another voice.

    Arguments:
        probes: different probes in a draw; impostors: references of others that each of them meets beside its own.
        drop: probability that a probe with both modalities shows one of them (either) only.
    """

    def __init__(
        self, populations: Sequence[Trials], *, probes: int = 96, impostors: int = 3, drop: float = 0.3
    ) -> None:
        """Raises ValueError when there is no population."""
        if not populations:
            raise ValueError("there is no population to draw pairs from")
        self._populations = list(populations)
        self._probes = probes
        self._impostors = impostors
        self._drop = drop

    def draw(self, draw: np.random.Generator) -> Pairs:
        return self._from(self._populations[int(draw.integers(len(self._populations)))], draw, self._probes)

    def whole(self, draw: np.random.Generator) -> Pairs:
        """Every probe of the first population, to set out from."""
        return self._from(self._populations[0], draw, len(self._populations[0].probes))

    def _from(self, trials: Trials, draw: np.random.Generator, count: int) -> Pairs:
        chosen = draw.choice(len(trials.probes), min(count, len(trials.probes)), replace=False)
        people = len(trials.references)
        own = trials.owner[chosen]
        # An offset of 1 to people - 1 from one's own reference never meets it.
        others = (own[:, None] + draw.integers(1, people, (len(chosen), self._impostors))) % people
        references = np.concatenate([own[:, None], others], 1)
        probes = self._dropped(trials.probes.take(chosen), draw)
        repeated = np.repeat(np.arange(len(chosen)), references.shape[1])
        return Pairs(
            probes.take(repeated),
            trials.references.take(references.ravel()),
            own[repeated],
            (references == own[:, None]).ravel(),
        )

    def _dropped(self, probes: Side, draw: np.random.Generator) -> Side:
        present = probes.present.copy()
        drops = (draw.random(len(probes)) < self._drop) & present.all(1)
        present[drops, draw.integers(2, size=int(drops.sum()))] = False
        return Side(probes.face, probes.voice, probes.context, probes.quality, present)
