"""Cross-modal projection on planted factors, whose linear optimum is known, and on data without any association."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.cosmic.aligner import COVARIANCE_WEIGHT, VARIANCE_WEIGHT, GeneralizableXMAligner, fit_aligner
from tests.models.cosmic.exported import run_exported

TRAINED, UNSEEN = 400, 200
FACE, VOICE, FACTORS = 64, 48, 16


def planted(*, shared: bool, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Face and voice centroids (unit) of all people: a shared factor, or each its own, a private one, and noise."""
    random = np.random.default_rng(seed)
    people = TRAINED + UNSEEN
    factor = random.normal(size=(people, FACTORS))
    centroids = []
    for width in (FACE, VOICE):
        own = factor if shared else random.normal(size=(people, FACTORS))
        signal = own @ random.normal(size=(FACTORS, width))
        private = random.normal(size=(people, FACTORS)) @ random.normal(size=(FACTORS, width))
        noise = random.normal(size=(people, width))
        centroids.append(torch.tensor(signal + private + noise, dtype=torch.float32))
    return F.normalize(centroids[0], dim=1), F.normalize(centroids[1], dim=1)


def recall(projected: Tensor, target: Tensor, k: int) -> float:
    """Share of rows whose own target is among the k with the highest cosine; ties count against."""
    scores = F.normalize(projected, dim=1) @ F.normalize(target, dim=1).T
    rank = (scores >= scores.diag().unsqueeze(1)).sum(1)
    return float((rank <= k).float().mean())


def ridge(source: Tensor, target: Tensor, unseen: Tensor, penalty: float) -> Tensor:
    """The linear optimum in closed form."""
    centred = source - source.mean(0)
    gram = centred.T @ centred + penalty * len(source) * torch.eye(source.shape[1])
    weight = torch.linalg.solve(gram, centred.T @ (target - target.mean(0)))
    return (unseen - source.mean(0)) @ weight + target.mean(0)


@pytest.fixture(scope="module")
def aligner() -> GeneralizableXMAligner:
    face, voice = planted(shared=True)
    return fit_aligner(face[:TRAINED], voice[:TRAINED])


@torch.no_grad()
def test_it_finds_unseen_people_nearly_as_well_as_the_linear_optimum(aligner: GeneralizableXMAligner):
    face, voice = planted(shared=True)
    unseen, there = face[TRAINED:], voice[TRAINED:]
    optima = [ridge(face[:TRAINED], voice[:TRAINED], unseen, penalty) for penalty in (1e-5, 1e-4, 1e-3, 1e-2)]

    first, fifth = recall(aligner(unseen), there, 1), recall(aligner(unseen), there, 5)

    assert first > 50 / UNSEEN and fifth > 10 * 5 / UNSEEN
    assert first > max(recall(optimum, there, 1) for optimum in optima) - 0.1
    assert fifth > max(recall(optimum, there, 5) for optimum in optima) - 0.05


@torch.no_grad()
def test_it_carries_over_to_unseen_people_what_it_learned(aligner: GeneralizableXMAligner):
    face, voice = planted(shared=True)

    trained = recall(aligner(face[:UNSEEN]), voice[:UNSEEN], 5)

    assert recall(aligner(face[TRAINED:]), voice[TRAINED:], 5) > trained - 0.15


@torch.no_grad()
def test_without_an_association_unseen_people_are_found_by_chance_only():
    found = []
    for seed in (1, 2, 3):
        face, voice = planted(shared=False, seed=seed)
        with torch.enable_grad():
            aligner = fit_aligner(face[:TRAINED], voice[:TRAINED], epochs=100, seed=0)
        found.append(recall(aligner(face[TRAINED:]), voice[TRAINED:], 5))

    # 600 probes at chance 5 / 200: mean 0.025, standard deviation 0.0064.
    assert np.mean(found) < 0.025 + 4 * 0.0064


@torch.no_grad()
def test_projections_are_unit_and_both_factors_nearly_orthogonal(aligner: GeneralizableXMAligner):
    face, _ = planted(shared=True)

    torch.testing.assert_close(aligner(face).norm(dim=1), torch.ones(len(face)))
    for rows in (aligner.down, aligner.up.T):
        gram = rows @ rows.T
        assert float((gram - torch.eye(len(rows))).square().sum(1).mean()) < 0.5


@torch.no_grad()
def test_a_collapsed_and_a_redundant_code_cost_more_than_a_spread_one():
    """The targets are the projections themselves: squared error alone would tolerate all three."""
    torch.manual_seed(0)
    aligner = GeneralizableXMAligner(FACE, VOICE, rank=8)
    spread = F.normalize(torch.randn(500, 8), dim=1)
    collapsed = spread[:1].expand(500, 8)
    redundant = spread[:, [0, 1, 2, 3, 0, 1, 2, 3]]

    losses = [
        float(aligner.loss(code @ aligner.down, aligner(code @ aligner.down)))
        for code in (spread, collapsed, redundant)
    ]

    assert losses[0] < 0.01
    assert losses[1] == pytest.approx(VARIANCE_WEIGHT, rel=0.02)
    assert losses[2] == pytest.approx(COVARIANCE_WEIGHT, rel=0.25)  # each of 8 dimensions has one full covariance


def test_the_same_seed_gives_the_same_aligner_and_leaves_the_callers_random_state_alone():
    face, voice = planted(shared=True)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    first = fit_aligner(face, voice, epochs=3, seed=7)
    drawn = torch.rand(3)
    second = fit_aligner(face, voice, epochs=3, seed=7)

    assert torch.equal(first.down, second.down) and torch.equal(first.up, second.up)
    assert torch.equal(drawn, expected)
    assert not torch.equal(first.down, fit_aligner(face, voice, epochs=3, seed=8).down)


def test_a_rank_above_a_width_is_refused():
    with pytest.raises(ValueError, match="rank"):
        GeneralizableXMAligner(64, 16, rank=32)


def test_centroids_that_do_not_pair_up_are_refused():
    face, voice = planted(shared=True)

    with pytest.raises(ValueError, match="centroids"):
        fit_aligner(face, voice[:-1], epochs=1, seed=0)


def test_the_onnx_export_gives_the_same(aligner: GeneralizableXMAligner):
    face, _ = planted(shared=True)

    exported = run_exported(aligner, (face[:2],), (face[:5],))

    np.testing.assert_allclose(exported, aligner(face[:5]).detach().numpy(), atol=1e-5)
