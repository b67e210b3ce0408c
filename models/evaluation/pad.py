"""Presentation attack detection, in the terms of ISO/IEC 30107-3.

A presentation counts as bona fide when its score is at or above the threshold. APCER is the share of attacks with one
instrument that count as bona fide; the system's is that of its worst instrument. BPCER is the share of bona fide
presentations that count as attacks. ACER, their mean, is not in the standard's present edition and hides one behind
the other: it is here because older work reports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.counts import Scores, checked
from models.evaluation.figures import Interval
from models.evaluation.intervals import (
    DRAWS,
    LEVEL,
    MOST_EMPTY_DRAWS,
    clopper_pearson,
    multiplicities,
    percentiles,
    wilson,
)
from models.evaluation.metrics import Rule, fnmr, threshold_at_fmr

BONA_FIDE = "bona_fide"
APCER_POINTS = (0.10, 0.05, 0.01)  # BPCER10, BPCER20, BPCER100


@dataclass(frozen=True, slots=True)
class Proportion:
    """``errors`` of ``trials`` presentations, and the interval of their share."""

    errors: int
    trials: int
    interval: Interval

    @property
    def rate(self) -> float:
        return self.errors / self.trials


@dataclass(frozen=True, slots=True)
class BpcerPoint:
    """BPCER where no instrument's APCER exceeds ``apcer``.

    ``bpcer`` and ``threshold`` are None where the scarcest instrument has ``attacks`` presentations and ``needed`` are.
    """

    apcer: float
    bpcer: float | None
    threshold: float | None
    attacks: int
    needed: int


@dataclass(frozen=True, slots=True)
class PadReport:
    """Rates at one threshold. ``subjects`` is None where nobody said who was presented: intervals then are Wilson's."""

    threshold: float
    apcer: dict[str, Proportion]
    worst: str
    bpcer: Proportion
    acer: Interval
    points: tuple[BpcerPoint, ...]
    subjects: int | None


def pad_table(
    scores: Scores,
    attack_instrument: Sequence[str] | NDArray[np.str_],
    subjects: Sequence[str] | NDArray[np.str_] | None,
    threshold: float,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
    rule: Rule = Rule.THREE,
) -> PadReport:
    """Rates by instrument at a threshold that was set on other data, and BPCER at fixed APCER.

    Arguments:
        scores: (n,), higher is more bona fide.
        attack_instrument: (n,) name of the instrument, "bona_fide" for none.
        subjects: (n,) who was presented; intervals then come from a bootstrap over them.
        rule: how many attacks with each instrument a BPCER at fixed APCER takes.

    Raises:
        ValueError: shapes differ, a score is no number, or there are no bona fide presentations or no attacks.
    """
    scores, instrument = checked(scores, "PAD"), np.asarray(attack_instrument, dtype=np.str_)
    people = None if subjects is None else np.asarray(subjects, dtype=np.str_)
    if instrument.shape != scores.shape or (people is not None and people.shape != scores.shape):
        raise ValueError("one instrument and one subject a score are needed")
    if np.isnan(threshold):
        raise ValueError("the threshold is no number")
    kinds = [str(kind) for kind in np.unique(instrument) if kind != BONA_FIDE]
    if not kinds or BONA_FIDE not in instrument:
        raise ValueError("bona fide presentations and attacks are both needed")
    wrong = np.where(instrument == BONA_FIDE, scores < threshold, scores >= threshold)
    drawn = None if people is None else _drawn(wrong, instrument, people, kinds, seed=seed, draws=draws)
    rates = {kind: _proportion(wrong, instrument, kind, people, drawn, level) for kind in [*kinds, BONA_FIDE]}
    worst = max(kinds, key=lambda kind: rates[kind].rate)
    return PadReport(
        threshold=float(threshold),
        apcer={kind: rates[kind] for kind in kinds},
        worst=worst,
        bpcer=rates[BONA_FIDE],
        acer=_acer(rates, kinds, worst, drawn, level),
        points=tuple(_bpcer_at(scores, instrument, kinds, apcer, rule) for apcer in APCER_POINTS),
        subjects=None if people is None else len(np.unique(people)),
    )


def _bpcer_at(scores: Scores, instrument: NDArray[np.str_], kinds: list[str], apcer: float, rule: Rule) -> BpcerPoint:
    attacks = {kind: scores[instrument == kind] for kind in kinds}
    fewest, needed = min(len(scored) for scored in attacks.values()), rule.trials(apcer)
    if fewest < needed:
        return BpcerPoint(apcer, None, None, fewest, needed)
    threshold = max(threshold_at_fmr(scored, apcer, rule=rule) for scored in attacks.values())
    return BpcerPoint(apcer, fnmr(scores[instrument == BONA_FIDE], threshold), threshold, fewest, needed)


def _drawn(
    wrong: NDArray[np.bool_],
    instrument: NDArray[np.str_],
    people: NDArray[np.str_],
    kinds: list[str],
    *,
    seed: int,
    draws: int,
) -> dict[str, NDArray[np.float64]]:
    """(draws,) error rate of each kind of presentation under draws of subjects with replacement."""
    names, subject = np.unique(people, return_inverse=True)
    each = [*kinds, BONA_FIDE]
    trials = np.stack([np.bincount(subject[instrument == kind], minlength=len(names)) for kind in each])
    errors = np.stack([np.bincount(subject[(instrument == kind) & wrong], minlength=len(names)) for kind in each])
    rates = np.empty((len(each), draws))
    for draw, times in enumerate(_subject_draws(trials, seed=seed, draws=draws)):
        rates[:, draw] = (errors @ times) / (trials @ times)
    return dict(zip(each, rates, strict=True))


def _subject_draws(trials: NDArray[np.int64], *, seed: int, draws: int) -> Iterator[NDArray[np.float64]]:
    """How often each subject is drawn; a draw without any presentation of some kind is made again."""
    generator = np.random.default_rng(seed)
    for _ in range(draws):
        for _ in range(MOST_EMPTY_DRAWS):
            times = multiplicities(trials.shape[1], generator)
            if (trials @ times > 0).all():
                yield times
                break
        else:
            raise ValueError("too few subjects with presentations of every kind to draw from")


def _proportion(
    wrong: NDArray[np.bool_],
    instrument: NDArray[np.str_],
    kind: str,
    people: NDArray[np.str_] | None,
    drawn: dict[str, NDArray[np.float64]] | None,
    level: float,
) -> Proportion:
    """With subjects their bootstrap; where it sees no error or nothing else, the exact bound for so many subjects."""
    of_kind = instrument == kind
    errors, trials = int(wrong[of_kind].sum()), int(of_kind.sum())
    if people is None or drawn is None:
        return Proportion(errors, trials, wilson(errors, trials, level=level))
    if errors in (0, trials):
        seen = len(np.unique(people[of_kind]))
        return Proportion(errors, trials, clopper_pearson(seen if errors else 0, seen, level=level))
    return Proportion(errors, trials, percentiles(drawn[kind], errors / trials, level=level))


def _acer(
    rates: dict[str, Proportion],
    kinds: list[str],
    worst: str,
    drawn: dict[str, NDArray[np.float64]] | None,
    level: float,
) -> Interval:
    """Mean of the worst APCER and BPCER. Without subjects, or where a bootstrap of one of them sees no error or nothing
    else, the ends of both intervals are averaged, which is wider."""
    attack, bona_fide = rates[worst].interval, rates[BONA_FIDE].interval
    estimate = (rates[worst].rate + rates[BONA_FIDE].rate) / 2
    ends = Interval((attack.low + bona_fide.low) / 2, (attack.high + bona_fide.high) / 2, estimate)
    if drawn is None or {rates[worst].rate, rates[BONA_FIDE].rate} & {0.0, 1.0}:
        return ends
    worst_drawn = np.max([drawn[kind] for kind in kinds], axis=0)
    return percentiles((worst_drawn + drawn[BONA_FIDE]) / 2, estimate, level=level)
