"""Opinions and the evidential loss against torch.distributions and Monte Carlo."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Dirichlet, kl_divergence

from models.mimop.evidence import (
    Opinion,
    balanced_weights,
    evidence_from_opinion,
    evidential_loss,
    log_odds,
    opinion_from_evidence,
)

evidences = st.tuples(st.floats(0, 1e6), st.floats(0, 1e6))


@given(evidences)
def test_an_opinion_sums_to_one_and_gives_its_evidence_back(pair):
    evidence = torch.tensor([pair], dtype=torch.float64)

    opinion = opinion_from_evidence(evidence)

    assert float(opinion.belief + opinion.disbelief + opinion.uncertainty) == pytest.approx(1.0, abs=1e-12)
    torch.testing.assert_close(evidence_from_opinion(opinion), evidence, rtol=1e-9, atol=1e-9)


def test_no_evidence_is_the_vacuous_opinion():
    opinion = opinion_from_evidence(torch.zeros(1, 2))

    assert (float(opinion.belief), float(opinion.disbelief), float(opinion.uncertainty)) == (0.0, 0.0, 1.0)


@given(evidences)
def test_log_odds_are_those_of_the_mean_of_the_dirichlet(pair):
    evidence = torch.tensor([pair], dtype=torch.float64)

    mean = Dirichlet(evidence + 1).mean[0]

    expected = math.log(mean[0]) - math.log(mean[1])
    assert float(log_odds(opinion_from_evidence(evidence))) == pytest.approx(expected, abs=1e-9)


def test_log_odds_of_an_opinion_without_doubt_are_finite():
    sure = Opinion(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.zeros(2))

    odds = log_odds(sure)

    assert torch.isfinite(odds).all()
    assert float(odds[0]) == -float(odds[1]) > 20


def test_cross_entropy_is_the_expectation_under_the_dirichlet():
    torch.manual_seed(0)
    evidence = torch.tensor([[3.0, 0.5], [0.2, 7.0], [4.0, 4.0]])
    genuine = torch.tensor([True, True, False])
    drawn = Dirichlet(evidence + 1).sample((200_000,))

    found = evidential_loss(evidence, genuine, kl_weight=0.0)

    right = torch.where(genuine, drawn[..., 0], drawn[..., 1])
    assert float(found) == pytest.approx(float(-right.log().mean()), rel=0.01)


@pytest.mark.parametrize("wrong", [0.0, 0.3, 5.0, 400.0])
def test_misleading_evidence_costs_its_divergence_from_the_uniform_dirichlet(wrong):
    evidence = torch.tensor([[2.0, wrong]], dtype=torch.float64)
    genuine = torch.tensor([True])
    misleading = Dirichlet(torch.tensor([1.0, wrong + 1.0], dtype=torch.float64))

    found = evidential_loss(evidence, genuine, kl_weight=1.0) - evidential_loss(evidence, genuine, kl_weight=0.0)

    expected = float(kl_divergence(misleading, Dirichlet(torch.ones(2, dtype=torch.float64))))
    assert float(found) == pytest.approx(expected, abs=1e-9)


def test_much_evidence_keeps_loss_and_gradient_finite_in_single_precision():
    evidence = torch.tensor([[1e12, 0.0], [0.0, 1e12], [0.0, 0.0]], requires_grad=True)

    loss = evidential_loss(evidence, torch.tensor([True, True, False]), kl_weight=1.0)
    loss.backward()

    assert torch.isfinite(loss)
    assert torch.isfinite(evidence.grad).all()


def test_balanced_classes_weigh_the_same_however_many_impostors_there_are():
    evidence = torch.tensor([[3.0, 1.0], [0.5, 2.0]])
    genuine = torch.tensor([True, False])
    many, many_genuine = torch.cat([evidence, evidence[1:].repeat(9, 1)]), torch.tensor([True] + [False] * 10)

    once = evidential_loss(evidence, genuine, kl_weight=0.5, weights=balanced_weights(genuine))
    repeated = evidential_loss(many, many_genuine, kl_weight=0.5, weights=balanced_weights(many_genuine))

    assert float(repeated) == pytest.approx(float(once), rel=1e-6)
    assert float(repeated) != pytest.approx(float(evidential_loss(many, many_genuine, kl_weight=0.5)), rel=1e-2)


def test_trials_that_do_not_count_weigh_nothing():
    genuine = torch.tensor([True, True, False, False])
    counted = torch.tensor([True, False, True, True])

    weights = balanced_weights(genuine, counted)

    assert weights.tolist() == [0.5, 0.0, 0.25, 0.25]
    assert balanced_weights(genuine, genuine).tolist() == [0.5, 0.5, 0.0, 0.0]


def test_a_batch_in_which_nothing_counts_costs_nothing():
    evidence = torch.ones(3, 2, requires_grad=True)
    genuine = torch.tensor([True, False, True])

    loss = evidential_loss(
        evidence, genuine, kl_weight=1.0, weights=balanced_weights(genuine, torch.zeros(3, dtype=torch.bool))
    )
    loss.backward()

    assert float(loss.detach()) == 0.0
    assert not evidence.grad.any()
