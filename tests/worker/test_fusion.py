"""The arithmetic of stage 3 and 4."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cascade.stages.fusion import LARGEST_LLR, Compared, FusionStage, guarded, posteriors
from worker.cascade.types import Modality
from worker.engines.fusion import Fused, LlrSum, Opinion
from worker.engines.types import Calibration

llrs = st.floats(-LARGEST_LLR, LARGEST_LLR)


@given(llrs, st.floats(0.001, 0.999))
def test_one_to_one_is_bayes_rule(llr: float, prior: float):
    (candidate,) = posteriors([Compared(1, llr, {})], prior=prior, enrolled=1)

    odds = prior / (1 - prior) * math.exp(llr)
    assert candidate.posterior == pytest.approx(odds / (1 + odds))


@given(st.lists(llrs, min_size=2, max_size=10))
def test_posteriors_leave_room_for_nobody_and_keep_the_order(values: list[float]):
    compared = [Compared(index, llr, {}) for index, llr in enumerate(values)]
    candidates = posteriors(compared, prior=0.01 / len(values), enrolled=len(values))

    assert sum(candidate.posterior for candidate in candidates) < 1
    assert [candidate.llr for candidate in candidates] == sorted(values, reverse=True)


def test_a_required_modality_that_speaks_against_is_not_outvoted():
    parts = {Modality.FACE: (0.9, 9.0), Modality.VOICE: (0.2, -6.0)}

    assert guarded(Fused(3.0, ""), parts, frozenset({Modality.FACE, Modality.VOICE})) == -6.0
    assert guarded(Fused(3.0, ""), parts, frozenset({Modality.FACE})) == 3.0


def test_opinions_that_contradict_each_other_in_everything_match_nobody():
    parts = {Modality.FACE: (0.9, 9.0), Modality.VOICE: (0.9, 9.0)}
    contradictory = Fused(3.0, "", Opinion(0.0, 0.0, 1.0, conflict=1.0))

    assert guarded(contradictory, parts, frozenset({Modality.FACE})) == -LARGEST_LLR


def test_evidence_is_never_believed_beyond_its_limit():
    steep = Calibration("steep", 1e6, 0.0, 1, 1)
    stage = FusionStage(LlrSum({"face": steep}), {Modality.FACE: steep})

    assert stage.llr(Modality.FACE, 1.0) == LARGEST_LLR
    assert stage.llr(Modality.FACE, -1.0) == -LARGEST_LLR
