"""Merge lengths against ripser, their gradients, and what the loss does to clusters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ripser import ripser
from scipy.spatial import distance_matrix

from models.cosmic.persistence import merge_lengths, persistence_loss


def deaths_by_ripser(points: np.ndarray) -> np.ndarray:
    """Finite H0 deaths; ripser leaves out the merges of coinciding points, which die as they are born."""
    deaths = ripser(distance_matrix(points, points), maxdim=0, distance_matrix=True)["dgms"][0][:, 1]
    finite = np.sort(deaths[np.isfinite(deaths)])
    return np.r_[np.zeros(len(points) - 1 - len(finite)), finite]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(2, 40),
    width=st.integers(1, 8),
    doubled=st.integers(0, 5),
    grid=st.booleans(),
)
def test_merge_lengths_are_the_deaths_that_ripser_finds(seed, count, width, doubled, grid):
    random = np.random.default_rng(seed)
    # A grid has many equal lengths, which any spanning tree must break in some way.
    points = random.integers(0, 3, (count, width)) if grid else random.normal(size=(count, width))
    points = np.concatenate([points, points[random.integers(0, count, doubled)]]).astype(np.float64)

    lengths = merge_lengths(torch.from_numpy(points)).numpy()

    assert len(lengths) == len(points) - 1
    np.testing.assert_allclose(lengths, deaths_by_ripser(points), atol=2e-6)


def test_merge_lengths_of_a_line_by_hand():
    points = torch.tensor([[0.0], [7.0], [1.0], [1.0], [3.5]])

    torch.testing.assert_close(merge_lengths(points), torch.tensor([0.0, 1.0, 2.5, 3.5]))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_points_have_nothing_to_merge(count):
    assert merge_lengths(torch.zeros(count, 3)).shape == (0,)


def test_merge_lengths_have_the_gradient_of_finite_differences():
    points = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)

    assert torch.autograd.gradcheck(merge_lengths, points)


def test_points_that_coincide_have_gradient_zero_and_not_nan():
    points = torch.tensor([[0.0, 1.0], [0.0, 1.0], [2.0, 1.0]], requires_grad=True)

    merge_lengths(points).sum().backward()

    assert points.grad.isfinite().all()
    torch.testing.assert_close(points.grad[2], torch.tensor([1.0, 0.0]))


def test_loss_by_hand():
    angles = torch.deg2rad(torch.tensor([0.0, 20.0, 30.0, 50.0]))
    identities = torch.stack([angles.cos(), angles.sin()], 1)
    chord = 2 * torch.sin(torch.deg2rad(torch.tensor([20.0, 20.0, 30.0])) / 2)

    loss = persistence_loss(identities, torch.tensor([4, 4, 9, 9]), margin=0.8)

    torch.testing.assert_close(loss, chord[:2].mean() + 0.8 - chord[2])


def test_loss_parts_identities_and_gathers_their_own():
    generator = torch.Generator().manual_seed(3)
    # All within a narrow cone, so that identities overlap.
    points = (torch.randn(24, 8, generator=generator) * 0.4 + 1).requires_grad_(True)
    labels = torch.arange(24) % 6
    optimiser = torch.optim.Adam([points], lr=0.02)
    losses = []

    for _ in range(80):
        loss = persistence_loss(torch.nn.functional.normalize(points, dim=1), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())

    unit = torch.nn.functional.normalize(points.detach(), dim=1)
    chords = torch.cdist(unit, unit)
    same = labels[:, None] == labels
    assert losses[-1] < 0.2 * losses[0]
    assert chords[same].max() < chords[~same].min()


@pytest.mark.parametrize(
    "labels", [[], [5], [5, 5, 5], [1, 2, 3]], ids=["none", "one point", "one identity", "singletons"]
)
def test_loss_is_finite_where_a_part_has_nothing_to_merge(labels):
    identities = torch.eye(3)[: len(labels)].clone().requires_grad_(True)

    loss = persistence_loss(identities, torch.tensor(labels, dtype=torch.long))
    loss.backward()

    assert loss.isfinite() and loss >= 0
    assert identities.grad.isfinite().all()


def test_identities_that_all_coincide_have_a_finite_gradient():
    identities = torch.tensor([[1.0, 0.0]] * 6, requires_grad=True)

    loss = persistence_loss(identities, torch.arange(6) % 2, margin=1.0)
    loss.backward()

    assert loss.item() == pytest.approx(1.0)
    assert identities.grad.isfinite().all()
