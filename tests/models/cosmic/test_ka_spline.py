"""B-splines against scipy, and the layer that is built from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from models.cosmic.ka_spline import KASpline, bspline_basis
from tests.models.cosmic.exported import run_exported

ORDER, INTERVALS, SPAN = 3, 5, 2.0
STEP = 2 * SPAN / INTERVALS
KNOTS = torch.arange(-ORDER, INTERVALS + ORDER + 1, dtype=torch.float64) * STEP - SPAN


@settings(deadline=None)
@given(st.floats(-SPAN, SPAN))
def test_the_basis_sums_to_one_on_the_grid(x: float):
    basis = bspline_basis(torch.tensor([x], dtype=torch.float64), KNOTS, ORDER)

    assert basis.shape == (1, INTERVALS + ORDER)
    assert float(basis.sum()) == pytest.approx(1.0, abs=1e-12)


@settings(deadline=None)
@given(st.floats(-10, 10))
def test_the_basis_is_never_negative_and_each_spline_lives_on_four_intervals(x: float):
    basis = bspline_basis(torch.tensor([x], dtype=torch.float64), KNOTS, ORDER)[0]

    assert bool((basis >= 0).all())
    starts = KNOTS[: INTERVALS + ORDER]
    outside = (x < starts) | (x >= starts + (ORDER + 1) * STEP + 1e-9)
    assert bool((basis[outside] == 0).all())


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_the_basis_is_that_of_scipy(order: int):
    knots = torch.arange(-order, INTERVALS + order + 1, dtype=torch.float64) * STEP - SPAN
    x = np.random.default_rng(0).uniform(-4.5, 4.5, (7, 6))

    basis = bspline_basis(torch.from_numpy(x), knots, order).numpy()

    for index in range(INTERVALS + order):
        element = BSpline.basis_element(knots[index : index + order + 2].numpy(), extrapolate=False)
        np.testing.assert_allclose(basis[..., index], np.nan_to_num(element(x)), atol=1e-12)


def test_the_cubic_at_its_knots_is_one_sixth_and_two_thirds():
    """The values of the uniform cubic B-spline: de Boor, "A Practical Guide to Splines", chapter IX."""
    basis = bspline_basis(KNOTS[1:4], KNOTS, ORDER)[:, 0]

    np.testing.assert_allclose(basis.numpy(), [1 / 6, 2 / 3, 1 / 6], atol=1e-12)


def test_the_layer_is_silu_part_plus_spline_part():
    torch.manual_seed(0)
    layer = KASpline(6, 4).double()
    x = torch.randn(5, 6, dtype=torch.float64)

    y = layer(x)

    normalised = layer.norm(x)
    splines = torch.einsum("bik,oik->bo", bspline_basis(normalised, layer.knots, ORDER), layer.coefficients)
    silu = (normalised / (1 + torch.exp(-normalised))) @ layer.base.T
    torch.testing.assert_close(y, silu + splines)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(1)
    layer = KASpline(5, 3).double()
    x = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(
        lambda x, base, coefficients: torch.func.functional_call(
            layer, {"base": base, "coefficients": coefficients}, (x,)
        ),
        (x, layer.base, layer.coefficients),
    )


def test_far_outside_the_grid_only_the_silu_part_remains():
    layer = KASpline(100, 3)
    x = torch.zeros(1, 100)
    x[0, 0] = 1e6  # 9.9 standard deviations after normalisation, beyond the grid's last knot at 4.4
    before = layer(x)

    with torch.no_grad():
        layer.coefficients[:, 0] += 100.0

    assert bool(torch.isfinite(before).all())
    torch.testing.assert_close(layer(x), before)


def test_constant_and_huge_inputs_stay_finite():
    layer = KASpline(8, 3)
    x = torch.stack([torch.zeros(8), torch.full((8,), 1e18), torch.linspace(-1e15, 1e15, 8)]).requires_grad_()

    y = layer(x)
    y.sum().backward()

    assert bool(torch.isfinite(y).all())
    assert x.grad is not None and bool(torch.isfinite(x.grad).all())


def test_it_learns_a_function_that_a_linear_layer_cannot():
    torch.manual_seed(2)
    layer = KASpline(2, 1)
    x = torch.randn(256, 2)
    target = torch.sin(3 * layer.norm(x).detach()[:, :1])
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)

    for _ in range(150):
        optimiser.zero_grad()
        loss = (layer(x) - target).square().mean()
        loss.backward()
        optimiser.step()

    assert loss.item() < 0.02 * float(target.var())


def test_the_onnx_export_gives_the_same():
    torch.manual_seed(3)
    layer = KASpline(12, 7).eval()
    x = torch.randn(5, 12)

    exported = run_exported(layer, (torch.randn(2, 12),), (x,))

    np.testing.assert_allclose(exported, layer(x).detach().numpy(), atol=1e-5)
