"""Losses to one step: each switch alone against the chain rule written out, a toy conflict, and taking up again."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from models.cosmic.balancing.cagrad import cagrad
from models.cosmic.balancing.combine import Balancer
from models.cosmic.balancing.db_mtl import DynamicBarrier, log_scaled
from models.cosmic.config import PLAIN_SUM, Balancing

PROTECTED = [0, 2]
SWITCHES = [Balancing(*switches) for switches in itertools.product((True, False), repeat=4)]


def only(**switches: bool) -> Balancing:
    return Balancing(**{"log_scale": False, "barrier": False, "cagrad": False, "kendall": False, **switches})


class Toy:
    """Three losses of two parameters; the third loss does not reach the second parameter."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.parameters = [nn.Parameter(torch.randn(shape, generator=draw)) for shape in ((3, 2), (4,))]
        self.pull = torch.randn(4, generator=draw)

    def losses(self) -> list[Tensor]:
        first, second = self.parameters
        return [first.square().sum() + second.sum().square(), (second - self.pull).square().sum(), first.abs().sum()]

    def gradients(self) -> list[list[Tensor]]:
        """A row a task, a tensor a parameter, by plain autograd."""
        rows = []
        for loss in self.losses():
            found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            rows.append([torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, found, strict=True)])
        return rows

    def expect(self, factors: Tensor) -> None:
        """The gradients that ``backward`` left are the tasks' own, weighted by ``factors``."""
        rows = self.gradients()
        for index, parameter in enumerate(self.parameters):
            expected = sum(factor * row[index] for factor, row in zip(factors, rows, strict=True))
            torch.testing.assert_close(parameter.grad, expected)


def values_of(toy: Toy) -> Tensor:
    return torch.stack(toy.losses()).detach()


def test_with_everything_off_the_step_is_the_gradient_of_the_plain_sum():
    toy, balancer = Toy(), Balancer(PLAIN_SUM, 3, PROTECTED)

    balancer.backward(toy.losses(), toy.parameters)

    toy.expect(torch.ones(3))
    assert list(balancer.parameters()) == []
    assert balancer.tensors() == {}


def test_the_logarithm_divides_each_gradient_by_one_more_than_its_loss():
    toy = Toy()

    Balancer(only(log_scale=True), 3, PROTECTED).backward(toy.losses(), toy.parameters)

    toy.expect(1 / (1 + values_of(toy)))


@pytest.mark.parametrize("log_scale", [False, True])
def test_uncertainty_weights_each_gradient_and_learns_itself(log_scale: bool):
    toy, balancer = Toy(), Balancer(only(kendall=True, log_scale=log_scale), 3, PROTECTED)
    log_variances = torch.tensor([0.0, 0.7, -0.4])
    balancer.uncertainty.log_variances.data.copy_(log_variances)

    balancer.backward(toy.losses(), toy.parameters)

    losses = values_of(toy)
    scaled, slopes = ((1 + losses).log(), 1 / (1 + losses)) if log_scale else (losses, torch.ones(3))
    precisions = torch.exp(-log_variances)
    toy.expect(precisions / 2 * slopes)
    torch.testing.assert_close(balancer.uncertainty.log_variances.grad, (1 - precisions * scaled) / 2)


def test_the_two_ways_of_summing_agree_while_the_barrier_has_nothing_to_hold():
    summed, stacked = Toy(), Toy()

    # In the first step nothing is beyond its barrier, and the sum of these losses raises neither protected one.
    Balancer(only(log_scale=True, kendall=True), 3, PROTECTED).backward(summed.losses(), summed.parameters)
    Balancer(only(log_scale=True, kendall=True, barrier=True), 3, PROTECTED).backward(
        stacked.losses(), stacked.parameters
    )

    for ours, theirs in zip(summed.parameters, stacked.parameters, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def conflict(x: Tensor) -> list[Tensor]:
    """The gradients are (-1.2, 2) and (1, 0): along their mean the second loss rises."""
    return [5 + x @ torch.tensor([-1.2, 2.0]), 5 + x @ torch.tensor([1.0, 0.0])]


@pytest.mark.parametrize(("cagrad", "second_falls"), [(False, False), (True, True)])
def test_a_conflict_is_resolved_in_favour_of_both_by_conflict_averse_gradients_only(cagrad: bool, second_falls: bool):
    x = nn.Parameter(torch.zeros(2))
    before = torch.stack(conflict(x)).detach()

    Balancer(only(cagrad=cagrad), 2, [0]).backward(conflict(x), [x])
    after = torch.stack(conflict(x - 0.01 * x.grad)).detach()

    assert after[0] < before[0]
    assert bool(after[1] < before[1]) is second_falls


def test_the_barrier_makes_a_protected_loss_fall_that_has_risen():
    x = nn.Parameter(torch.zeros(2))
    balancer = Balancer(only(barrier=True), 2, [1])
    balancer.backward(conflict(x), [x])
    x.data.copy_(torch.tensor([1.0, 0.0]))  # the second loss is now far above its average

    balancer.backward(conflict(x), [x])

    assert conflict(x - 0.01 * x.grad)[1] < conflict(x)[1]


@pytest.mark.parametrize("switches", SWITCHES)
def test_what_is_kept_goes_on_as_if_never_stopped(switches: Balancing):
    toy, kept, other = Toy(), Balancer(switches, 3, PROTECTED), Balancer(switches, 3, PROTECTED)
    for step in range(3):
        kept.backward(toy.losses(), toy.parameters)
        for parameter in (*toy.parameters, *kept.parameters()):
            parameter.data -= (0.05 if step < 2 else -0.3) * parameter.grad

    other.restore({name: value.clone() for name, value in kept.tensors().items()})

    found = []
    for balancer in (kept, other):
        balancer.backward(toy.losses(), toy.parameters)
        found.append([one.grad.clone() for one in (*toy.parameters, *balancer.parameters())])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*found, strict=True))
    assert kept.tensors().keys() == other.tensors().keys()
    assert all(torch.equal(value, other.tensors()[name]) for name, value in kept.tensors().items())


def test_a_fresh_balancer_would_have_gone_on_differently():
    x = nn.Parameter(torch.zeros(2))
    kept, fresh = (Balancer(only(barrier=True), 2, [1]) for _ in range(2))
    kept.backward(conflict(x), [x])
    x.data.copy_(torch.tensor([1.0, 0.0]))
    found = []

    for balancer in (kept, fresh):
        balancer.backward(conflict(x), [x])
        found.append(x.grad.clone())

    assert not torch.allclose(*found)


def test_a_loss_that_reaches_no_parameter_changes_nothing():
    ours, theirs = Toy(), Toy()

    Balancer(only(barrier=True), 4, PROTECTED).backward([*ours.losses(), torch.tensor(3.0)], ours.parameters)
    Balancer(only(barrier=True), 3, PROTECTED).backward(theirs.losses(), theirs.parameters)

    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours.parameters, theirs.parameters, strict=True))


def flat(gradients: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.cat([one.reshape(-1) for one in row]) for row in gradients])


def test_conflict_averse_steps_have_the_length_of_a_sum():
    toy = Toy()

    Balancer(only(cagrad=True), 3, PROTECTED).backward(toy.losses(), toy.parameters)

    step = torch.cat([one.grad.reshape(-1) for one in toy.parameters])
    torch.testing.assert_close(step, 3 * cagrad(flat(toy.gradients())))


@pytest.mark.parametrize("log_scale", [False, True])
def test_the_barrier_is_given_losses_and_gradients_of_one_scale(log_scale: bool):
    """Both of log(1 + loss) where that is what is summed, and neither of them weighted."""
    x = nn.Parameter(torch.tensor([0.5]))
    balancer, barrier = Balancer(only(barrier=True, kendall=True, log_scale=log_scale), 2, [0]), DynamicBarrier()
    log_variances = torch.tensor([0.6, -0.4])
    balancer.uncertainty.log_variances.data.copy_(log_variances)

    for away in (0.5, 0.65, 0.8):  # the second loss pulls up, and the first, guarded, rises a little beyond its barrier
        x.data.fill_(away)
        losses = [x.square().sum() + 1, (x - 3).square().sum()]
        gradients = torch.stack([torch.autograd.grad(one, x, retain_graph=True)[0] for one in losses])
        balancer.backward(losses, [x])

        values = torch.stack(losses).detach()
        scaled, slopes = (log_scaled(values + 1), 1 / (1 + values)) if log_scale else (values, torch.ones(2))
        summed = (torch.exp(-log_variances) / 2 * slopes) @ gradients
        expected = barrier.adjust(summed, gradients[:1] * slopes[0], scaled[:1])
        torch.testing.assert_close(x.grad, expected)
    assert not torch.allclose(x.grad, summed)  # it was bent
