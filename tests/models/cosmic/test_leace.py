"""Within-identity erasure on data whose factors are planted: people, a channel, and noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.cosmic.leace import Eraser, centred_within, fit_conditional_leace

PEOPLE, SESSIONS, WIDTH, CHANNELS = 40, 24, 20, 3


@dataclass(frozen=True, slots=True)
class Planted:
    x: NDArray[np.float64]
    nuisance: NDArray[np.intp]
    identity: NDArray[np.intp]

    def within(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return centred_within(x, self.identity)

    def cross_covariance(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        one_hot = np.eye(CHANNELS)[self.nuisance]
        return self.within(x).T @ self.within(one_hot) / len(x)


@pytest.fixture(scope="module")
def planted() -> Planted:
    """Each capture is its person, moved by its channel, with noise; a person's channels are not equally frequent."""
    random = np.random.default_rng(0)
    people = 2.0 * random.normal(size=(PEOPLE, WIDTH))
    channels = random.normal(size=(CHANNELS, WIDTH))
    identity = np.repeat(np.arange(PEOPLE), SESSIONS)
    nuisance = random.integers(0, CHANNELS, len(identity))
    noise = 0.7 * random.normal(size=(len(identity), WIDTH))
    return Planted(people[identity] + channels[nuisance] + noise, nuisance, identity)


@pytest.fixture(scope="module")
def eraser(planted: Planted) -> Eraser:
    return fit_conditional_leace(planted.x, planted.nuisance, planted.identity)


def channel_accuracy(planted: Planted, x: NDArray[np.float64]) -> float:
    within = planted.within(x)
    return LogisticRegression(max_iter=2000).fit(within, planted.nuisance).score(within, planted.nuisance)


def identity_accuracy(planted: Planted, x: NDArray[np.float64]) -> float:
    """Nearest centroid: the even captures make the references, the odd ones are the probes."""
    references = np.stack([x[::2][planted.identity[::2] == person].mean(0) for person in range(PEOPLE)])
    distances = np.linalg.norm(x[1::2, None] - references[None], axis=2)
    return float(np.mean(distances.argmin(1) == planted.identity[1::2]))


def test_the_channel_can_be_read_before_and_not_after(planted: Planted, eraser: Eraser):
    chance = np.bincount(planted.nuisance).max() / len(planted.nuisance)

    assert channel_accuracy(planted, planted.x) > 0.9
    # The constant answer is optimal on the very data that the classifier was fitted on.
    assert channel_accuracy(planted, eraser(planted.x)) <= chance + 0.01


def test_no_within_identity_covariance_with_the_channel_remains(planted: Planted, eraser: Eraser):
    assert np.abs(planted.cross_covariance(planted.x)).max() > 0.1
    assert np.abs(planted.cross_covariance(eraser(planted.x))).max() < 1e-8


def test_erasing_twice_is_erasing_once(planted: Planted, eraser: Eraser):
    once = eraser(planted.x)

    np.testing.assert_allclose(eraser(once), once, atol=1e-10)
    np.testing.assert_allclose(eraser.projection @ eraser.projection, eraser.projection, atol=1e-10)
    assert np.linalg.matrix_rank(eraser.projection) == WIDTH - (CHANNELS - 1)


def test_people_remain(planted: Planted, eraser: Eraser):
    before = identity_accuracy(planted, planted.x)

    assert before > 0.9
    assert identity_accuracy(planted, eraser(planted.x)) > before - 0.01


def test_nothing_else_could_be_erased_with_less_change(planted: Planted, eraser: Eraser):
    """Against the orthogonal projection along the same directions, which erases just as well."""
    directions, strengths, _ = np.linalg.svd(planted.cross_covariance(planted.x), full_matrices=False)
    directions = directions[:, strengths > 1e-10]
    orthogonal = Eraser(np.eye(WIDTH) - directions @ directions.T, eraser.mean)

    change = np.square(eraser(planted.x) - planted.x).sum(1).mean()

    assert np.abs(planted.cross_covariance(orthogonal(planted.x))).max() < 1e-8
    assert change < 0.9 * np.square(orthogonal(planted.x) - planted.x).sum(1).mean()


def test_a_nuisance_that_tells_people_apart_takes_nothing_of_them():
    """One person uses channel 0 more than another: unconditional erasure would remove what separates the two."""
    random = np.random.default_rng(1)
    identity = np.repeat([0, 1], 1000)
    nuisance = (random.random(2000) < np.where(identity == 0, 0.2, 0.8)).astype(int)
    x = random.normal(size=(2000, 4))
    x[:, 0] += 4.0 * identity
    x[:, 1] += 2.0 * nuisance

    erased = fit_conditional_leace(x, nuisance, identity)(x)

    separation = erased[identity == 1].mean(0) - erased[identity == 0].mean(0)
    assert separation[0] == pytest.approx(4.0, abs=0.3)


def test_it_holds_for_embeddings_that_fill_only_part_of_their_space(planted: Planted):
    random = np.random.default_rng(2)
    wide = replace(planted, x=planted.x @ random.normal(size=(WIDTH, 50)))

    eraser = fit_conditional_leace(wide.x, wide.nuisance, wide.identity)

    assert np.abs(wide.cross_covariance(eraser(wide.x))).max() < 1e-8
    np.testing.assert_allclose(eraser.projection @ eraser.projection, eraser.projection, atol=1e-8)


def test_labels_of_any_kind_give_the_same(planted: Planted, eraser: Eraser):
    names = np.array([f"person {label}" for label in planted.identity])
    rooms = np.array(["hall", "car", "street"])[planted.nuisance]

    named = fit_conditional_leace(planted.x, rooms, names)

    np.testing.assert_allclose(named.projection, eraser.projection, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_input_is_kept(planted: Planted, eraser: Eraser, dtype: type):
    x = planted.x.astype(dtype)

    erased = eraser(x)

    assert erased.dtype == dtype
    np.testing.assert_allclose(erased, eraser(planted.x), atol=1e-5)


def test_a_nuisance_that_no_person_was_seen_without_is_refused(planted: Planted):
    with pytest.raises(ValueError, match="no identity was seen under two"):
        fit_conditional_leace(planted.x, planted.identity % CHANNELS, planted.identity)


def test_labels_of_another_length_are_refused(planted: Planted):
    with pytest.raises(ValueError, match="labels"):
        fit_conditional_leace(planted.x, planted.nuisance[:-1], planted.identity)
