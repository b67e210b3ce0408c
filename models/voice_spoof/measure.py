"""A voice gate measured where it was not made: on people, corpora and instruments that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.pad import BONA_FIDE, Proportion, pad_table
from models.training.gate import FOLDS, CrossMeasured, GateTable, cross_measure, fit_gate, llrs_of, summary

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VoiceFigures:
    """Rates of one choice of cues.

    Arguments:
        people: by folds over subjects, every corpus and instrument in each training part.
        corpora: (n,) scores less threshold by a gate that never saw the corpus, nor attacks made from it; no number
            where there is no bona fide corpus to leave out.
        instruments: APCER of each instrument by gates that saw neither it nor the subject.
    """

    people: CrossMeasured
    corpora: Scores
    instruments: dict[str, Proportion]


def figures(table: GateTable, *, bpcer_set: float, strength: float) -> VoiceFigures:
    corpora = np.full(len(table.values), np.nan)
    for corpus in np.unique(table.dataset[table.bona_fide]):
        held = table.dataset == corpus
        card = fit_gate(table.rows(~held), name="measured", command="", bpcer_set=bpcer_set, strength=strength)
        corpora[held] = llrs_of(card, table.rows(held)) - card.threshold
    kinds = [str(kind) for kind in np.unique(table.instrument) if kind != BONA_FIDE]
    return VoiceFigures(
        people=cross_measure(table, bpcer_set=bpcer_set, strength=strength),
        corpora=corpora,
        instruments={kind: unseen_instrument(table, kind, bpcer_set=bpcer_set, strength=strength) for kind in kinds},
    )


def unseen_instrument(table: GateTable, kind: str, *, bpcer_set: float, strength: float, seed: int = 0) -> Proportion:
    """APCER of ``kind`` by gates that saw no such attack, on subjects that they did not see."""
    people = np.unique(table.subject)
    fold_of = dict(zip(people, np.random.default_rng(seed).permutation(len(people)) % FOLDS, strict=True))
    fold = np.array([fold_of[one] for one in table.subject])
    tested = table.bona_fide | (table.instrument == kind)
    scores = np.full(len(table.values), np.nan)
    for held_out in range(FOLDS):
        rows = tested & (fold == held_out)
        if rows.any():
            seen = (fold != held_out) & (table.instrument != kind)
            card = fit_gate(table.rows(seen), name="measured", command="", bpcer_set=bpcer_set, strength=strength)
            scores[rows] = llrs_of(card, table.rows(rows)) - card.threshold
    report = pad_table(scores[tested], table.instrument[tested], table.subject[tested], 0.0, seed=seed)
    return report.apcer[kind]


def corpus_bpcer(table: GateTable, scores: Scores, corpus: str) -> Proportion:
    """BPCER of one corpus. Attacks are only there because a report needs some."""
    rows = np.isfinite(scores) & (~table.bona_fide | (table.dataset == corpus))
    return pad_table(scores[rows], table.instrument[rows], table.subject[rows], 0.0).bpcer


def measured(table: GateTable, found: VoiceFigures) -> dict[str, object]:
    """Plain values for a card."""
    corpora = [str(one) for one in np.unique(table.dataset[table.bona_fide])]
    left_out = np.isfinite(found.corpora)
    unseen = pad_table(found.corpora[left_out], table.instrument[left_out], table.subject[left_out], 0.0)
    return {
        "unseen_people": {
            **summary(found.people.report),
            "bpcer_by_corpus": {one: plain(corpus_bpcer(table, found.people.scores, one)) for one in corpora},
        },
        "unseen_corpus": {
            **summary(unseen),
            "bpcer_by_corpus": {one: plain(corpus_bpcer(table, found.corpora, one)) for one in corpora},
        },
        "unseen_instrument": {"apcer": {kind: plain(one) for kind, one in found.instruments.items()}},
    }


def plain(one: Proportion) -> dict[str, object]:
    ends = [round(float(one.interval.low), 4), round(float(one.interval.high), 4)]
    return {"rate": round(one.rate, 4), "interval": ends, "errors": one.errors, "trials": one.trials}
