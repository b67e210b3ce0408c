"""One fold as an experiment: training people, and verification trials on validation and on test people.

A fold has few voices, so its test people are drawn several times as chimeras (Poh and Bengio, 2005): every drawing
gives each voice another face. The trials are pooled, and the bootstrap over identities knows that they hang together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.data.features import Features
from models.data.folds import Fold, Split
from models.data.people import Person, has_true_pairs, people_of
from models.data.trials import Side, Trials, trials_of
from models.evaluation.scores import ScoreSet

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Modalities:
    """What a probe shows; the other modality is as if it had never been captured."""

    face: bool
    voice: bool

    @property
    def name(self) -> str:
        return {(True, True): "face+voice", (True, False): "face", (False, True): "voice"}[self.face, self.voice]


BOTH, FACE_ONLY, VOICE_ONLY = Modalities(True, True), Modalities(True, False), Modalities(False, True)
SETTINGS = (BOTH, FACE_ONLY, VOICE_ONLY)


class Method(Protocol):
    """A way of fusing, fitted already: probes against references."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> tuple[Modalities, ...]:
        """What a probe may show for the method to say anything."""

    def scores(self, probes: Side, references: Side) -> Matrix:
        """(probes, references): the higher, the more likely the same person. Never NaN."""


class Experiment:
    """The data of one fold.

    Arguments:
        seed: of pairings and trials; the test drawings are the same for every method.
        drawings: chimeric populations drawn of validation and of test people; one where the pairs are true.
    """

    def __init__(self, features: Features, fold: Fold, *, seed: int = 0, drawings: int = 8) -> None:
        self.features = features
        self.fold = fold
        self.seed = seed
        self.drawings = 1 if has_true_pairs(features) else drawings

    @cached_property
    def train_people(self) -> list[Person]:
        return people_of(self.features, self.fold.train, seed=self.seed)

    @cached_property
    def train(self) -> list[Trials]:
        return self.populations(self.fold.train)

    @cached_property
    def validation(self) -> list[Trials]:
        return self.populations(self.fold.validation)

    @cached_property
    def test(self) -> list[Trials]:
        return self.populations(self.fold.test)

    def populations(self, split: Split) -> list[Trials]:
        """Trials of the people of ``split`` who have both modalities, a population a drawing."""
        found = []
        for drawing in range(self.drawings):
            seed = self.seed * 1000 + drawing
            complete = [one for one in people_of(self.features, split, seed=seed) if one.complete]
            found.append(trials_of(self.features, complete, seed=seed))
        return found


def score_set(method: Method, populations: Sequence[Trials], modalities: Modalities, *, fold: int = 0) -> ScoreSet:
    """All comparisons of all populations by one method; references keep both modalities."""
    parts: list[tuple[NDArray, ...]] = []
    for trials in populations:
        scores = method.scores(trials.probes.only(face=modalities.face, voice=modalities.voice), trials.references)
        count = len(trials.references)
        parts.append(
            (
                scores.ravel(),
                trials.genuine.ravel(),
                np.repeat(trials.people[trials.owner], count),
                np.tile(trials.people, len(trials.probes)),
                np.repeat(trials.condition, count),
                np.repeat(trials.group, count),
            )
        )
    score, genuine, probe, reference, condition, group = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ScoreSet(
        name=f"{method.name}, {modalities.name}",
        score=score.astype(np.float64),
        genuine=genuine,
        probe_identity=probe,
        reference_identity=reference,
        condition=condition,
        group=group,
        fold=np.full(len(score), fold, np.int64),
    )
