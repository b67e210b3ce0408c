"""One Cholesky factor for many rows: right, kept, and never stale."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from models.cosmic.cge import ConvexEnergySolver
from tests.models.cosmic.solving import assert_same, at_full_quality, captures, random_solver


@pytest.mark.parametrize("present", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("gradients", [True, False])
def test_the_shared_factor_gives_what_each_row_would_get_at_full_quality(present: tuple[bool, bool], gradients: bool):
    solver, rows = random_solver(), captures()

    with torch.set_grad_enabled(gradients):
        shared = solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, present)
        again = solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, present)

    assert_same(shared, solver(*at_full_quality(rows, present)))
    assert torch.equal(again.raw, shared.raw)


@torch.no_grad()
def test_the_shared_factor_is_kept_for_each_presence_pattern_in_evaluation_only():
    solver = random_solver()
    both, face = solver._shared_factor((True, True)), solver._shared_factor((True, False))

    assert solver._shared_factor((True, True)) is both
    assert solver._shared_factor((True, False)) is face
    assert not torch.equal(both, face)
    solver.train()
    assert solver._shared_factor((True, True)) is not solver._shared_factor((True, True))
    assert solver.eval()._shared_factor((True, True)) is not both


def step_of_an_optimiser(solver: ConvexEnergySolver) -> None:
    optimiser = torch.optim.SGD(solver.parameters(), lr=0.1)
    rows = captures()
    with torch.enable_grad():
        solver(*rows.all()).raw.square().sum().backward()
    optimiser.step()


def other_weights_loaded(solver: ConvexEnergySolver) -> None:
    solver.load_state_dict(random_solver(seed=9).state_dict())


def one_weight_written_in_place(solver: ConvexEnergySolver) -> None:
    solver.raw_beta.add_(1.0)


def one_parameter_replaced(solver: ConvexEnergySolver) -> None:
    solver.W = nn.Parameter(2 * solver.W)


def moved_through_a_smaller_type(solver: ConvexEnergySolver) -> None:
    solver.bfloat16().double()


@torch.no_grad()
@pytest.mark.parametrize(
    "change",
    [
        step_of_an_optimiser,
        other_weights_loaded,
        one_weight_written_in_place,
        one_parameter_replaced,
        moved_through_a_smaller_type,
    ],
)
@pytest.mark.parametrize("without_gradients", [torch.no_grad, torch.inference_mode])
def test_the_shared_factor_is_not_stale_after_a_change(change, without_gradients):
    solver, rows = random_solver(), captures()
    with without_gradients():
        before = solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True)).raw

    change(solver)
    with without_gradients():
        after = solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True))

    assert_same(after, solver(*at_full_quality(rows, (True, True))))
    assert not torch.equal(after.raw, before)


@torch.no_grad()
def test_a_copy_does_not_answer_with_the_factor_of_its_original():
    solver, rows = random_solver(), captures()
    solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True))

    twin = copy.deepcopy(solver)
    twin.W.mul_(2)

    solution = twin.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True))
    assert_same(solution, twin(*at_full_quality(rows, (True, True))))


@pytest.mark.parametrize("training", [True, False])
def test_the_shared_factor_passes_gradients_to_the_parameters(training: bool):
    solver, rows = random_solver().train(training), captures()
    with torch.no_grad():  # a factor without a gradient is there to be taken by mistake
        solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True))

    solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True)).raw.sum().backward()
    gradients = [p.grad for p in solver.parameters()]
    solver.zero_grad()
    solver(*at_full_quality(rows, (True, True))).raw.sum().backward()

    for ours, parameter in zip(gradients, solver.parameters(), strict=True):
        assert ours is not None and parameter.grad is not None
        torch.testing.assert_close(ours, parameter.grad)


@torch.inference_mode()
def test_a_solver_made_in_inference_mode_answers_without_a_cache():
    solver, rows = random_solver(), captures()

    solution = solver.solve_shared(rows.f_kan, rows.h_face, rows.h_voice, (True, True))

    assert_same(solution, solver(*at_full_quality(rows, (True, True))))
