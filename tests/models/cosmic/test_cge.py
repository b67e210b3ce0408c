"""The convex energy solver against other ways to the same minimum."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models.cosmic.cge import ConvexEnergySolver
from tests.models.cosmic.solving import HIDDEN, WIDTH, captures, random_solver


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0, 30),
    quality=st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
    present=st.tuples(st.booleans(), st.booleans()),
)
def test_H_is_positive_definite_whatever_the_parameters_and_the_quality(
    seed: int, scale: float, quality: tuple[float, float], present: tuple[bool, bool]
):
    solver = random_solver(seed, scale=scale)

    weights = solver.weights(torch.tensor([quality], dtype=torch.float64), torch.tensor([present]))
    H = solver.system(weights)[0]

    torch.testing.assert_close(H, H.T)
    assert float(torch.linalg.eigvalsh(H)[0].detach()) > 0.9 * solver.epsilon


def test_H_is_positive_definite_when_every_learned_part_has_collapsed():
    solver = ConvexEnergySolver(HIDDEN, WIDTH, epsilon=0.5)
    for parameter in (solver.W, solver.rho_face, solver.rho_voice):
        nn.init.zeros_(parameter)

    assert solver.spectrum().smallest == pytest.approx(0.5)


def test_an_epsilon_that_promises_nothing_is_refused():
    with pytest.raises(ValueError, match="positive"):
        ConvexEnergySolver(HIDDEN, WIDTH, epsilon=0.0)


def test_the_solution_is_that_of_a_general_linear_solver():
    solver, rows = random_solver(), captures()
    weights = solver.weights(rows.quality, rows.present)
    b = solver.right_side(rows.f_kan, rows.h_face, rows.h_voice, weights)

    solution = solver(*rows.all())

    torch.testing.assert_close(solution.raw, torch.linalg.solve(solver.system(weights), b), atol=1e-12, rtol=1e-10)


def test_system_and_right_side_are_those_of_the_design():
    solver, rows = random_solver(), captures()
    weights = solver.weights(rows.quality, rows.present)
    (q_face, q_voice), unit = rows.quality[0], torch.eye(WIDTH, dtype=torch.float64)
    beta, gamma = (torch.log1p(torch.exp(raw)) for raw in (solver.raw_beta, solver.raw_gamma))
    alpha = torch.log1p(torch.exp(solver.raw_alpha))

    H = solver.system(weights)[0]
    b = solver.right_side(rows.f_kan, rows.h_face, rows.h_voice, weights)[0]

    face, voice = solver.rho_face.T @ solver.rho_face, solver.rho_voice.T @ solver.rho_voice
    prior = solver.W.T @ solver.W + solver.epsilon * unit
    torch.testing.assert_close(H, prior + beta**2 * q_face * face + gamma**2 * q_voice * voice)
    pulled_by_face = beta**2 * q_face * (solver.rho_face.T @ rows.h_face[0])
    pulled_by_voice = gamma**2 * q_voice * (solver.rho_voice.T @ rows.h_voice[0])
    torch.testing.assert_close(b, alpha * rows.f_kan[0] + pulled_by_face + pulled_by_voice)


def test_gradient_descent_on_the_energy_arrives_at_the_solution():
    solver, rows = random_solver(scale=0.2), captures()
    weights = solver.weights(rows.quality, rows.present)
    H = solver.system(weights).detach()
    b = solver.right_side(rows.f_kan, rows.h_face, rows.h_voice, weights).detach()
    identity = torch.zeros_like(rows.f_kan).requires_grad_()
    rate = 1 / float(torch.linalg.eigvalsh(H).max())

    for _ in range(3000):
        (slope,) = torch.autograd.grad(solver.energy(identity, H, b).sum(), identity)
        identity = (identity - rate * slope).detach().requires_grad_()

    solution = solver(*rows.all())
    torch.testing.assert_close(identity.detach(), solution.raw.detach(), atol=1e-8, rtol=1e-8)


def test_no_other_point_has_less_energy():
    solver, rows = random_solver(), captures()
    weights = solver.weights(rows.quality, rows.present)
    H, b = solver.system(weights), solver.right_side(rows.f_kan, rows.h_face, rows.h_voice, weights)
    best = solver(*rows.all()).raw

    for distance in (1e-3, 1.0, 100.0):
        elsewhere = best + distance * torch.randn_like(best)
        assert bool((solver.energy(elsewhere, H, b) > solver.energy(best, H, b)).all())


def test_identities_are_unit_and_point_where_the_raw_solution_does():
    solution = random_solver()(*captures().all())

    torch.testing.assert_close(solution.identity.norm(dim=1), torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(solution.identity * solution.raw.norm(dim=1, keepdim=True), solution.raw)


def test_a_missing_modality_leaves_the_smaller_system_of_the_other():
    solver, rows = random_solver(), captures()
    unit, prior = torch.eye(WIDTH, dtype=torch.float64), solver.W.T @ solver.W
    face_only = torch.tensor([[True, False]]).expand(6, 2)

    solution = solver(rows.f_kan, rows.h_face, rows.h_voice, rows.quality, face_only)

    for row in range(6):
        weight = solver.beta**2 * rows.quality[row, 0]
        H = prior + weight * solver.rho_face.T @ solver.rho_face + solver.epsilon * unit
        b = solver.alpha * rows.f_kan[row] + weight * solver.rho_face.T @ rows.h_face[row]
        torch.testing.assert_close(solution.raw[row], torch.linalg.solve(H, b))


@pytest.mark.parametrize("garbage", [7.0, 1e30, 1e38, float("inf"), float("nan")])
def test_what_stands_in_an_absent_modality_has_no_influence(garbage: float):
    solver, rows = random_solver().float(), captures(dtype=torch.float32)
    clean = solver(*rows.all())
    h_face = torch.where(rows.present[:, :1], rows.h_face, garbage).requires_grad_()
    h_voice = torch.where(rows.present[:, 1:], rows.h_voice, garbage).requires_grad_()
    quality = torch.where(rows.present, rows.quality, garbage)

    direct = solver(rows.f_kan, h_face, h_voice, quality, rows.present)
    iterated = solver.solve_iteratively(rows.f_kan, h_face, h_voice, quality, rows.present)
    direct.identity.sum().backward()

    assert torch.equal(direct.raw, clean.raw)
    assert torch.equal(iterated.raw, solver.solve_iteratively(*rows.all()).raw)
    for h, present in ((h_face, rows.present[:, 0]), (h_voice, rows.present[:, 1])):
        assert h.grad is not None and not h.grad[~present].any()
        assert bool(h.grad[present].any())


def test_quality_zero_is_the_same_as_absent():
    solver, rows = random_solver(), captures()
    quality = rows.quality.clone()
    quality[:, 1] = 0.0
    everything = torch.ones_like(rows.present)

    zero = solver(rows.f_kan, rows.h_face, rows.h_voice, quality, everything)
    absent = solver(rows.f_kan, rows.h_face, rows.h_voice, rows.quality, everything & torch.tensor([True, False]))

    assert torch.equal(zero.raw, absent.raw)


def test_better_quality_draws_the_identity_towards_that_modality():
    """Along the path of growing weight the residual of that modality only falls (as in ridge regression)."""
    solver, rows = random_solver(scale=0.1), captures(5)
    distances = []

    for q_voice in (0.0, 0.3, 0.6, 1.0):
        quality = torch.tensor([[0.5, q_voice]], dtype=torch.float64).expand(5, 2)
        raw = solver(rows.f_kan, rows.h_face, rows.h_voice, quality, torch.ones(5, 2, dtype=torch.bool)).raw
        distances.append((raw @ solver.rho_voice.T - rows.h_voice).norm(dim=1))

    assert all(bool((near < far).all()) for far, near in pairwise(distances))


def test_the_spectrum_is_that_of_numpy_for_the_given_weights():
    solver = random_solver()
    weights = torch.tensor([0.3, 0.0], dtype=torch.float64)

    spectrum = solver.spectrum(weights)

    values = np.linalg.eigvalsh(solver.system(weights[None])[0].detach().numpy())
    assert (spectrum.smallest, spectrum.largest) == pytest.approx((values[0], values[-1]))
    assert spectrum.condition == pytest.approx(np.linalg.cond(solver.system(weights[None])[0].detach().numpy()))
    assert solver.spectrum().largest > spectrum.largest


@pytest.mark.parametrize(("hidden", "width"), [(128, 64), (32, 64)])
def test_a_new_solver_is_well_conditioned(hidden: int, width: int):
    torch.manual_seed(0)

    assert ConvexEnergySolver(hidden, width).spectrum().condition < 5


def test_gradients_are_those_of_finite_differences():
    solver, rows = random_solver(scale=0.2), captures(4)
    names = [name for name, _ in solver.named_parameters()]
    quality = (0.2 + 0.6 * rows.quality).requires_grad_()  # away from the ends, where the clamp has a corner

    def through(f_kan: Tensor, h_face: Tensor, h_voice: Tensor, quality: Tensor, *parameters: Tensor) -> Tensor:
        state = dict(zip(names, parameters, strict=True))
        solution = torch.func.functional_call(solver, state, (f_kan, h_face, h_voice, quality, rows.present))
        return solution.identity

    inputs = [value.clone().requires_grad_() for value in (rows.f_kan, rows.h_face, rows.h_voice)]
    assert torch.autograd.gradcheck(through, (*inputs, quality, *solver.parameters()), fast_mode=True)


def test_an_empty_batch_gives_an_empty_answer():
    solver = random_solver()
    nothing = [value[:0] for value in captures().all()]

    assert solver(*nothing).identity.shape == (0, WIDTH)
    assert solver.solve_iteratively(*nothing).identity.shape == (0, WIDTH)
    assert solver.solve_shared(*nothing[:3], (True, True)).identity.shape == (0, WIDTH)
