"""Folds, chimeric people and trials: who may meet whom."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from models.data.features import CLEAN
from models.data.folds import TooFewIdentities, identity_folds
from models.data.people import has_true_pairs, people_of, sources
from models.data.trials import trials_of
from tests.features import features

ALL_PARTS = ("train", "validation", "test")


@pytest.mark.parametrize("true_pairs", [False, True])
def test_no_identity_is_in_two_parts_of_a_fold(true_pairs: bool):
    found = identity_folds(features(true_pairs=true_pairs), count=5, seed=3)

    for fold in found:
        for first, second in combinations(ALL_PARTS, 2):
            assert not getattr(fold, first).faces & getattr(fold, second).faces
            assert not getattr(fold, first).voices & getattr(fold, second).voices


def test_every_identity_is_tested_in_exactly_one_fold():
    data = features()
    folds = identity_folds(data, count=5, seed=0)

    tested = [name for fold in folds for name in fold.test.faces | fold.test.voices]

    assert sorted(tested) == sorted({*data.face.identity, *data.voice.identity})


def test_a_person_with_face_and_voice_of_their_own_stays_whole():
    data = features(faces=20, voices=20, true_pairs=True)

    for fold in identity_folds(data, count=4, seed=1):
        assert fold.test.faces == fold.test.voices


def test_too_few_identities_are_an_error():
    with pytest.raises(TooFewIdentities, match="4 identities for 5 parts"):
        identity_folds(features(faces=30, voices=4), count=5)


def test_chimeric_people_use_every_identity_once_and_follow_the_seed():
    data = features(faces=30, voices=20)
    split = identity_folds(data, count=5)[0].train

    first, again, other = (people_of(data, split, seed=seed) for seed in (1, 1, 2))

    assert not has_true_pairs(data)
    assert [one.name for one in first] == [one.name for one in again] != [one.name for one in other]
    faces = [one.face_identity for one in first if len(one.face)]
    voices = [one.voice_identity for one in first if len(one.voice)]
    assert sorted(faces) == sorted(split.faces)
    assert sorted(voices) == sorted(split.voices)
    assert sum(one.complete for one in first) == min(len(faces), len(voices))


def test_probes_never_come_from_a_recording_that_was_enrolled():
    data = features(recordings=4)
    people = [one for one in people_of(data, identity_folds(data)[0].train, seed=0) if one.complete]

    trials = trials_of(data, people, seed=0, enrolled=3, probes=6)

    # A reference is the unit mean of three recordings; the fourth is all that is left for probes.
    for probe, owner in zip(trials.probes.face, trials.owner, strict=True):
        rows = people[owner].face
        row = rows[np.argmax(data.face.embeddings[rows] @ probe)]
        of_source = rows[(data.face.source[rows] == data.face.source[row]) & (data.face.condition[rows] == CLEAN)]
        rest = np.setdiff1d(rows[data.face.condition[rows] == CLEAN], of_source)
        mean = data.face.embeddings[rest].mean(0)
        assert trials.references.face[owner] @ mean / np.linalg.norm(mean) == pytest.approx(1.0, abs=1e-5)


def test_half_of_the_probes_are_degraded_in_both_modalities():
    data = features()
    people = [one for one in people_of(data, identity_folds(data)[0].train, seed=0) if one.complete]

    trials = trials_of(data, people, seed=0, probes=8)

    assert set(trials.condition) == {CLEAN, "blur+noise_0"}
    assert np.mean(trials.condition == CLEAN) == 0.5
    assert trials.genuine.sum() == len(trials.probes)


def test_a_modality_left_out_leaves_no_trace():
    data = features()
    people = [one for one in people_of(data, identity_folds(data)[0].train, seed=0) if one.complete]

    face = trials_of(data, people, seed=0).probes.only(face=True, voice=False)

    assert not face.voice.any()
    assert not face.quality[:, 1].any()
    assert face.present.tolist() == [[True, False]] * len(face)
    assert np.isnan(face.context[:, :191]).all()


def test_people_without_two_recordings_are_left_out():
    data = features(recordings=1)

    assert people_of(data, identity_folds(data)[0].train, seed=0) == []


def test_sources_join_a_recording_with_its_degraded_copies():
    data = features(recordings=3)
    rows = np.flatnonzero(data.voice.identity == "speech/p0")

    assert len(rows) == 6
    assert len(sources(data.voice, rows)) == 3
