"""Conjugate gradients, which ONNX can run, against the direct solution."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.cosmic.cge import ConvexEnergySolver, iterations_for
from tests.models.cosmic.exported import run_exported
from tests.models.cosmic.solving import HIDDEN, WIDTH, assert_same, captures, random_solver


@pytest.mark.parametrize("seed", range(5))
def test_conjugate_gradients_arrive_at_the_direct_solution(seed: int):
    solver, rows = random_solver(seed, scale=0.5), captures(40, seed=seed)

    direct, iterated = solver(*rows.all()), solver.solve_iteratively(*rows.all())

    assert_same(iterated, direct, atol=1e-5)


def badly_conditioned() -> ConvexEnergySolver:
    """Real size, with a prior whose condition number is in the hundreds."""
    torch.manual_seed(0)
    solver = ConvexEnergySolver(128, 64).eval()
    with torch.no_grad():
        for matrix in (solver.W, solver.rho_face, solver.rho_voice):
            matrix.add_(torch.randn_like(matrix) / 8)
    assert solver.spectrum(torch.zeros(2)).condition > 300
    return solver


def of_real_size(lowest_quality: float, rows: int = 200) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    quality = lowest_quality + (1 - lowest_quality) * torch.rand(rows, 2)
    return torch.randn(rows, 64), torch.randn(rows, 128), torch.randn(rows, 128), quality, torch.rand(rows, 2) > 0.3


def test_at_full_quality_one_step_arrives_however_bad_the_conditioning():
    solver, given_ = badly_conditioned(), of_real_size(1.0)

    iterated = solver.solve_iteratively(*given_, iterations=1)

    torch.testing.assert_close(iterated.identity, solver(*given_).identity, atol=1e-5, rtol=0)


@pytest.mark.parametrize("quality", [0.1, 0.5])
def test_the_stated_number_of_steps_arrives_at_the_stated_quality_in_single_precision(quality: float):
    solver, given_ = badly_conditioned(), of_real_size(quality)

    iterated = solver.solve_iteratively(*given_, iterations=iterations_for(quality))

    torch.testing.assert_close(iterated.identity, solver(*given_).identity, atol=1e-5, rtol=0)


@pytest.mark.parametrize("quality", [0.05, 0.3])
def test_the_bound_on_the_error_holds_in_the_energy_norm(quality: float):
    solver = badly_conditioned().double()
    given_ = [value.double() if value.is_floating_point() else value for value in of_real_size(quality)]
    direct = solver(*given_)
    H = solver.system(solver.weights(*given_[3:]))
    steps = iterations_for(quality, tolerance=0.1)

    error = solver.solve_iteratively(*given_, iterations=steps).raw - direct.raw

    nothing = torch.zeros_like(error)
    relative = (solver.energy(error, H, nothing) / solver.energy(direct.raw, H, nothing)).sqrt()
    assert 1e-6 < float(relative.detach().max()) < 0.1


def test_lower_quality_asks_for_more_steps_and_the_default_covers_a_tenth():
    steps = [iterations_for(quality) for quality in (1.0, 0.9, 0.5, 0.1)]

    assert steps[0] == 1
    assert steps == sorted(steps)
    assert steps[-1] <= inspect.signature(ConvexEnergySolver.solve_iteratively).parameters["iterations"].default


@pytest.mark.parametrize("iterations", [64, 1000])
def test_conjugate_gradients_stay_finite_long_after_convergence(iterations: int):
    solver, rows = ConvexEnergySolver(HIDDEN, WIDTH), captures(dtype=torch.float32)
    f_kan = rows.f_kan.clone()
    f_kan[1] = 0.0  # neither modality either: the right side is zero
    f_kan = f_kan.requires_grad_()

    solution = solver.solve_iteratively(
        f_kan, rows.h_face, rows.h_voice, rows.quality, rows.present, iterations=iterations
    )
    solution.raw.sum().backward()

    torch.testing.assert_close(
        solution.raw, solver(f_kan, rows.h_face, rows.h_voice, rows.quality, rows.present).raw, atol=1e-5, rtol=1e-5
    )
    assert not solution.identity[1].any()
    assert f_kan.grad is not None and bool(torch.isfinite(f_kan.grad).all())


def test_the_onnx_export_of_the_iteration_gives_the_direct_solution():
    class Iterating(nn.Module):
        def __init__(self, solver: ConvexEnergySolver) -> None:
            super().__init__()
            self.solver = solver

        def forward(self, f_kan: Tensor, h_face: Tensor, h_voice: Tensor, quality: Tensor, present: Tensor) -> Tensor:
            return self.solver.solve_iteratively(f_kan, h_face, h_voice, quality, present).identity

    solver = random_solver(scale=0.3).float()
    example, rows = captures(4, dtype=torch.float32), captures(30, seed=1, dtype=torch.float32)

    exported = run_exported(Iterating(solver), example.all(), rows.all())

    np.testing.assert_allclose(exported, solver(*rows.all()).identity.detach().numpy(), atol=1e-4)
