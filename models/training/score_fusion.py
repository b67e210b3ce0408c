"""Fusing by scores: what a careful engineer deploys without training a network. Baselines B2 and B4.

B4 is logistic-regression fusion of calibrated log-likelihood ratios (Bruemmer et al., IEEE TASLP 2007). It is what any
fusion model has to beat before it may ship.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from models.data.trials import Side, Trials
from models.evaluation.calibration import NEARLY_UNREGULARISED
from models.training.experiment import FACE_ONLY, SETTINGS, VOICE_ONLY, Matrix, Modalities


def cosines(probes: Side, references: Side) -> tuple[Matrix, Matrix]:
    """(probes, references) of face and of voice; 0 where a side lacks the modality."""
    face, voice = probes.face @ references.face.T, probes.voice @ references.voice.T
    return face.astype(np.float64), voice.astype(np.float64)


def compared(probes: Side, references: Side) -> tuple[Matrix, Matrix]:
    """(probes, references) of 1.0 where face, and where voice, is there on both sides."""
    face, voice = (
        np.outer(probes.present[:, column], references.present[:, column]).astype(np.float64) for column in (0, 1)
    )
    return face, voice


@dataclass(frozen=True, slots=True)
class CosineMethod:
    """One modality alone, by its cosine."""

    name: str
    modality: int

    @property
    def settings(self) -> tuple[Modalities, ...]:
        return ((FACE_ONLY, VOICE_ONLY)[self.modality],)

    def scores(self, probes: Side, references: Side) -> Matrix:
        return cosines(probes, references)[self.modality]


class SumOfScores:
    """B2: the mean of z-normalised cosines of what was compared, impostors of the training people giving the norm."""

    name = "B2"
    settings = SETTINGS

    def __init__(self, populations: Sequence[Trials]) -> None:
        face, voice, genuine = _pooled(populations)
        self._norms = [(one[~genuine].mean(), one[~genuine].std()) for one in (face, voice)]

    def scores(self, probes: Side, references: Side) -> Matrix:
        total, count = np.zeros((len(probes), len(references))), np.zeros((len(probes), len(references)))
        for score, there, (mean, deviation) in zip(
            cosines(probes, references), compared(probes, references), self._norms, strict=True
        ):
            total += there * (score - mean) / deviation
            count += there
        return total / np.maximum(count, 1)


class LogisticFusion:
    """B4: cosines calibrated one modality at a time, then weighed by logistic regression. Scores are natural-log LLRs.

    Arguments:
        quality: B4q, which also knows the sample quality: each calibrated LLR times its probe's quality is a feature.
    """

    settings = SETTINGS

    def __init__(self, populations: Sequence[Trials], *, quality: bool = False) -> None:
        self.name = "B4q" if quality else "B4"
        self._quality = quality
        face, voice, genuine = _pooled(populations)
        self._calibrations = [_logistic(one[:, None], genuine) for one in (face, voice)]
        both = np.stack([_apply(one, score) for one, score in zip(self._calibrations, (face, voice), strict=True)], 1)
        qualities = np.concatenate([np.repeat(one.probes.quality, len(one.references), axis=0) for one in populations])
        self._fusion = _logistic(self._features(both, qualities), genuine)
        self._single = [
            _logistic(
                np.stack([both[:, column], both[:, column] * qualities[:, column], qualities[:, column]], 1), genuine
            )
            if quality
            else None
            for column in (0, 1)
        ]

    def scores(self, probes: Side, references: Side) -> Matrix:
        shape = (len(probes), len(references))
        llrs = [
            _apply(one, score.ravel())
            for one, score in zip(self._calibrations, cosines(probes, references), strict=True)
        ]
        there = [one.ravel() > 0 for one in compared(probes, references)]
        qualities = np.repeat(probes.quality, len(references), axis=0).astype(np.float64)
        fused = self._fusion.decision_function(self._features(np.stack(llrs, 1), qualities))
        alone = [self._alone(column, llrs[column], qualities[:, column]) for column in (0, 1)]
        score = np.where(there[0] & there[1], fused, np.where(there[0], alone[0], np.where(there[1], alone[1], 0.0)))
        return score.reshape(shape)

    def weights(self) -> dict[str, tuple[float, float, float]]:
        """(offset, weight of the face's cosine, of the voice's) of "fused", "face" and "voice"; of B4 without quality.

        Raises:
            ValueError: with quality the score is not linear in the cosines.
        """
        if self._quality:
            raise ValueError("B4q is not linear in the cosines")
        (slope_f, offset_f), (slope_v, offset_v) = (
            (float(one.coef_[0, 0]), float(one.intercept_[0])) for one in self._calibrations
        )
        face, voice = map(float, self._fusion.coef_[0])
        offset = float(self._fusion.intercept_[0]) + face * offset_f + voice * offset_v
        return {
            "fused": (offset, face * slope_f, voice * slope_v),
            "face": (offset_f, slope_f, 0.0),
            "voice": (offset_v, 0.0, slope_v),
        }

    def _features(self, llrs: Matrix, qualities: Matrix) -> Matrix:
        return np.concatenate([llrs, llrs * qualities, qualities], 1) if self._quality else llrs

    def _alone(self, column: int, llr: Matrix, quality: Matrix) -> Matrix:
        model = self._single[column]
        return llr if model is None else model.decision_function(np.stack([llr, llr * quality, quality], 1))


def _pooled(populations: Sequence[Trials]) -> tuple[Matrix, Matrix, np.ndarray]:
    """Cosines of face, of voice, and which are genuine, over all comparisons of all populations."""
    pairs = [cosines(one.probes, one.references) for one in populations]
    genuine = np.concatenate([one.genuine.ravel() for one in populations])
    face, voice = (np.concatenate([pair[column].ravel() for pair in pairs]) for column in (0, 1))
    return face, voice, genuine


def _logistic(features: Matrix, genuine: np.ndarray) -> LogisticRegression:
    """Both classes weigh the same, so that the decision function is a log-likelihood ratio."""
    return LogisticRegression(C=NEARLY_UNREGULARISED, class_weight="balanced", max_iter=2000).fit(features, genuine)


def _apply(model: LogisticRegression, score: Matrix) -> Matrix:
    return model.decision_function(score[:, None])
