"""Balancing: log scale, dynamic barrier, conflict-averse gradient and uncertainty weights, against independent solvers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from models.cosmic.balancing.cagrad import cagrad
from models.cosmic.balancing.db_mtl import DynamicBarrier, log_scaled
from models.cosmic.balancing.kendall import UncertaintyWeights

# Logarithms.


def test_log_scale_divides_each_gradient_by_its_loss():
    losses = torch.tensor([4.0, 0.02, 1000.0], requires_grad=True)

    scaled = log_scaled(losses)
    scaled.sum().backward()

    torch.testing.assert_close(scaled.detach(), losses.detach().log())
    torch.testing.assert_close(losses.grad, 1 / losses.detach())


def test_log_scale_of_a_solved_task_is_finite():
    losses = torch.zeros(1, requires_grad=True)

    log_scaled(losses, epsilon=1e-4).sum().backward()

    assert losses.grad.item() == pytest.approx(1e4)


# Dynamic barrier.


def barrier_beyond(excess: list[float], **options) -> tuple[DynamicBarrier, torch.Tensor]:
    """A barrier with an average of 1, and losses by ``excess`` above it."""
    barrier = DynamicBarrier(slack=0.0, **options)
    barrier.load_state(torch.tensor([5.0] + [1.0] * len(excess)))
    return barrier, 1.0 + torch.tensor(excess, dtype=torch.float64)


def by_slsqp(update: np.ndarray, gradients: np.ndarray, demands: np.ndarray) -> np.ndarray:
    solution = minimize(
        lambda v: ((v - update) ** 2).sum() / 2,
        np.zeros_like(update),
        jac=lambda v: v - update,
        constraints={"type": "ineq", "fun": lambda v: gradients @ v - demands, "jac": lambda v: gradients},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert solution.success
    return solution.x


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), tasks=st.integers(1, 4), width=st.integers(4, 9))
def test_the_bent_update_is_the_nearest_that_meets_every_demand(seed, tasks, width):
    random = np.random.default_rng(seed)
    update, gradients = random.normal(size=width), random.normal(size=(tasks, width))
    # In four or more dimensions a few random gradients are independent: all demands can be met together.
    if np.linalg.svd(gradients, compute_uv=False)[-1] < 0.3:
        gradients[:, :tasks] += 2 * np.eye(tasks)
    excess = random.normal(size=tasks)
    barrier, losses = barrier_beyond(list(excess), rate=0.7, cap=0.5)
    demands = np.minimum(0.7 * excess, 0.5 * (gradients**2).sum(1))

    bent = barrier.adjust(torch.from_numpy(update), torch.from_numpy(gradients), losses).numpy()

    assert (gradients @ bent >= demands - 1e-9).all()
    np.testing.assert_allclose(bent, by_slsqp(update, gradients, demands), atol=1e-5)


def test_one_protected_task_by_the_closed_form():
    barrier, losses = barrier_beyond([0.3])
    update, gradient = torch.tensor([-1.0, 2.0]), torch.tensor([[2.0, 0.0]])

    bent = barrier.adjust(update, gradient, losses)

    # <u, g> = -2 where 0.3 is demanded: lambda = 2.3 / 4.
    torch.testing.assert_close(bent, torch.tensor([-1.0 + 2 * 2.3 / 4, 2.0]))


def test_an_update_that_helps_the_protected_tasks_is_left_alone():
    barrier, losses = barrier_beyond([-0.5, -0.5])
    update, gradients = torch.tensor([1.0, 1.0, 3.0]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

    assert torch.equal(barrier.adjust(update, gradients, losses), update)


def test_below_its_barrier_a_loss_may_rise_no_further_than_to_it():
    barrier, losses = barrier_beyond([-0.5])
    update, gradient = torch.tensor([-4.0, 1.0]), torch.tensor([[1.0, 0.0]])

    bent = barrier.adjust(update, gradient, losses)

    torch.testing.assert_close(bent, torch.tensor([-0.5, 1.0]))


def test_the_demand_is_capped_by_the_task_own_gradient():
    barrier, losses = barrier_beyond([100.0], cap=1.0)

    bent = barrier.adjust(torch.zeros(2), torch.tensor([[0.1, 0.0]]), losses)

    torch.testing.assert_close(bent, torch.tensor([0.1, 0.0]))


@pytest.mark.parametrize("tilt", [0.0, 1e-9, 1e-3])
def test_demands_that_contradict_each_other_are_held_at_no_rise(tilt):
    barrier, losses = barrier_beyond([1.0, 1.0])
    gradients = torch.tensor([[1.0, tilt, 0.0], [-1.0, tilt, 0.0]], dtype=torch.float64)
    update = torch.tensor([3.0, 0.0, 2.0], dtype=torch.float64)

    bent = barrier.adjust(update, gradients, losses)

    assert (gradients @ bent >= -1e-9).all()
    torch.testing.assert_close(bent, torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64), atol=1e-2, rtol=0)


def test_parallel_demands_are_met_by_the_stronger():
    barrier, losses = barrier_beyond([0.1, 0.4])
    gradients = torch.tensor([[1.0, 0.0], [1.0, 0.0]])

    bent = barrier.adjust(torch.tensor([-1.0, 0.0]), gradients, losses)

    torch.testing.assert_close(bent, torch.tensor([0.4, 0.0]))


def test_a_protected_task_without_a_gradient_asks_for_nothing():
    barrier, losses = barrier_beyond([1.0, 0.2])
    gradients = torch.tensor([[0.0, 0.0], [0.0, 1.0]])

    bent = barrier.adjust(torch.tensor([1.0, -1.0]), gradients, losses)

    torch.testing.assert_close(bent, torch.tensor([1.0, 0.2]))


def test_descent_under_the_barrier_keeps_a_protected_loss_that_the_other_task_would_raise():
    def descend(protect: bool) -> float:
        x = torch.tensor([0.0, 0.0])
        barrier = DynamicBarrier(slack=0.01, decay=0.99)
        for _ in range(200):
            # Protected ||x||^2 against ||x - (3, 0)||^2, which is three times as strong.
            own, other = 2 * x, 6 * (x - torch.tensor([3.0, 0.0]))
            step = barrier.adjust(own + other, own[None], (x @ x)[None]) if protect else own + other
            x = x - 0.02 * step
        return float(x @ x)

    assert descend(protect=False) > 4
    assert descend(protect=True) < 0.2


def test_the_barrier_is_the_running_average_and_the_slack():
    barrier = DynamicBarrier(decay=0.8, slack=0.1)

    for loss in (1.0, 2.0):
        barrier.adjust(torch.zeros(2), torch.zeros(1, 2), torch.tensor([loss]))

    torch.testing.assert_close(barrier.barriers(), torch.tensor([0.8 * 1.0 + 0.2 * 2.0 + 0.1], dtype=torch.float64))


def test_training_resumes_exactly_from_a_state():
    generator = torch.Generator().manual_seed(0)
    steps = [
        (
            torch.randn(6, generator=generator),
            torch.randn(2, 6, generator=generator),
            torch.rand(2, generator=generator),
        )
        for _ in range(8)
    ]
    straight, first, second = DynamicBarrier(), DynamicBarrier(), DynamicBarrier()
    second.load_state(first.state())

    expected = [straight.adjust(*step) for step in steps]
    halves = [first.adjust(*step) for step in steps[:4]]
    second.load_state(first.state())
    halves += [second.adjust(*step) for step in steps[4:]]

    assert all(torch.equal(a, b) for a, b in zip(expected, halves, strict=True))
    assert torch.equal(straight.state(), second.state())


def test_the_barrier_refuses_a_loss_that_is_not_finite_and_a_changed_number_of_tasks():
    barrier = DynamicBarrier()
    barrier.adjust(torch.zeros(3), torch.zeros(2, 3), torch.ones(2))
    before = barrier.state()

    with pytest.raises(ValueError, match="not finite"):
        barrier.adjust(torch.zeros(3), torch.zeros(2, 3), torch.tensor([1.0, torch.nan]))
    with pytest.raises(ValueError, match="expected 2 protected losses"):
        barrier.adjust(torch.zeros(3), torch.zeros(3, 3), torch.ones(3))

    assert torch.equal(barrier.state(), before)


# CAGrad.


def dual(weights: np.ndarray, gradients: np.ndarray, c: float) -> float:
    combined, mean = weights @ gradients, gradients.mean(0)
    return float(combined @ mean + c * np.linalg.norm(mean) * np.linalg.norm(combined))


def dual_optimum(gradients: np.ndarray, c: float) -> float:
    """The dual by descent on softmax weights and on the simplex, from several starts."""
    tasks = len(gradients)
    starts = [np.full(tasks, 1 / tasks), *(0.9 * np.eye(tasks) + 0.1 / tasks)]
    solutions = [
        minimize(
            dual,
            start,
            args=(gradients, c),
            method="SLSQP",
            bounds=[(0, 1)] * tasks,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-15, "maxiter": 400},
        ).x
        for start in starts
    ]
    on_simplex = [np.clip(w, 0, None) / np.clip(w, 0, None).sum() for w in solutions]
    return min(dual(w, gradients, c) for w in on_simplex)


def worst(step: np.ndarray, gradients: np.ndarray) -> float:
    return float((gradients @ step).min())


def test_for_two_tasks_the_worst_improvement_is_the_dual_optimum_on_a_fine_grid():
    random = np.random.default_rng(0)
    for c in (0.1, 0.4, 0.9):
        gradients = random.normal(size=(2, 5))
        optimum = min(dual(np.array([w, 1 - w]), gradients, c) for w in np.linspace(0, 1, 20_001))

        step = cagrad(torch.from_numpy(gradients), c).numpy()

        assert worst(step, gradients) == pytest.approx(optimum, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    tasks=st.integers(3, 9),
    width=st.integers(2, 30),
    c=st.sampled_from([0.05, 0.4, 0.8]),
    spread=st.sampled_from([0.0, 1.0]),
)
def test_the_worst_improvement_is_the_optimum_of_the_dual(seed, tasks, width, c, spread):
    random = np.random.default_rng(seed)
    gradients = random.normal(size=(tasks, width)) * 10 ** (spread * random.uniform(-1, 1, (tasks, 1)))
    scale = (gradients**2).sum(1).mean()

    step = cagrad(torch.from_numpy(gradients), c).numpy()

    # Weak duality: no step beats any weights. So a gap closes only if both are optimal.
    assert abs(dual_optimum(gradients, c) - worst(step, gradients)) < 1e-6 * scale


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), tasks=st.integers(1, 9), width=st.integers(1, 30), c=st.floats(0, 0.99))
def test_the_step_stays_near_the_mean_gradient_and_is_no_worse_for_the_worst_task(seed, tasks, width, c):
    gradients = torch.randn(tasks, width, generator=torch.Generator().manual_seed(seed))
    mean = gradients.mean(0)

    step = cagrad(gradients, c)

    assert (step - mean).norm() <= c * mean.norm() + 1e-5
    assert (gradients @ step).min() >= (gradients @ mean).min() - 1e-4
    assert torch.equal(step, cagrad(gradients, c))


def test_the_step_has_the_form_of_the_paper_without_rescaling():
    # Orthogonal gradients of lengths 1 and 3; w on the weaker task, as far as the dual says.
    gradients = torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    mean, radius = gradients.mean(0), 0.4 * gradients.mean(0).norm()

    step = cagrad(gradients, 0.4)

    assert (step - mean).norm().item() == pytest.approx(radius.item(), rel=1e-6)
    grid = torch.linspace(0, 2 * torch.pi, 100_001, dtype=torch.float64)
    others = mean + radius * torch.stack([grid.cos(), grid.sin()], 1)
    assert (gradients @ step).min().item() == pytest.approx((others @ gradients.T).min(1).values.max().item(), abs=1e-6)


def test_one_task_is_followed_and_lengthened_by_c():
    gradient = torch.tensor([[3.0, 4.0]])

    torch.testing.assert_close(cagrad(gradient, 0.4), 1.4 * gradient[0])
    torch.testing.assert_close(cagrad(gradient, 0.0), gradient[0])


def test_no_gradient_at_all_is_no_step():
    assert torch.equal(cagrad(torch.zeros(3, 4)), torch.zeros(4))


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]],
        [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]],
        [[1.0, 1.0], [-3.0, -3.0]],
        [[0.0, 0.0], [1.0, 0.0]],
        [[1.0, 0.0], [-1.0, 0.0]],
    ],
    ids=["colinear", "two opposite, one apart", "opposite", "one zero", "mean zero"],
)
def test_degenerate_gradients_give_the_optimum(rows):
    gradients = torch.tensor(rows)
    mean = gradients.mean(0)

    step = cagrad(gradients)

    assert step.isfinite().all()
    assert (step - mean).norm() <= 0.4 * mean.norm() + 1e-6
    assert worst(step.double().numpy(), gradients.double().numpy()) == pytest.approx(
        dual_optimum(gradients.double().numpy(), 0.4), abs=1e-5
    )


def test_where_no_step_helps_every_task_the_opposed_ones_are_spared():
    gradients = torch.tensor([[1.0, 0.0], [-1.2, 0.0], [0.0, 1.0]])

    step = cagrad(gradients)

    # Along the first axis one of two tasks has to lose: nothing is moved there, and the third keeps its share.
    torch.testing.assert_close(step, torch.tensor([0.0, 1 / 3]))


def test_a_radius_outside_the_range_and_a_gradient_that_is_not_finite_are_refused():
    with pytest.raises(ValueError, match="c is 1"):
        cagrad(torch.ones(2, 2), 1.0)
    with pytest.raises(ValueError, match="not finite"):
        cagrad(torch.tensor([[torch.inf, 0.0]]))


# Uncertainty weights.


def test_weights_begin_at_one_half():
    torch.testing.assert_close(UncertaintyWeights(2)(torch.tensor([3.0, 0.5])).detach(), torch.tensor([1.5, 0.25]))


def test_weights_settle_where_the_log_variance_is_the_log_loss():
    losses = torch.tensor([0.1, 1.0, 20.0])
    weights = UncertaintyWeights(3)
    optimiser = torch.optim.LBFGS(weights.parameters(), lr=0.5, max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        total = weights(losses).sum()
        total.backward()
        return total

    optimiser.step(closure)

    torch.testing.assert_close(weights.log_variances.detach(), losses.log(), atol=1e-3, rtol=0)
    torch.testing.assert_close(weights(losses).detach(), (1 + losses.log()) / 2, atol=1e-4, rtol=0)
