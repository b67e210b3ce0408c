"""The scores of one evaluation, each with who was compared with whom: what every figure and plot is made from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.counts import Scores

CLEAN = "clean"
Labels = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Comparisons of probes with references, one a row.

    Arguments:
        name: of the system that made the scores.
        score: (n,) finite; higher is more alike.
        genuine: (n,) bool, whether probe and reference are of one identity.
        probe_identity, reference_identity: (n,) names, equal exactly where the trial is genuine.
        condition: (n,) state of the probe, "clean" where nothing is known.
        group: (n,) label for breakdowns, "" where there is none.
        fold: (n,) number of the identity-disjoint fold that the trial was scored in.

    Raises:
        ValueError: shapes differ, a score is not finite, a class is empty, or identities contradict ``genuine``.
    """

    name: str
    score: Scores
    genuine: NDArray[np.bool_]
    probe_identity: Labels
    reference_identity: Labels
    condition: Labels
    group: Labels
    fold: NDArray[np.int64]

    def __post_init__(self) -> None:
        for column in _columns():
            if getattr(self, column).shape != (len(self.genuine),):
                raise ValueError(
                    f"{self.name}: {column} has shape {getattr(self, column).shape}, not one entry a trial"
                )
        if not np.isfinite(self.score).all():
            raise ValueError(f"{self.name}: {int((~np.isfinite(self.score)).sum())} scores are not finite numbers")
        if not self.genuine.any() or self.genuine.all():
            raise ValueError(f"{self.name}: there are no {'impostor' if self.genuine.any() else 'genuine'} trials")
        if not np.array_equal(self.genuine, self.probe_identity == self.reference_identity):
            raise ValueError(f"{self.name}: a trial is genuine exactly where both identities are the same")

    @classmethod
    def of(
        cls,
        score: Sequence[float] | NDArray[np.floating],
        probe_identity: Sequence[str] | Labels,
        reference_identity: Sequence[str] | Labels,
        *,
        name: str,
        condition: Sequence[str] | Labels | str = CLEAN,
        group: Sequence[str] | Labels | str = "",
        fold: Sequence[int] | NDArray[np.integer] | int = 0,
    ) -> ScoreSet:
        """Make one from whatever numpy understands; a single condition, group or fold stands for all trials."""
        scores = np.asarray(score, dtype=np.float64)
        probes, references = np.asarray(probe_identity, dtype=np.str_), np.asarray(reference_identity, dtype=np.str_)
        if scores.ndim != 1 or probes.shape != scores.shape or references.shape != scores.shape:
            raise ValueError(f"{name}: scores {scores.shape}, probes {probes.shape}, references {references.shape}")
        return cls(
            name=name,
            score=scores,
            genuine=probes == references,
            probe_identity=probes,
            reference_identity=references,
            condition=_column(condition, np.str_, len(scores)),
            group=_column(group, np.str_, len(scores)),
            fold=_column(fold, np.int64, len(scores)),
        )

    def __len__(self) -> int:
        return len(self.score)

    def genuine_scores(self) -> Scores:
        return self.score[self.genuine]

    def impostor_scores(self) -> Scores:
        return self.score[~self.genuine]

    def identities(self) -> list[str]:
        """Everybody who takes part, sorted."""
        return np.union1d(self.probe_identity, self.reference_identity).tolist()

    def where(self, mask: NDArray[np.bool_]) -> ScoreSet:
        """The trials that ``mask`` (n,) chooses.

        Raises:
            ValueError: it is no such mask, or leaves a class empty.
        """
        if mask.dtype != np.bool_ or mask.shape != self.score.shape:
            raise ValueError(f"{self.name}: a mask has one truth value a trial")
        return self._with({column: getattr(self, column)[mask] for column in _columns()})

    def with_scores(self, score: Scores) -> ScoreSet:
        """The same trials with other scores, as after calibration."""
        return replace(self, score=np.asarray(score, dtype=np.float64))

    def named(self, name: str) -> ScoreSet:
        return replace(self, name=name)

    def joined(self, other: ScoreSet) -> ScoreSet:
        """The trials of both under the name of this one; the same identity name means the same person."""
        return self._with({one: np.concatenate([getattr(self, one), getattr(other, one)]) for one in _columns()})

    def save(self, path: Path) -> None:
        """Write as .npz without pickles, so that plots are drawn again without running a model."""
        columns = {column: getattr(self, column) for column in _columns()}
        with path.open("wb") as file:
            np.savez_compressed(file, name=np.array(self.name), **columns)

    @classmethod
    def load(cls, path: Path) -> ScoreSet:
        """Read what ``save`` wrote.

        Raises:
            ValueError: the file is no set of scores.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                columns = {column: archive[column] for column in _columns()}
                name = str(archive["name"])
        except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"{path} holds no set of scores: {error}") from error
        return cls(name=name, **columns)

    def _with(self, columns: dict[str, Any]) -> ScoreSet:
        return replace(self, **columns)


def _columns() -> list[str]:
    return [field.name for field in fields(ScoreSet) if field.name != "name"]


def _column(values: object, dtype: type, length: int) -> NDArray:
    array: NDArray = np.asarray(values, dtype=dtype)
    return np.full(length, array) if array.ndim == 0 else array
