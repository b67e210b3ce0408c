"""The unbiased HSIC against its definition, and what it says of independent and dependent samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from models.mimop.hsic import unbiased_hsic


def slow_kernel(x):
    distances = pdist(x)
    # The lower of the two middle distances, as torch.median has it.
    median = np.sort(distances)[(len(distances) - 1) // 2]
    return squareform(np.exp(-(distances**2) / (2 * median**2)))


def slow_hsic(x, y):
    """Mean over all ordered quadruples of different samples (Song et al. 2012, the U-statistic of theorem 2)."""
    k, l = slow_kernel(x), slow_kernel(y)  # noqa: E741
    terms = [
        k[i, j] * l[i, j] + k[i, j] * l[q, r] - 2 * k[i, j] * l[i, q]
        for i, j, q, r in itertools.permutations(range(len(x)), 4)
    ]
    return np.mean(terms)


@pytest.mark.parametrize("n", [4, 5, 8])
def test_equals_the_u_statistic_over_all_quadruples(n):
    random = np.random.default_rng(n)
    x = random.normal(size=(n, 3))
    y = np.c_[x[:, :1] ** 2, random.normal(size=(n, 1))]

    found = unbiased_hsic(torch.from_numpy(x), torch.from_numpy(y))

    assert float(found) == pytest.approx(slow_hsic(x, y), abs=1e-12)


def test_is_exactly_unbiased_over_all_pairings_of_the_same_samples():
    torch.manual_seed(0)
    x, y = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)

    values = [float(unbiased_hsic(x, y[list(order)])) for order in itertools.permutations(range(5))]

    assert np.std(values) > 1e-3
    assert np.mean(values) == pytest.approx(0.0, abs=1e-12)


def test_is_zero_in_the_mean_for_independent_samples():
    torch.manual_seed(1)

    values = np.array([float(unbiased_hsic(torch.randn(12, 4), torch.randn(12, 4))) for _ in range(600)])

    assert abs(values.mean()) < 2 * values.std() / np.sqrt(len(values))
    assert (values < 0).any()


def test_is_clearly_positive_for_dependence_that_correlation_does_not_see():
    torch.manual_seed(2)
    x = torch.randn(200, 1)
    independent = unbiased_hsic(x, torch.randn(200, 1))

    dependent = unbiased_hsic(x, x.square())

    assert float(dependent) > 0.02
    assert float(dependent) > 10 * abs(float(independent))


@pytest.mark.parametrize(
    "x",
    [
        torch.tensor([[1.0, 2.0]] * 4 + [[0.0, 1.0], [3.0, 1.0]]),  # duplicates, most distances 0
        torch.full((6, 2), 0.1),  # nothing but duplicates
        torch.zeros(6, 2),
        torch.randn(3, 2),  # too few
        torch.zeros(0, 2),
    ],
)
def test_value_and_gradient_are_finite_where_distances_vanish(x):
    x = x.clone().requires_grad_()
    y = torch.randn(len(x), 3, requires_grad=True)

    value = unbiased_hsic(x, y)
    value.backward()

    assert torch.isfinite(value)
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(y.grad).all()
    assert x.grad.abs().sum() < 100.0


def test_samples_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="pair"):
        unbiased_hsic(torch.randn(5, 2), torch.randn(6, 2))
