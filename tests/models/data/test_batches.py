"""What networks are trained on: batches of captures, pairs of one population, scaled context."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from models.data.batches import Batch, Batches, Sampling
from models.data.context import LARGEST, scaler_of
from models.data.features import CLEAN, CONTEXT, VOICE_CONTEXT, Features
from models.data.folds import identity_folds
from models.data.pairs import Pairs, PairSampler
from models.data.people import Person, people_of
from models.data.trials import Trials, trials_of
from tests.features import features

DATA = features(faces=30, voices=20)
FOLD = identity_folds(DATA)[0]
PEOPLE = people_of(DATA, FOLD.train, seed=0)
PARTIAL = [index for index, one in enumerate(PEOPLE) if not one.complete]


def batches_of(count: int, **changes: object) -> Iterator[Batch]:
    sampling = dataclasses.replace(Sampling(people=8, captures=4, batches=count), **changes)  # type: ignore[arg-type]
    return Batches(DATA, PEOPLE, sampling).epoch(np.random.default_rng(0))


def populations(data: Features = DATA, people: list[Person] = PEOPLE, count: int = 3) -> list[Trials]:
    complete = [one for one in people if one.complete]
    return [trials_of(data, complete, seed=seed) for seed in range(count)]


def drawn(count: int, **arguments: float) -> Iterator[Pairs]:
    sampler = PairSampler(populations(), **arguments)  # type: ignore[arg-type]
    draw = np.random.default_rng(0)
    for _ in range(count):
        yield sampler.draw(draw)


def test_a_batch_has_so_many_people_with_so_many_captures_each():
    for batch in batches_of(10):
        people, captures = np.unique(batch.label, return_counts=True)

        assert len(people) == 8
        assert set(captures) == {4}
        # Sixty per cent of eight, rounded.
        assert sum(PEOPLE[one].complete for one in people) == 5


def test_people_of_one_modality_give_way_where_there_are_none():
    complete = [one for one in PEOPLE if one.complete]
    sampling = Sampling(people=6, captures=1, batches=1, complete_share=0.0)

    (batch,) = Batches(DATA, complete, sampling).epoch(np.random.default_rng(0))

    assert len(set(batch.label)) == 6


def test_more_people_than_there_are_means_all_of_them():
    (batch,) = batches_of(1, people=1000, captures=1)

    assert sorted(batch.label) == list(range(len(PEOPLE)))


@pytest.mark.parametrize("drop", [0.0, 0.5, 1.0])
def test_drops_never_leave_a_capture_with_nothing(drop: float):
    batch = next(batches_of(1, people=1000, drop=drop))
    complete = ~np.isin(batch.label, PARTIAL)

    assert batch.side.present.any(1).all()
    both = batch.side.present.all(1)
    assert not both[~complete].any()
    if drop == 0.5:
        assert 0.3 < both[complete].mean() < 0.7
    else:
        assert set(both[complete]) == {drop == 0.0}


def test_a_capture_shows_its_own_person():
    batch = next(batches_of(1, drop=0.0))

    for column, (vectors, side) in enumerate(((batch.side.face, DATA.face), (batch.side.voice, DATA.voice))):
        for label, vector, present in zip(batch.label, vectors, batch.side.present[:, column], strict=True):
            if not present:
                assert not vector.any()
                continue
            nearest = int(np.argmax(side.embeddings @ vector))
            assert nearest in (PEOPLE[label].face, PEOPLE[label].voice)[column]


def test_references_are_unit_means_of_clean_samples():
    batch = next(batches_of(1, people=1000, captures=8, reference_share=1.0, drop=0.0))
    sizes = set()

    for label, vector, present in zip(batch.label, batch.side.face, batch.side.present[:, 0], strict=True):
        if not present:
            continue
        rows = PEOPLE[label].face
        clean = DATA.face.embeddings[rows[DATA.face.condition[rows] == CLEAN]]
        # The weights of the clean samples in the reference: alike for those behind it, zero for the others.
        weights = np.linalg.lstsq(clean.T.astype(np.float64), vector.astype(np.float64), rcond=None)[0]
        behind = weights > 0.1
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
        assert weights[behind] == pytest.approx(weights[behind][0], abs=1e-4)
        assert weights[~behind] == pytest.approx(0.0, abs=1e-4)
        sizes.add(int(behind.sum()))

    assert sizes == {1, 2, 3}


def test_what_is_neither_clean_nor_a_reference_is_degraded():
    (batch,) = batches_of(1, people=1000, clean_share=0.0, reference_share=0.0, drop=0.0)

    assert batch.side.quality[batch.side.present] == pytest.approx(0.4)


def test_nobody_is_told_apart_from_nobody():
    with pytest.raises(ValueError, match="two people"):
        Batches(DATA, PEOPLE[:1], Sampling())


def test_pairs_are_one_genuine_and_some_impostors_a_probe():
    for pairs in drawn(5, probes=10, impostors=4, drop=0.0):
        assert len(pairs.probes) == len(pairs.references) == len(pairs.label) == 50
        assert pairs.genuine.reshape(10, 5).tolist() == [[True, False, False, False, False]] * 10
        assert (pairs.label.reshape(10, 5) == pairs.label[::5, None]).all()


def test_impostors_are_never_the_owner_and_pairs_come_from_one_population():
    everyone = populations()
    origins = set()

    for pairs in drawn(30, probes=12, impostors=6, drop=0.0):
        found = [index for index, one in enumerate(everyone) if _holds(one, pairs)]
        assert len(found) == 1
        origins.add(found[0])
        references = everyone[found[0]].references
        for row in range(len(pairs.label)):
            own = references.face[pairs.label[row]], references.voice[pairs.label[row]]
            same = np.array_equal(pairs.references.face[row], own[0])
            assert same == np.array_equal(pairs.references.voice[row], own[1]) == pairs.genuine[row]

    assert origins == {0, 1, 2}


def _holds(trials: Trials, pairs: Pairs) -> bool:
    """Whether every reference, face joined with voice, is one of the population's."""
    known = {
        face.tobytes() + voice.tobytes()
        for face, voice in zip(trials.references.face, trials.references.voice, strict=True)
    }
    return all(
        face.tobytes() + voice.tobytes() in known
        for face, voice in zip(pairs.references.face, pairs.references.voice, strict=True)
    )


def test_a_dropped_modality_is_dropped_for_a_whole_probe_and_never_both():
    (pairs,) = drawn(1, probes=1000, impostors=2, drop=0.5)
    present = pairs.probes.present.reshape(-1, 3, 2)

    assert (present == present[:, :1]).all()
    assert present.any(2).all()
    assert 0.3 < present.all(2).mean() < 0.7
    assert (~present[:, 0]).sum(0).min() > 0  # either modality
    assert pairs.references.present.all()


def test_the_whole_population_is_every_probe_once():
    everyone = populations()

    pairs = PairSampler(everyone, impostors=1, drop=0.0).whole(np.random.default_rng(0))

    assert sorted(pairs.label[pairs.genuine]) == sorted(everyone[0].owner)


def test_no_population_is_an_error():
    with pytest.raises(ValueError, match="no population"):
        PairSampler([])


def test_context_is_scaled_by_the_people_given_and_nobody_else():
    rows = np.concatenate([one.voice for one in PEOPLE])
    strange = DATA.voice.context.copy()
    strange[np.setdiff1d(np.arange(len(strange)), rows)] = 1000.0
    changed = dataclasses.replace(DATA, voice=dataclasses.replace(DATA.voice, context=strange))

    scaler = scaler_of(changed, PEOPLE)

    values = DATA.voice.context[rows].astype(np.float64)
    assert scaler.mean.shape == scaler.deviation.shape == (CONTEXT,)
    assert scaler.mean[2:VOICE_CONTEXT] == pytest.approx(values[:, 2:].mean(0), abs=1e-5)
    assert scaler.deviation[2:VOICE_CONTEXT] == pytest.approx(values[:, 2:].std(0), abs=1e-5)


def test_the_face_follows_the_voice_in_the_context():
    face = DATA.face.context[np.concatenate([one.face for one in PEOPLE])].astype(np.float64)

    scaler = scaler_of(DATA, PEOPLE)

    assert scaler.mean[VOICE_CONTEXT + 2 :] == pytest.approx(face[:, 2:].mean(0), abs=1e-5)


def test_what_nobody_shows_neither_shifts_nor_scales():
    scaler = scaler_of(DATA, PEOPLE)

    assert scaler.mean[:2].tolist() == [0.0, 0.0]
    assert scaler.deviation[:2].tolist() == [1.0, 1.0]


def test_gaps_become_the_mean_and_outliers_are_clipped():
    scaler = scaler_of(DATA, PEOPLE)
    context = np.full((3, CONTEXT), np.nan, np.float32)
    context[1] = scaler.mean + 2 * scaler.deviation
    context[1, 0] = np.inf
    context[2, 5], context[2, 6] = 1e6, -1e6

    scaled, measured = scaler(context)

    assert scaled.dtype == np.float32
    assert measured.tolist() == [False, True, True]
    assert not scaled[0].any()
    assert scaled[1, 1:] == pytest.approx(2.0, abs=1e-4)
    assert scaled[1, 0] == 0.0
    assert (scaled[2, 5], scaled[2, 6]) == (LARGEST, -LARGEST)
