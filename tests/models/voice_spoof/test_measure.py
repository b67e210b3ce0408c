"""A voice gate's figures are of corpora, people and instruments that it has not seen."""

from __future__ import annotations

import numpy as np

from models.evaluation.pad import BONA_FIDE
from models.training.gate import GateTable
from models.voice_spoof.measure import figures, measured, unseen_instrument


def planted_table(*, odd_corpus_shift: float = 0.0, seed: int = 0) -> GateTable:
    """Two cues: the first tells both instruments, the second tells ``tube`` only and where ``odd`` was recorded."""
    draw = np.random.default_rng(seed)
    rows = []
    for corpus in ("even", "flat", "odd"):
        for person in range(10):
            for kind in (BONA_FIDE, "pipe", "tube"):
                for _ in range(4):
                    first = (3.0 if kind == BONA_FIDE else -3.0) + draw.normal()
                    second = (5.0 if kind == "tube" else 0.0) + (odd_corpus_shift if corpus == "odd" else 0.0)
                    rows.append(((first, second + draw.normal()), kind, f"{corpus}/{person}", corpus))
    values, instrument, subject, dataset = (np.array(column) for column in zip(*rows, strict=True))
    return GateTable(("first", "second"), values, instrument, subject, dataset)


def test_what_is_easy_to_tell_is_told_on_unseen_people():
    found = figures(planted_table(), bpcer_set=0.05, strength=1.0)

    assert found.people.report.bpcer.rate < 0.1
    assert max(one.rate for one in found.people.report.apcer.values()) < 0.05


def test_a_corpus_that_sounds_like_an_attack_shows_when_it_is_left_out_only():
    table = planted_table(odd_corpus_shift=6.0).only(("second",))

    found = measured(table, figures(table, bpcer_set=0.05, strength=1.0))

    unseen = found["unseen_corpus"]["bpcer_by_corpus"]["odd"]["rate"]
    assert unseen > 0.9
    assert found["unseen_people"]["bpcer_by_corpus"]["odd"]["rate"] < 0.3


def test_an_instrument_that_was_not_seen_is_missed_where_only_its_own_cue_tells_it():
    table = planted_table()
    table.values[table.instrument == "tube", 0] = 3.0

    found = figures(table, bpcer_set=0.05, strength=1.0)

    assert found.people.report.apcer["tube"].rate < 0.2
    assert unseen_instrument(table, "tube", bpcer_set=0.05, strength=1.0).rate > 0.5
