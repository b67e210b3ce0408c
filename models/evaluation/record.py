"""What is written down of a calibration: the map from score to likelihood ratio, and how it did on people it never saw.

Standard library only: records are read wherever a model is loaded.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from models.evaluation.figures import Interval

VERSION = 2  # files without one are of COSMIC 1.0


class Method(StrEnum):
    LOGISTIC = "logistic"
    PAV = "pav"


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """Score to natural-log likelihood ratio.

    Arguments:
        method: which of the two maps applies.
        slope, offset: ``llr = slope * score + offset``; kept with PAV too, for comparison.
        pav_scores, pav_llrs: points of a rising broken line, level beyond its ends; empty with logistic.

    Raises:
        ValueError: a number is not finite, or the map does not rise.
    """

    method: Method
    slope: float
    offset: float
    pav_scores: tuple[float, ...] = ()
    pav_llrs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.slope, self.offset, *self.pav_scores, *self.pav_llrs))):
            raise ValueError("a calibration holds finite numbers only")
        if len(self.pav_scores) != len(self.pav_llrs) or (self.method is Method.PAV) != bool(self.pav_scores):
            raise ValueError("a PAV calibration has as many scores as ratios, a logistic one has none")
        if list(self.pav_llrs) != sorted(self.pav_llrs) or list(self.pav_scores) != sorted(set(self.pav_scores)):
            raise ValueError("a PAV calibration rises")

    def llr(self, score: float) -> float:
        """Log-likelihood ratio of one score; finite.

        Raises:
            ValueError: the score is not finite, which must match nobody.
        """
        if not math.isfinite(score):
            raise ValueError("a score that is no number must match nobody")
        if self.method is Method.LOGISTIC:
            return self.slope * score + self.offset
        right = bisect_right(self.pav_scores, score)
        if right == 0:
            return self.pav_llrs[0]
        if right == len(self.pav_scores):
            return self.pav_llrs[-1]
        low, high = self.pav_scores[right - 1], self.pav_scores[right]
        share = (score - low) / (high - low)
        return self.pav_llrs[right - 1] * (1 - share) + self.pav_llrs[right] * share


@dataclass(frozen=True, slots=True)
class TrialCounts:
    """How much stands behind a figure."""

    identities: int
    genuine: int
    impostor: int


@dataclass(frozen=True, slots=True)
class Operating:
    """A threshold, set without the held-out people, and what it did on them. ``llr`` is the threshold."""

    llr: float
    fmr: Interval
    fnmr: Interval


@dataclass(frozen=True, slots=True)
class FmrPoint:
    """The threshold for a chosen FMR, set on the calibration part."""

    chosen_fmr: float
    measured: Operating


@dataclass(frozen=True, slots=True)
class Decision:
    """The Bayes threshold for a prior and costs."""

    prior: float
    cost_false_match: float
    cost_false_non_match: float
    measured: Operating


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures on the held-out part; intervals by a bootstrap over its identities.

    ``eer`` and ``min_cllr`` say how well scores tell people apart, ``cllr`` what the calibrated ratios cost in bits.
    """

    trials: TrialCounts
    eer: Interval
    cllr: Interval
    min_cllr: Interval
    decision: Decision
    thresholds: tuple[FmrPoint, ...]


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """One calibration of one model.

    Arguments:
        name: model and data, shown wherever a ratio is.
        model, sha256, modality: whose scores they are; another file of weights needs another calibration.
        fitted_on: the people, none of them held out, that the map and the thresholds come from.
        data: names of the data sets.
        not_usable: samples that could not be used.
        enrolled: samples behind a reference, at most.
        made_at: ISO date.
        command: how to make it again.
    """

    name: str
    model: str
    sha256: str
    modality: str
    score_map: ScoreMap
    fitted_on: TrialCounts
    measured: Measured
    data: tuple[str, ...]
    not_usable: int
    enrolled: int
    made_at: str
    command: str

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CalibrationRecord:
        """Read what ``to_json`` gave.

        Raises:
            ValueError: the values are no such record.
        """
        if values.get("version") != VERSION:
            raise ValueError(f"a calibration of version {values.get('version')}, not {VERSION}")
        try:
            return cls(
                **{name: values[name] for name in ("name", "model", "sha256", "modality", "made_at", "command")},
                score_map=_score_map(values["score_map"]),
                fitted_on=TrialCounts(**values["fitted_on"]),
                measured=_measured(values["measured"]),
                data=tuple(values["data"]),
                not_usable=values["not_usable"],
                enrolled=values["enrolled"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no calibration record: {error}") from error


def _score_map(values: dict[str, Any]) -> ScoreMap:
    return ScoreMap(
        method=Method(values["method"]),
        slope=values["slope"],
        offset=values["offset"],
        pav_scores=tuple(values["pav_scores"]),
        pav_llrs=tuple(values["pav_llrs"]),
    )


def _measured(values: dict[str, Any]) -> Measured:
    decision = values["decision"]
    return Measured(
        trials=TrialCounts(**values["trials"]),
        eer=Interval(**values["eer"]),
        cllr=Interval(**values["cllr"]),
        min_cllr=Interval(**values["min_cllr"]),
        decision=Decision(**{**decision, "measured": _operating(decision["measured"])}),
        thresholds=tuple(
            FmrPoint(point["chosen_fmr"], _operating(point["measured"])) for point in values["thresholds"]
        ),
    )


def _operating(values: dict[str, Any]) -> Operating:
    return Operating(values["llr"], Interval(**values["fmr"]), Interval(**values["fnmr"]))
