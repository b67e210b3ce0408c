"""Fit the gates anew to attempts that operators have labelled.

Labels are few, so the cues keep their weights against each other; slope, offset and threshold of the whole ratio are
fitted to this deployment's cameras, rooms and attackers (Platt scaling). Cue values lie in the stages' evidence, which
outlives the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from apps.verification.selectors import LabelledAttempt, labelled_attempts
from models.evaluation.errors import TooFewTrials
from models.evaluation.pad import BONA_FIDE, pad_table
from models.gates import GateCard
from models.training.gate import GateTable, cross_measure, fit_gate, summary
from worker.cascade.types import Gate

FEWEST = 20  # attempts of each class
MOST_PASSING = 0.3  # of the attacks with an instrument; a gate that lets more through is no better for its labels
FEWEST_SUBJECTS = 5  # with bona fide attempts: folds share no subject
STAGES: dict[str, tuple[Gate, ...]] = {
    "liveness": (Gate.PICTURE, Gate.MINIFASNET, Gate.FLAT, Gate.LIPS),
    "deepfake": (Gate.FORGERY, Gate.VOICE_SPOOF),
}
# An attack says nothing of a gate that was not made against it: a printed photograph comes with a real voice.
MADE_AGAINST: dict[Gate, set[str]] = {
    Gate.PICTURE: {"print", "screen", "video_replay", "mask"},
    Gate.MINIFASNET: {"print", "screen", "video_replay", "mask"},
    Gate.FLAT: {"print", "screen"},
    Gate.LIPS: {"print", "screen", "mask", "synthetic_voice", "voice_replay"},
    Gate.FORGERY: {"swapped", "synthetic"},
    Gate.VOICE_SPOOF: {"synthetic_voice", "voice_replay"},
}


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """``card`` with its figures on the labelled attempts, subject-disjoint."""

    gate: Gate
    card: GateCard
    attempts: int


def recalibrated(gate: Gate, card: GateCard, *, command: str) -> Recalibrated:
    """``card`` fitted to the labelled attempts that its gate has looked at.

    Raises:
        TooFewTrials: fewer than FEWEST attempts of a class, or bona fide ones of fewer than FEWEST_SUBJECTS people.
        ValueError: on these attempts the gate does not tell attacks from bona fide presentations, or would let more attacks
            through than it does.
    """
    table = _table(gate, card, labelled_attempts())
    real = table.bona_fide
    for what, count, needed in (
        ("bona fide attempts", int(real.sum()), FEWEST),
        ("attacks", int((~real).sum()), FEWEST),
        ("people with bona fide attempts", len(np.unique(table.subject[real])), FEWEST_SUBJECTS),
    ):
        if count < needed:
            raise TooFewTrials(f"labelled {what} that gate {gate.value} has seen", available=count, needed=needed)
    fitted = fit_gate(table, name=card.name, command=command)
    (cue,) = fitted.cues
    slope = cue.weight / cue.scale
    if slope <= 0:
        raise ValueError(f"gate {gate.value} does not tell these attacks from bona fide attempts; it was left as it is")
    report = cross_measure(table).report
    in_force = pad_table(table.values[:, 0], table.instrument, table.subject, card.threshold)
    passing, passing_now = (one.apcer[one.worst].rate for one in (report, in_force))
    if passing > max(MOST_PASSING, passing_now):
        raise ValueError(
            f"gate {gate.value} would let {passing:.0%} of the labelled attacks with {report.worst} through; one attack "
            "that is labelled bona fide is enough for that. It was left as it is"
        )
    return Recalibrated(
        gate,
        replace(
            fitted,
            cues=tuple(replace(one, weight=one.weight * slope) for one in card.cues),
            offset=slope * card.offset + fitted.offset - slope * cue.centre,
            data=("attempts labelled here",),
            measured={"labelled attempts, subject-disjoint folds": summary(report), "before": card.measured},
        ),
        len(table.values),
    )


def _table(gate: Gate, card: GateCard, attempts: list[LabelledAttempt]) -> GateTable:
    """One row an attempt with the ratio that ``card`` gives its cues; attempts that the gate did not see are left out."""
    rows: list[tuple[float, str, str]] = []
    for attempt in attempts:
        cues = attempt.cues.get(gate.value, {})
        instrument = attempt.instrument or BONA_FIDE
        if instrument != BONA_FIDE and instrument not in MADE_AGAINST[gate]:
            continue
        if all(cue.name in cues for cue in card.cues):
            rows.append((card.llr(cues), instrument, attempt.subject))
    return GateTable(
        names=("llr",),
        values=np.array([[llr] for llr, _, _ in rows]).reshape(len(rows), 1),
        instrument=np.array([instrument for _, instrument, _ in rows], np.str_),
        subject=np.array([subject for _, _, subject in rows], np.str_),
        dataset=np.full(len(rows), "labelled"),
    )
