"""Face to voice: between chance and the optimum where they have something in common, at chance where they have not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.cosmic.retrieval import on_planted_factor, on_true_pairs, retrieval
from models.data.features import Features
from models.data.people import has_true_pairs
from tests.features import FACE_WIDTH, VOICE_WIDTH, features

PEOPLE = 200


@pytest.fixture(scope="module")
def independent() -> Features:
    """Face and voice of one person each, drawn apart."""
    return features(faces=PEOPLE, voices=PEOPLE, recordings=2, true_pairs=True)


def with_something_in_common(data: Features) -> Features:
    """The same people, whose face and voice are two linear views of one vector of theirs, plus noise."""
    draw = np.random.default_rng(0)
    names = sorted(set(data.face.identity))
    factor = dict(zip(names, draw.standard_normal((len(names), 6)), strict=True))
    sides = []
    for side, width in ((data.face, FACE_WIDTH), (data.voice, VOICE_WIDTH)):
        view = draw.standard_normal((6, width))
        vectors = np.stack([factor[name] for name in side.identity]) @ view
        vectors += 0.7 * draw.standard_normal(vectors.shape)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        sides.append(replace(side, embeddings=vectors.astype(np.float32)))
    return replace(data, face=sides[0], voice=sides[1])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_aligner_is_clearly_above_chance_and_not_above_the_optimum(seed: int):
    aligner, optimum = on_planted_factor(seed=seed)

    assert aligner.people == optimum.people == 100
    assert aligner.chance == (0.01, 0.05, 0.1)
    assert aligner.auc > 0.75
    for found, best, chance in zip(aligner.recall[1:], optimum.recall[1:], aligner.chance[1:], strict=True):
        assert 3 * chance < found <= best + 0.05
    assert aligner.auc <= optimum.auc
    assert "optimum" in optimum.data and "optimum" not in aligner.data


def test_chimeric_people_are_refused():
    data = features(faces=30, voices=30)

    assert not has_true_pairs(data)
    with pytest.raises(ValueError, match="no person with both face and voice of their own: retrieval would be chance"):
        on_true_pairs(data)


def test_independent_faces_and_voices_stay_near_chance(independent: Features):
    found = on_true_pairs(independent)

    assert found.people == PEOPLE // 5
    assert found.auc == pytest.approx(0.5, abs=0.08)
    assert found.recall[2] < found.chance[2] + 0.2  # three standard deviations of 40 trials at 25 %
    assert "160 people in training" in found.data


def test_what_face_and_voice_have_in_common_is_found_on_people_unseen(independent: Features):
    found = on_true_pairs(with_something_in_common(independent), rank=6)

    assert found.auc > 0.8
    assert found.recall[2] > 2 * found.chance[2]


def test_a_single_true_pair_is_too_few():
    data = features(faces=30, voices=30)
    voices, faces = data.voice, data.face
    names = voices.identity.astype("U40")
    names[names == "speech/p0"] = "pictures/p0"

    with pytest.raises(ValueError, match="too few for retrieval"):
        on_true_pairs(replace(data, face=faces, voice=replace(voices, identity=names)))


def test_figures_are_those_of_the_true_pairs():
    """The first face finds the second voice before its own, the second ties its own with all others."""
    scores = np.eye(20)
    scores[0, 1] = 2.0
    scores[1] = 0.0

    found = retrieval(scores, data="made")

    assert found.recall == (18 / 20, 19 / 20, 19 / 20)
    assert found.chance == (0.05, 0.25, 0.5)
    # Of 20 x 380 comparisons of a true with a false pair: 19 true ones at 1 lose to the one false 2, the true 0 ties.
    assert found.auc == pytest.approx((19 * 379 + 379 / 2) / (20 * 380))
