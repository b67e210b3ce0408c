"""Search of a gallery, counted by hand and against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.evaluation.errors import TooFewTrials
from models.evaluation.identification import Identification, identification
from models.evaluation.metrics import Rule

SIMILARITY = np.array(
    [
        [0.9, 0.1, 0.2],  # mate 0: first
        [0.5, 0.4, 0.6],  # mate 1: third
        [0.7, 0.1, 0.7],  # mate 2: tied with another, so second
        [0.3, 0.2, 0.1],  # not enrolled
        [0.1, 0.8, 0.1],  # not enrolled
    ]
)
MATES = np.array([0, 1, 2, -1, -1])

scores = st.tuples(st.integers(1, 8), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float64, shape, elements=st.integers(0, 4)),
        arrays(np.int64, shape[0], elements=st.integers(-1, shape[1] - 1)),
    )
)


def test_ranks_and_rates_by_hand():
    found = identification(SIMILARITY, MATES, name="test")

    assert found.mate_rank.tolist() == [1, 3, 2]
    assert found.cmc().tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert found.rank_rate(1) == pytest.approx(1 / 3)
    assert found.fpir(0.8) == 0.5
    assert found.fnir(0.7) == pytest.approx(1 / 3)
    assert found.fnir(0.7, rank=1) == pytest.approx(2 / 3)


@given(scores)
def test_everything_agrees_with_plain_loops(case):
    similarity, mates = case
    found = identification(similarity, mates, name="test")
    ranks = [sum(score >= row[mate] for score in row) for row, mate in zip(similarity, mates, strict=True) if mate >= 0]

    assert found.mate_rank.tolist() == ranks
    for threshold in range(6):
        if ranks:
            for rank in (1, 2, None):
                missed = [
                    row[mate] < threshold or (rank is not None and sum(score >= row[mate] for score in row) > rank)
                    for row, mate in zip(similarity, mates, strict=True)
                    if mate >= 0
                ]
                assert found.fnir(threshold, rank=rank) == pytest.approx(np.mean(missed))
        if len(ranks) < len(mates):
            positive = [max(row) >= threshold for row, mate in zip(similarity, mates, strict=True) if mate < 0]
            assert found.fpir(threshold) == pytest.approx(np.mean(positive))
    if ranks:
        assert found.cmc(4).tolist() == pytest.approx([np.mean(np.array(ranks) <= rank) for rank in (1, 2, 3, 4)])


def test_fnir_at_fpir_promises_at_most_and_asks_for_enough_probes():
    random = np.random.default_rng(0)
    similarity = random.normal(size=(400, 20))
    mates = np.r_[np.arange(100) % 20, np.full(300, -1)]
    similarity[np.arange(100), mates[:100]] += 4
    found = identification(similarity, mates, name="test")

    missed, threshold = found.fnir_at_fpir(0.1, rank=1)

    assert found.fpir(threshold) <= 0.1
    assert missed == found.fnir(threshold, rank=1)
    with pytest.raises(TooFewTrials, match="300 at hand, 3,000 are needed"):
        found.fnir_at_fpir(0.01)
    assert found.fpir(found.fnir_at_fpir(0.01, rule=Rule.THREE)[1]) <= 0.01


def test_what_is_saved_is_loaded(tmp_path: Path):
    found = identification(SIMILARITY, MATES, name="test")

    found.save(tmp_path / "searches.npz")
    again = Identification.load(tmp_path / "searches.npz")

    assert (again.name, again.gallery) == ("test", 3)
    assert again.mate_rank.tolist() == [1, 3, 2]
    assert again.top_score.tolist() == [0.3, 0.8]
    (tmp_path / "text.npz").write_text("nothing")
    with pytest.raises(ValueError, match="holds no searches"):
        Identification.load(tmp_path / "text.npz")


@pytest.mark.parametrize(
    ("similarity", "mates"),
    [
        (np.where(SIMILARITY == 0.9, np.nan, SIMILARITY), MATES),
        (SIMILARITY, MATES[:3]),
        (SIMILARITY, np.array([0, 1, 3, -1, -1])),
        (SIMILARITY, np.array([0, 1, -2, -1, -1])),
        (SIMILARITY[0], MATES),
    ],
)
def test_what_cannot_be_searched_is_refused(similarity, mates):
    with pytest.raises(ValueError):
        identification(similarity, mates, name="test")


def test_a_rate_over_no_probes_is_refused():
    mated = identification(SIMILARITY[:3], MATES[:3], name="test")
    strangers = identification(SIMILARITY[3:], MATES[3:], name="test")

    with pytest.raises(ValueError):
        mated.fpir(0.5)
    for rate in (lambda: strangers.rank_rate(1), lambda: strangers.fnir(0.5), strangers.cmc):
        with pytest.raises(ValueError):
            rate()
