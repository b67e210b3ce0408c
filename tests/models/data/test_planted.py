"""The planted-factor generator: its optimum against densities by SciPy, and against everything else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Ridge

from models.data.planted import Generator, Planted
from models.evaluation.metrics import auc


def auc_of(scores: np.ndarray) -> float:
    true = np.eye(len(scores), dtype=bool)
    return auc(scores[true], scores[~true])


def test_the_optimal_score_is_the_log_likelihood_ratio_of_gaussian_densities():
    generator = Generator(face_width=4, voice_width=3, shared=2)
    drawn = generator.draw(5, 1, seed=1)
    to_face, to_voice = generator._maps()
    spread = 0.6**2 + 0.4**2
    both = np.concatenate([to_face, to_voice], 1)
    joint = multivariate_normal(np.zeros(7), both.T @ both + spread * np.eye(7))
    face = multivariate_normal(np.zeros(4), to_face.T @ to_face + spread * np.eye(4))
    voice = multivariate_normal(np.zeros(3), to_voice.T @ to_voice + spread * np.eye(3))

    scores = generator.optimal_scores(drawn.face, drawn.voice)

    for row, one in enumerate(drawn.face):
        for column, other in enumerate(drawn.voice):
            expected = joint.logpdf(np.concatenate([one, other])) - face.logpdf(one) - voice.logpdf(other)
            assert scores[row, column] == pytest.approx(expected, abs=1e-9)


def test_samples_have_the_covariance_that_the_optimum_counts_on():
    generator = Generator(face_width=4, voice_width=3, shared=2)
    drawn = generator.draw(20_000, 1, seed=1)
    to_face, to_voice = generator._maps()
    both = np.concatenate([to_face, to_voice], 1)

    found = np.cov(np.concatenate([drawn.face, drawn.voice], 1).T)

    assert found == pytest.approx(both.T @ both + (0.6**2 + 0.4**2) * np.eye(7), abs=0.08)


def test_no_score_beats_the_optimum_which_is_far_above_chance():
    generator = Generator()
    drawn = generator.draw(150, 1, seed=3)
    to_face, to_voice = generator._maps()
    # The common factor as each side alone gives it by least squares, compared by its cosine: good, but not the best.
    guesses = [side @ np.linalg.pinv(to_side) for side, to_side in ((drawn.face, to_face), (drawn.voice, to_voice))]
    face, voice = (guess / np.linalg.norm(guess, axis=1, keepdims=True) for guess in guesses)

    best, other = auc_of(generator.optimal_scores(drawn.face, drawn.voice)), auc_of(face @ voice.T)

    assert best > 0.9
    assert 0.8 < other <= best + 0.005


def test_the_optimum_beats_every_linear_method_learned_from_other_people():
    generator = Generator()
    face, voice = generator.draw(600, 4, seed=1).centroids()
    unseen = generator.draw(300, 1, seed=2)
    to_voice, to_face = Ridge(100.0).fit(face, voice), Ridge(100.0).fit(voice, face)
    correlations = CCA(generator.shared, max_iter=1000).fit(face, voice)

    optimum = auc_of(generator.optimal_scores(unseen.face, unseen.voice))

    for seen, heard in (
        (to_voice.predict(unseen.face), unseen.voice),
        (unseen.face, to_face.predict(unseen.voice)),
        correlations.transform(unseen.face, unseen.voice),
    ):
        one, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (seen, heard))
        assert 0.75 < auc_of(one @ other.T) < optimum


def test_the_optimal_score_of_true_pairs_is_calibrated():
    """Of a likelihood ratio, the mean of exp(-score) over true pairs is 1."""
    generator = Generator(face_width=3, voice_width=3, shared=2, own=1.5)
    drawn = generator.draw(2000, 1, seed=1)

    scores = np.diag(generator.optimal_scores(drawn.face, drawn.voice))

    assert np.mean(np.exp(-scores)) == pytest.approx(1, abs=0.05)


def test_without_a_common_factor_worth_the_name_nothing_is_found():
    generator = Generator(own=50.0)
    drawn = generator.draw(100, 1, seed=3)

    assert auc_of(generator.optimal_scores(drawn.face, drawn.voice)) == pytest.approx(0.5, abs=0.15)


def test_mispaired_people_are_chance():
    generator = Generator()
    drawn = generator.draw(100, 1, seed=3)

    scores = generator.optimal_scores(drawn.face, np.roll(drawn.voice, 1, axis=0))

    assert auc_of(scores) == pytest.approx(0.5, abs=0.12)


def test_draws_repeat_by_seed_and_share_the_maps_of_their_generator():
    generator = Generator(face_width=4, voice_width=3, shared=2, seed=7)

    first, again, other = generator.draw(6, 2, seed=1), generator.draw(6, 2, seed=1), generator.draw(6, 2, seed=2)

    assert np.array_equal(first.face, again.face) and np.array_equal(first.voice, again.voice)
    assert not np.allclose(first.face, other.face)
    assert np.array_equal(generator._maps()[0], Generator(face_width=4, voice_width=3, shared=2, seed=7)._maps()[0])
    assert first.identity.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_centroids_are_means_over_the_samples_of_each_person():
    drawn = Planted(np.array([[1.0], [5.0], [3.0]]), np.array([[2.0], [6.0], [4.0]]), np.array([0, 1, 0]))

    face, voice = drawn.centroids()

    assert face.tolist() == [[2.0], [5.0]]
    assert voice.tolist() == [[3.0], [6.0]]
