"""Training batches: some people, some captures of each, in the states in which people come back.

A capture is a face sample, a voice sample or both, clean or degraded; now and then it is a reference as the gallery
keeps it (the unit mean of clean samples), since references are what probes will be compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.features import CLEAN, Features
from models.data.people import NONE, Person, Rows
from models.data.trials import Side, side_of


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a batch is drawn.

    Arguments:
        people, captures: a batch holds ``people`` times ``captures``.
        complete_share: share of people with both modalities, as far as there are any.
        clean_share, reference_share: of the captures; the rest are degraded.
        drop: probability that one modality (either) of a complete capture is missing.
    """

    people: int = 32
    captures: int = 4
    batches: int = 40
    complete_share: float = 0.6
    clean_share: float = 0.4
    reference_share: float = 0.2
    drop: float = 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """``label`` (n,): index of the person among the training people."""

    side: Side
    label: NDArray[np.int64]


class Batches:
    """Draws batches from the training people."""

    def __init__(self, features: Features, people: list[Person], sampling: Sampling) -> None:
        """Raises ValueError when there are fewer than two people to tell apart."""
        if len(people) < 2:
            raise ValueError("training needs at least two people")
        self._features = features
        self._people = people
        self._sampling = sampling
        self._complete = np.array([index for index, one in enumerate(people) if one.complete], np.int64)
        self._partial = np.array([index for index, one in enumerate(people) if not one.complete], np.int64)
        self._pools = [(_Pool.of(features, one.face, True), _Pool.of(features, one.voice, False)) for one in people]

    def epoch(self, draw: np.random.Generator) -> Iterator[Batch]:
        for _ in range(self._sampling.batches):
            yield self.batch(draw)

    def batch(self, draw: np.random.Generator) -> Batch:
        chosen = self._choose(draw)
        captures, labels = [], []
        for index in chosen:
            for _ in range(self._sampling.captures):
                captures.append(self._capture(int(index), draw))
                labels.append(index)
        return Batch(side_of(self._features, captures), np.array(labels, np.int64))

    def _choose(self, draw: np.random.Generator) -> NDArray[np.int64]:
        wanted = min(self._sampling.people, len(self._people))
        complete = min(
            len(self._complete), max(round(wanted * self._sampling.complete_share), wanted - len(self._partial))
        )
        return np.concatenate(
            [
                draw.choice(self._complete, complete, replace=False),
                draw.choice(self._partial, wanted - complete, replace=False),
            ]
        )

    def _capture(self, index: int, draw: np.random.Generator) -> tuple[Rows, Rows]:
        face, voice = self._pools[index]
        state = draw.random()
        rows = [pool.draw(state, self._sampling, draw) for pool in (face, voice)]
        if len(rows[0]) and len(rows[1]) and draw.random() < self._sampling.drop:
            rows[int(draw.integers(2))] = NONE
        return rows[0], rows[1]


@dataclass(frozen=True, slots=True)
class _Pool:
    """Rows of one person in one modality."""

    clean: Rows
    degraded: Rows

    @classmethod
    def of(cls, features: Features, rows: Rows, face: bool) -> _Pool:
        clean = (features.face if face else features.voice).condition[rows] == CLEAN
        return cls(rows[clean], rows[~clean])

    def draw(self, state: float, sampling: Sampling, draw: np.random.Generator) -> Rows:
        if not len(self.clean):
            return NONE
        if state < sampling.reference_share:
            return draw.choice(self.clean, min(len(self.clean), int(draw.integers(1, 4))), replace=False)
        clean = state < sampling.reference_share + sampling.clean_share or not len(self.degraded)
        return draw.choice(self.clean if clean else self.degraded, 1)
