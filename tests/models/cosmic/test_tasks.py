"""The tasks' losses stay finite, and teach, whatever a batch lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.cosmic.balancing.combine import Balancer
from models.cosmic.cge import ConvexEnergySolver
from models.cosmic.config import Balancing, TrainConfig, variant
from models.cosmic.model import LEAST_QUALITY, Capture, Cosmic
from models.cosmic.tasks import Task, Tasks
from models.cosmic.vib import kl_to_standard_normal
from tests.models.cosmic.captures import SMALL, SUBSETS, VARIANTS, capture, network

PEOPLE = 4
LABEL = torch.arange(12) // 3
CONFIG = TrainConfig(model=SMALL, warmup=4, beta=0.5)


def tasks_for(model: Cosmic, name: str = "A1") -> Tasks:
    torch.manual_seed(2)
    return Tasks(model, variant(CONFIG, name), PEOPLE)


def losses_of(model: Cosmic, given: Capture, name: str = "A1", *, epoch: int = 2) -> dict[Task, Tensor]:
    tasks = tasks_for(model, name)
    return dict(zip(tasks.names, tasks(model, given, LABEL, epoch), strict=True))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("present", SUBSETS)
def test_every_loss_is_finite_where_a_modality_is_missing_everywhere(name: str, present: tuple[int, int, int]):
    model = network(name)
    tasks = tasks_for(model, name)
    parameters = [*model.parameters(), *tasks.parameters()]

    losses = tasks(model, capture(12, present), LABEL, 2)
    Balancer(Balancing(), len(losses), [0]).backward(losses, parameters)

    assert all(loss.shape == () and loss.isfinite() and loss >= 0 for loss in losses)
    assert all(one.grad.isfinite().all() for one in parameters)


def test_every_loss_is_finite_in_a_mixed_batch_of_one_person():
    given = capture(12)
    given.present[:4, 0] = False
    given.present[4:8, 1:] = False

    losses = Tasks(model := network(), CONFIG, 1)(model, given, torch.zeros(12, dtype=torch.long), 1)

    assert all(loss.isfinite() for loss in losses)


def test_every_task_that_a_batch_can_serve_teaches_the_model():
    model = network()

    for task, loss in losses_of(model, capture(12)).items():
        gradients = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, allow_unused=True)
        assert any(one is not None and one.abs().sum() > 0 for one in gradients), task


def test_convergence_is_zero_where_the_target_is_the_solution():
    model = network().eval()
    given = capture(12)
    solver = model.solver
    assert isinstance(solver, ConvexEnergySolver)
    with torch.no_grad():
        # Without evidence and with W W^T = 1 the solution is the direction of the target itself.
        solver.raw_beta.fill_(-40.0)
        solver.raw_gamma.fill_(-40.0)
        model.target.out.weight.zero_()
        model.target.out.bias.copy_(torch.nn.functional.one_hot(torch.tensor(3), 12))

    loss = losses_of(model, given)[Task.CONVERGENCE]

    assert loss.item() == pytest.approx(0.0, abs=1e-5)


def test_convergence_is_measured_in_the_system_that_was_solved():
    """The solver holds quality from below; so has the task, or the solution would not be the least of its energy."""
    model = network().eval()
    given = capture(12)
    nothing, lowest = (replace(given, quality=torch.full((12, 2), quality)) for quality in (0.0, LEAST_QUALITY))

    assert torch.equal(*(losses_of(model, one)[Task.CONVERGENCE] for one in (nothing, lowest)))


def test_the_bottlenecks_weight_is_annealed_and_counts_measured_contexts_only():
    model = network().eval()
    given = capture(12)
    given.present[3:, 2] = False
    bottleneck = model(given).bottleneck
    divergence = kl_to_standard_normal(bottleneck.mean, bottleneck.log_variance)[:3].mean()

    none, half, full = (losses_of(model, given, epoch=epoch)[Task.REGULARISATION] for epoch in (0, 2, 4))

    torch.testing.assert_close(half - none, 0.25 * divergence)
    torch.testing.assert_close(full - none, 0.5 * divergence)
