"""Presentations that the gate is calibrated on, their cues, and how well those tell them apart."""

from __future__ import annotations

import numpy as np
import pytest

from models.deepfake.frame import CUES
from models.deepfake.measure import ablation, separations
from models.deepfake.presentations import re_encoded, table_of, untouched, with_forgeries
from models.training.gate import GateTable
from tests.models.deepfake.made import made_face


def no_network(images: np.ndarray) -> np.ndarray:
    """Mean brightness in place of a network's logit."""
    return images.mean(axis=(1, 2, 3))


def people(count: int) -> list:
    return [made_face(seed, subject=f"made/{seed}") for seed in range(count)]


def test_every_face_comes_with_its_forgeries():
    table = table_of(with_forgeries(people(4), np.random.default_rng(0), swaps=True), no_network)

    assert table.names == CUES
    assert sorted(set(table.instrument)) == ["blended", "bona_fide", "swapped"]
    assert all((table.instrument == kind).sum() == 4 for kind in set(table.instrument))


def test_a_lone_person_is_swapped_with_nobody():
    shown = list(with_forgeries(people(1), np.random.default_rng(0), swaps=True))

    assert [one.instrument for one in shown] == ["bona_fide", "blended"]


def test_pictures_re_encoded_differ_and_untouched_ones_do_not():
    faces = people(1)

    encoded = list(re_encoded(faces, "synthetic", np.random.default_rng(0), 3))
    (left,) = untouched(faces)

    assert len({one.picture.tobytes() for one in encoded}) == 3
    assert np.array_equal(left.picture, faces[0].picture)


def test_a_table_needs_presentations():
    with pytest.raises(ValueError, match="needs presentations"):
        table_of([], no_network)


def planted(seed: int, count: int = 60) -> GateTable:
    """The first cue tells attacks apart, the second nothing."""
    draw = np.random.default_rng(seed)
    real = np.arange(count) % 2 == 0
    values = np.stack([draw.normal(size=count) + 4 * real, draw.normal(size=count)], axis=1)
    instrument = np.where(real, "bona_fide", "blended")
    subject = np.array([f"{seed}/{index // 2}" for index in range(count)])
    return GateTable(("network", "grid"), values, instrument, subject, np.full(count, "made"))


def test_the_ablation_says_which_cue_tells_them_apart():
    found = ablation(planted(0), planted(1))

    assert found["network"]["blended"]["auc"] > 0.95
    assert 0.3 < found["all but network"]["blended"]["auc"] < 0.7
    assert found["all"]["blended"]["auc"] > 0.95


def test_an_instrument_meets_bona_fide_pictures_of_its_own_data_set():
    table = planted(0)
    elsewhere = np.where(table.bona_fide, "other", table.dataset)
    apart = GateTable(table.names, table.values, table.instrument, table.subject, elsewhere)

    with pytest.raises(ValueError, match="bona fide"):
        separations(apart, apart.values[:, 0])
