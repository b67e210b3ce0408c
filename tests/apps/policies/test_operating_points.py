"""False match rates to pick: only those that every setting was measured to hold."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from apps.identities.models import FUSION, GalleryState
from apps.identities.operating_points import choices
from models.evaluation.decision import Stakes
from models.registry import HERE
from tests.factories import ModelVersionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def synced(method: str) -> None:
    """The fusion that comes with COSMIC, as the worker writes it down."""
    card = json.loads((HERE / "weights" / "fusion" / "builtin" / method / "card.json").read_text())
    for record in card["calibrations"].values():
        ModelVersionFactory(modality=FUSION, name=record["model"], sha256=record["sha256"], width=0, calibration=record)


def by_rate() -> dict:
    return {choice.fmr: choice for choice in choices()}


def test_a_rate_is_offered_at_the_largest_of_its_thresholds():
    synced("mimop")

    found = by_rate()

    assert [choice.offered for choice in found.values()] == [True, True, False]
    assert {point.setting: round(point.llr, 2) for point in found[0.001].points} == {
        "face and voice": 3.95,
        "face": 3.36,
        "voice": 4.48,
    }
    assert found[0.001].llr == max(point.llr for point in found[0.001].points)
    assert found[0.01].llr < found[0.001].llr


def test_a_rate_that_the_trials_do_not_support_says_so():
    synced("mimop")

    assert by_rate()[0.0001].missing == tuple(
        f"{setting}: too few trials (34,816 of different people)" for setting in ("face and voice", "face", "voice")
    )


@pytest.mark.parametrize(("false_match", "false_non_match"), [(1.0, 1.0), (10.0, 1.0), (0.5, 3.0)])
def test_the_prior_of_a_rate_decides_at_its_threshold(false_match: float, false_non_match: float):
    synced("mimop")
    choice = by_rate()[0.01]

    prior = choice.prior(cost_false_match=false_match, cost_false_non_match=false_non_match)

    assert math.isclose(Stakes(prior, false_match, false_non_match).threshold, choice.llr)


def test_whichever_of_several_methods_runs_holds_the_rate(settings):
    synced("mimop")
    alone = by_rate()[0.01].llr
    synced("cosmic")

    assert by_rate()[0.01].llr == max(alone, 2.4869046521178224)
    settings.ENV = replace(settings.ENV, fusion="cosmic")
    assert {point.model for point in by_rate()[0.01].points} == {"cosmic-fused", "cosmic-face", "cosmic-voice"}


@pytest.mark.parametrize("state", ["nothing synced", "another pack answers", "the sum of ratios", "voice unmeasured"])
def test_what_was_never_measured_is_not_offered(settings, state: str):
    if state != "nothing synced":
        synced("mimop")
    if state == "another pack answers":
        GalleryState.objects.create(pk=1, pack="edgeface")
    if state == "the sum of ratios":
        settings.ENV = replace(settings.ENV, fusion="llr_sum")
    if state == "voice unmeasured":
        ModelVersionFactory(
            modality=FUSION, name="mimop-voice", sha256="1" * 64, calibration={"modality": "voice", "name": "new"}
        )

    found = by_rate()

    assert not any(choice.offered for choice in found.values())
    assert "voice: never measured" in found[0.01].missing
