"""``manage.py calibrate --gate``: what operators have labelled makes the next calibration."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from apps.verification.models import AttemptLabel, Capture, StageRecord
from models.gates import load_gate, read_gate
from models.registry import Places
from tests.factories import PersonFactory
from worker.engines.building import gate_card

pytestmark = [pytest.mark.django_db]
PEOPLE = 8
CARD_OF = {"flat": "face_flat", "picture": "face_picture"}


@pytest.fixture
def state(settings, tmp_path):
    """A state folder of its own: what is calibrated here is used nowhere else."""
    settings.ENV = replace(settings.ENV, state_dir=tmp_path, models_dir=None)
    return tmp_path


def label(ratios: dict[str, list[float]], *, gate: str = "flat") -> None:
    """Labelled attempts whose cues give these ratios on the shipped card; "" for bona fide."""
    card = load_gate(CARD_OF[gate], Places(models_dir=None, state_dir=Path("nowhere")))
    heaviest = max(card.cues, key=lambda cue: abs(cue.weight))
    people = [PersonFactory() for _ in range(PEOPLE)]
    for instrument, llrs in ratios.items():
        for index, llr in enumerate(llrs):
            cues = {cue.name: cue.centre for cue in card.cues}
            cues[heaviest.name] += (llr - card.offset) / heaviest.weight * heaviest.scale
            capture = Capture.objects.create(purpose="login", bound_to="somebody", claimed=people[index % PEOPLE])
            evidence = {"gates": {gate: {"rule": "require", "passed": True, "cues": cues}}}
            StageRecord.objects.create(
                capture=capture, position=0, name="liveness", outcome="passed", evidence=evidence, milliseconds=1
            )
            truth = "attack" if instrument else "bona_fide"
            AttemptLabel.objects.create(capture=capture, truth=truth, instrument=instrument, labelled_by="officer")


def calibrate(gate: str) -> str:
    out = StringIO()
    call_command("calibrate", "--gate", gate, stdout=out)
    return out.getvalue()


def drawn(centre: float, count: int, seed: int) -> list[float]:
    return (centre + 0.5 * np.random.default_rng(seed).normal(size=count)).tolist()


def test_labels_move_the_threshold_to_where_this_deployment_needs_it(state):
    before = gate_card("flat", Places(models_dir=None, state_dir=state))
    label({"": drawn(before.threshold - 2.0, 40, 1), "print": drawn(before.threshold - 6.0, 40, 2)})

    said = calibrate("flat")

    after = read_gate(state / "gates" / "face_flat.json")
    assert "80 labelled attempts" in said
    assert after.data == ("attempts labelled here",)
    values = [
        record.evidence["gates"]["flat"]["cues"]
        for record in StageRecord.objects.filter(capture__label__truth="bona_fide")
    ]
    assert not any(before.llr(cues) >= before.threshold for cues in values)
    assert all(after.llr(cues) >= after.threshold for cues in values)
    assert gate_card("flat", Places(models_dir=None, state_dir=state)) == after
    figures = after.measured["labelled attempts, subject-disjoint folds"]
    assert (figures["subjects"], figures["apcer"]["print"]["trials"]) == (PEOPLE, 40)


def test_too_few_labels_change_nothing_and_are_named(state):
    label({"": [1.0] * 30, "print": [-1.0] * 5})

    with pytest.raises(CommandError, match="no gate was calibrated"):
        calibrate("flat")

    assert not (state / "gates").exists()


def test_attacks_of_another_kind_do_not_count(state):
    label({"": drawn(2.0, 30, 1), "synthetic_voice": drawn(-2.0, 30, 2)})

    with pytest.raises(CommandError, match="no gate was calibrated"):
        calibrate("flat")


def test_labels_that_contradict_the_gate_do_not_turn_it_around(state):
    label({"": drawn(-4.0, 40, 1), "print": drawn(4.0, 40, 2)})

    with pytest.raises(CommandError, match="no gate was calibrated"):
        calibrate("flat")

    assert not (state / "gates").exists()


def test_one_attack_that_is_labelled_bona_fide_opens_no_gate(state):
    label({"": [*drawn(3.0, 30, 1), -4.5], "print": drawn(-3.0, 40, 2)})

    with pytest.raises(CommandError, match="no gate was calibrated"):
        calibrate("flat")

    assert not (state / "gates").exists()


def test_a_stage_calibrates_those_of_its_gates_that_have_labels(state):
    label({"": drawn(3.0, 40, 1), "print": drawn(-3.0, 40, 2)}, gate="picture")

    said = calibrate("liveness")

    assert "picture: " in said
    assert "flat: not calibrated: labelled bona fide attempts that gate flat has seen" in said
    assert [path.stem for path in (state / "gates").iterdir()] == ["face_picture"]
