"""Search of a gallery (1:N), in the terms of ISO/IEC 19795-1: CMC, FPIR and FNIR. Ties count against the system.

A mated probe has a reference in the gallery, a non-mated probe has none. FPIR(T) is the share of non-mated probes for
which some reference scores at or above T; FNIR(R, T) is the share of mated probes whose own reference scores below T
or does not come among the first R.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.evaluation.counts import Scores
from models.evaluation.errors import TooFewTrials
from models.evaluation.metrics import Rule, fmr, threshold_at_fmr

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Identification:
    """What a search of each probe came to.

    Arguments:
        name: of the system.
        gallery: how many references were searched.
        mate_score: (m,) score of each mated probe with its own reference.
        mate_rank: (m,) its rank: how many references score at least as high, itself included.
        top_score: (k,) highest score of each non-mated probe.
    """

    name: str
    gallery: int
    mate_score: Scores
    mate_rank: NDArray[np.int64]
    top_score: Scores

    def rank_rate(self, rank: int) -> float:
        """Share of mated probes whose own reference comes among the first ``rank``.

        Raises:
            ValueError: there are no mated probes, or the rank is below 1.
        """
        if rank < 1:
            raise ValueError("ranks begin at 1")
        return float(np.mean(self._mated() <= rank))

    def cmc(self, most: int | None = None) -> NDArray[np.float64]:
        """(most,) cumulative match characteristic: ``rank_rate`` of 1 to ``most``, by default of the whole gallery."""
        most = self.gallery if most is None else most
        found = np.bincount(np.minimum(self._mated(), most + 1), minlength=most + 2)[1 : most + 1]
        return np.cumsum(found) / len(self.mate_rank)

    def fpir(self, threshold: float) -> float:
        """False positive identification rate.

        Raises:
            ValueError: there are no non-mated probes.
        """
        return fmr(self.top_score, threshold)

    def fnir(self, threshold: float, *, rank: int | None = None) -> float:
        """False negative identification rate; without ``rank`` every place in the list counts.

        Raises:
            ValueError: there are no mated probes, or the threshold is no number.
        """
        if math.isnan(threshold):
            raise ValueError("the threshold is no number")
        found = (self.mate_score >= threshold) & (self._mated() <= (self.gallery if rank is None else rank))
        return float(np.mean(~found))

    def fnir_at_fpir(self, fpir: float, *, rank: int | None = None, rule: Rule = Rule.THIRTY) -> tuple[float, float]:
        """(FNIR, threshold) at the lowest threshold at which FPIR is at most ``fpir``.

        Raises:
            TooFewTrials: there are fewer non-mated probes than ``rule`` asks for.
        """
        needed = rule.trials(fpir)
        if len(self.top_score) < needed:
            raise TooFewTrials(f"non-mated probes for FPIR {fpir:g}", available=len(self.top_score), needed=needed)
        threshold = threshold_at_fmr(self.top_score, fpir, rule=rule)
        return self.fnir(threshold, rank=rank), threshold

    def save(self, path: Path) -> None:
        """Write as .npz without pickles."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                name=np.array(self.name),
                gallery=np.array(self.gallery),
                mate_score=self.mate_score,
                mate_rank=self.mate_rank,
                top_score=self.top_score,
            )

    @classmethod
    def load(cls, path: Path) -> Identification:
        """Read what ``save`` wrote.

        Raises:
            ValueError: the file is no such thing.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                return cls(
                    name=str(archive["name"]),
                    gallery=int(archive["gallery"]),
                    mate_score=archive["mate_score"],
                    mate_rank=archive["mate_rank"],
                    top_score=archive["top_score"],
                )
        except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"{path} holds no searches: {error}") from error

    def _mated(self) -> NDArray[np.int64]:
        if not len(self.mate_rank):
            raise ValueError(f"{self.name}: there are no mated probes")
        return self.mate_rank


def identification(similarity: NDArray[np.floating], mate_index: NDArray[np.integer], *, name: str) -> Identification:
    """Search results from the scores of every probe with every reference.

    Arguments:
        similarity: (probes, gallery), higher is more alike.
        mate_index: (probes,) column of the probe's own reference, -1 for a non-mated probe.

    Raises:
        ValueError: shapes differ, an index lies outside the gallery, or a score is no number.
    """
    similarity = np.asarray(similarity, dtype=np.float64)
    mate_index = np.asarray(mate_index)
    if similarity.ndim != 2 or similarity.shape[1] == 0 or mate_index.shape != similarity.shape[:1]:
        raise ValueError(f"{name}: similarity {similarity.shape} and mates {mate_index.shape} do not belong together")
    if np.isnan(similarity).any():
        raise ValueError(f"{name}: {int(np.isnan(similarity).sum())} scores are no numbers")
    if (mate_index < NOBODY).any() or (mate_index >= similarity.shape[1]).any():
        raise ValueError(f"{name}: a mate lies outside the gallery of {similarity.shape[1]}")
    mated = mate_index != NOBODY
    mate_score = similarity[mated, mate_index[mated]]
    return Identification(
        name=name,
        gallery=similarity.shape[1],
        mate_score=mate_score,
        mate_rank=(similarity[mated] >= mate_score[:, None]).sum(1),
        top_score=similarity[~mated].max(1),
    )
