"""What the face gates are worth: on people, cameras and instruments that they were not made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.evaluation.intervals import wilson
from models.evaluation.pad import pad_table
from models.gates import GateCard
from models.training.gate import GateTable, cross_measure, fit_gate, llrs_of, summary


def on_unseen(train: GateTable, test: GateTable, *, bpcer_set: float, strength: float) -> dict[str, object]:
    """Rates of a gate on a table that shares no subject with its own.

    Raises:
        ValueError: they share one.
    """
    shared = set(train.subject) & set(test.subject)
    if shared:
        raise ValueError(f"training and test share {sorted(shared)[:3]}")
    card = fit_gate(train, name="measured", command="", bpcer_set=bpcer_set, strength=strength)
    scores = llrs_of(card, test) - card.threshold
    return summary(pad_table(scores, test.instrument, test.subject, 0.0)) | {
        "bpcer_by_source": refused_by_source(test, scores)
    }


def one_subject_out(table: GateTable, dataset: str, *, bpcer_set: float, strength: float) -> dict[str, object]:
    """Rates over a data set's own presentations, each scored by a gate that saw everything but its subject."""
    of_set = table.dataset == dataset
    fit = partial(fit_gate, name="measured", command="", bpcer_set=bpcer_set, strength=strength)
    scores = one_out_scores(
        table, fitted=np.ones(len(of_set), bool), fit=fit, subjects=np.unique(table.subject[of_set])
    )
    report = pad_table(scores[of_set], table.instrument[of_set], table.subject[of_set], 0.0)
    return summary(report) | {"bpcer_by_source": refused_by_source(table.rows(of_set), scores[of_set])}


def one_out_scores(
    table: GateTable,
    *,
    fitted: NDArray[np.bool_],
    fit: Callable[[GateTable], GateCard],
    subjects: Sequence[str] | NDArray[np.str_] | None = None,
) -> NDArray[np.float64]:
    """(n,) ratios less the threshold of a gate made from the ``fitted`` rows of everybody else; NaN for subjects that
    were not asked for."""
    scores = np.full(len(table.subject), np.nan)
    for subject in np.unique(table.subject) if subjects is None else subjects:
        out = table.subject == subject
        card = fit(table.rows(~out & fitted))
        held_out = table.rows(out).only([cue.name for cue in card.cues])
        scores[out] = llrs_of(card, held_out) - card.threshold
    return scores


def one_out_answers(
    table: GateTable, *, fitted: NDArray[np.bool_], fit: Callable[[GateTable], GateCard], surely_attack: float
) -> NDArray[np.str_]:
    """(n,) ``passed`` at the threshold, ``refused`` below the ratio ``surely_attack``, ``unsure`` in between."""
    answers = np.full(len(table.subject), "unsure", dtype="<U7")
    for subject in np.unique(table.subject):
        out = table.subject == subject
        card = fit(table.rows(~out & fitted))
        llrs = llrs_of(card, table.rows(out).only([cue.name for cue in card.cues]))
        answers[out] = np.where(llrs >= card.threshold, "passed", np.where(llrs < surely_attack, "refused", "unsure"))
    return answers


def over_folds(table: GateTable, *, bpcer_set: float, strength: float) -> dict[str, object]:
    """Rates over five folds that share no subject."""
    found = cross_measure(table, bpcer_set=bpcer_set, strength=strength)
    return summary(found.report) | {"bpcer_by_source": refused_by_source(table, found.scores)}


def ablation(
    table: GateTable, groups: Mapping[str, Sequence[str]], *, bpcer_set: float, strength: float
) -> dict[str, dict[str, object]]:
    """Rates over folds of each group of cues (by the beginning of their names) alone, and of all without it."""
    found: dict[str, dict[str, object]] = {}
    for group, beginnings in groups.items():
        alone = [name for name in table.names if name.startswith(tuple(beginnings))]
        others = [name for name in table.names if name not in alone]
        for title, names in ((f"{group} alone", alone), (f"without {group}", others)):
            if names:
                report = cross_measure(table.only(names), bpcer_set=bpcer_set, strength=strength).report
                rates: dict[str, object] = {kind: round(one.rate, 4) for kind, one in report.apcer.items()}
                found[title] = rates | {"bpcer": round(report.bpcer.rate, 4)}
    return found


def refused_by_source(table: GateTable, scores: NDArray[np.float64]) -> dict[str, dict[str, object]]:
    """BPCER a data set, with Wilson's interval, which takes each presentation for independent."""
    found: dict[str, dict[str, object]] = {}
    for name in np.unique(table.dataset[table.bona_fide]):
        chosen = table.bona_fide & (table.dataset == name)
        errors, trials = int((scores[chosen] < 0).sum()), int(chosen.sum())
        interval = wilson(errors, trials)
        found[str(name)] = {
            "rate": round(errors / trials, 4),
            "interval": [round(interval.low, 4), round(interval.high, 4)],
            "errors": errors,
            "trials": trials,
            "subjects": len(np.unique(table.subject[chosen])),
        }
    return found
