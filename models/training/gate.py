"""Fit a gate to a table of cues, and measure it on subjects that it has not seen.

Every attack instrument weighs the same, however many presentations it has, and so does every bona fide data set: what
is easiest to collect must not decide what the gate looks at. The threshold comes from the training subjects' bona fide
presentations; the test subjects only measure (ISO/IEC 30107-3, subject-disjoint).
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.evaluation.pad import BONA_FIDE, PadReport, pad_table
from models.gates import MOST_DEVIATIONS, Cue, GateCard

BPCER_SET = 0.01
STRENGTH = 1.0  # of the prior on weights: inverse regularisation, as scikit-learn counts it
FOLDS = 5


@dataclass(frozen=True, slots=True)
class GateTable:
    """Presentations with their cues.

    Arguments:
        names: of the cues, in the order of the columns.
        values: (n, cues), finite.
        instrument: (n,) attack instrument, ``bona_fide`` for none.
        subject: (n,) who is presented (for an attack: whose picture or voice it shows).
        dataset: (n,) where it comes from.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    instrument: NDArray[np.str_]
    subject: NDArray[np.str_]
    dataset: NDArray[np.str_]

    def __post_init__(self) -> None:
        rows = len(self.values)
        if self.values.shape != (rows, len(self.names)) or not np.isfinite(self.values).all():
            raise ValueError("a gate's table needs one finite value a cue and presentation")
        if not rows == len(self.instrument) == len(self.subject) == len(self.dataset):
            raise ValueError("a gate's table needs one instrument, subject and data set a presentation")

    def rows(self, chosen: NDArray[np.bool_]) -> GateTable:
        parts = (self.values[chosen], self.instrument[chosen], self.subject[chosen], self.dataset[chosen])
        return GateTable(self.names, *parts)

    def only(self, names: Sequence[str]) -> GateTable:
        """The table with some of its cues, for ablations."""
        columns = [self.names.index(name) for name in names]
        return replace(self, names=tuple(names), values=self.values[:, columns])

    @property
    def bona_fide(self) -> NDArray[np.bool_]:
        return self.instrument == BONA_FIDE


def fit_gate(
    table: GateTable,
    *,
    name: str,
    command: str,
    bpcer_set: float = BPCER_SET,
    strength: float = STRENGTH,
) -> GateCard:
    """A gate whose threshold refuses at most ``bpcer_set`` of each training data set's bona fide presentations.

    Raises:
        ValueError: bona fide presentations or attacks are missing.
    """
    real = table.bona_fide
    if not real.any() or real.all():
        raise ValueError("bona fide presentations and attacks are both needed")
    centre, scale = np.median(table.values, axis=0), table.values.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    scaled = np.clip((table.values - centre) / scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(scaled, real, sample_weight=_weights(table))
    weights = model.coef_[0]
    llrs = model.intercept_[0] + scaled @ weights
    sets = np.unique(table.dataset[real])
    threshold = min(float(np.quantile(llrs[real & (table.dataset == one)], bpcer_set, method="lower")) for one in sets)
    return GateCard(
        name=name,
        cues=tuple(Cue(*map_values) for map_values in zip(table.names, *_plain(centre, scale, weights), strict=True)),
        offset=round(float(model.intercept_[0]), 6),
        threshold=round(threshold - 1e-4, 6),
        bpcer_set=bpcer_set,
        data=tuple(str(one) for one in np.unique(table.dataset)),
        made_at=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=command,
    )


def llrs_of(card: GateCard, table: GateTable) -> NDArray[np.float64]:
    """(n,) ratios of a table's presentations."""
    return np.array([card.llr(dict(zip(table.names, row, strict=True))) for row in table.values.tolist()])


@dataclass(frozen=True, slots=True)
class CrossMeasured:
    """``scores`` (n,): each presentation's ratio less the threshold of the gate that had not seen its subject."""

    report: PadReport
    scores: NDArray[np.float64]


def cross_measure(table: GateTable, *, folds: int = FOLDS, seed: int = 0, **fit: float) -> CrossMeasured:
    """Rates over folds that share no subject; each fold's threshold is fixed on the other folds' people.

    Raises:
        ValueError: fewer subjects than folds, or a fold's training part lacks a class.
    """
    people = np.unique(table.subject)
    if len(people) < folds:
        raise ValueError(f"{folds} folds need as many subjects; there are {len(people)}")
    fold_of = dict(zip(people, np.random.default_rng(seed).permutation(len(people)) % folds, strict=True))
    fold = np.array([fold_of[one] for one in table.subject])
    scores = np.empty(len(table.values))
    for held_out in range(folds):
        card = fit_gate(table.rows(fold != held_out), name="measured", command="", **fit)
        scores[fold == held_out] = llrs_of(card, table.rows(fold == held_out)) - card.threshold
    return CrossMeasured(pad_table(scores, table.instrument, table.subject, 0.0, seed=seed), scores)


def summary(report: PadReport) -> dict[str, object]:
    """A report's rates as plain values for a card: per instrument the APCER with its interval, BPCER, ACER, counts."""
    return {
        "apcer": {kind: _proportion(one) for kind, one in report.apcer.items()},
        "bpcer": _proportion(report.bpcer),
        "acer": {"rate": round(report.acer.estimate, 4), "interval": _ends(report.acer)},
        "subjects": report.subjects,
    }


def _proportion(one) -> dict[str, object]:
    return {"rate": round(one.rate, 4), "interval": _ends(one.interval), "errors": one.errors, "trials": one.trials}


def _ends(interval) -> list[float]:
    return [round(float(interval.low), 4), round(float(interval.high), 4)]


def _weights(table: GateTable) -> NDArray[np.float64]:
    """Both classes weigh the same; within each, every instrument or bona fide data set does."""
    kind = np.where(table.bona_fide, np.char.add("bona_fide/", table.dataset), table.instrument)
    weights = np.empty(len(kind))
    for one, real in {(str(k), bool(r)) for k, r in zip(kind, table.bona_fide, strict=True)}:
        kinds_of_class = len(np.unique(kind[table.bona_fide == real]))
        weights[kind == one] = len(kind) / (2 * kinds_of_class * (kind == one).sum())
    return weights


def _plain(*columns: NDArray[np.float64]) -> list[list[float]]:
    return [[round(float(value), 8) for value in column] for column in columns]
