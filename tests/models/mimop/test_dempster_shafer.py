"""The algebra of opinions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.mimop.dempster_shafer import TotalConflict, average_traced, combine, combine_traced, discount
from models.mimop.evidence import Opinion, evidence_from_opinion, opinion_from_evidence

VACUOUS = Opinion(*(torch.tensor([mass], dtype=torch.float64) for mass in (0.0, 0.0, 1.0)))
mass = st.floats(0.01, 1.0)


def opinion(*rows: tuple[float, float, float]) -> Opinion:
    return Opinion(*torch.tensor(rows, dtype=torch.float64).unbind(1))


@st.composite
def opinions(draw):
    belief, disbelief, uncertainty = draw(mass), draw(mass), draw(mass)
    whole = belief + disbelief + uncertainty
    return opinion((belief / whole, disbelief / whole, uncertainty / whole))


def assert_same(first: Opinion, second: Opinion) -> None:
    torch.testing.assert_close(first.belief, second.belief, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(first.disbelief, second.disbelief, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(first.uncertainty, second.uncertainty, rtol=1e-9, atol=1e-12)


def test_combination_by_hand():
    # C = 0.6 * 0.1 + 0.2 * 0.5 = 0.16; b = (0.30 + 0.24 + 0.10) / 0.84, d = (0.02 + 0.08 + 0.02) / 0.84, u = 0.08 / 0.84
    combined, conflict = combine_traced(opinion((0.6, 0.2, 0.2)), opinion((0.5, 0.1, 0.4)))

    assert float(conflict) == pytest.approx(0.16)
    assert_same(combined, opinion((0.64 / 0.84, 0.12 / 0.84, 0.08 / 0.84)))


@given(opinions())
def test_the_vacuous_opinion_is_neutral(one):
    assert_same(combine(one, VACUOUS), one)
    assert_same(combine(VACUOUS, one), one)


@given(opinions(), opinions())
def test_the_order_of_two_does_not_matter(first, second):
    assert_same(combine(first, second), combine(second, first))


@given(opinions(), opinions(), opinions())
def test_the_order_of_three_does_not_matter(first, second, third):
    assert_same(combine(combine(first, second), third), combine(first, combine(second, third)))


@given(opinions(), opinions())
def test_combined_masses_sum_to_one(first, second):
    combined = combine(first, second)

    assert float(combined.belief + combined.disbelief + combined.uncertainty) == pytest.approx(1.0, abs=1e-12)


@given(opinions(), opinions())
def test_doubt_never_grows_and_falls_where_opinions_agree(first, second):
    agreeing = Opinion(first.belief + first.disbelief, torch.zeros_like(first.belief), first.uncertainty)
    other = Opinion(second.belief + second.disbelief, torch.zeros_like(second.belief), second.uncertainty)

    assert float(combine(first, second).uncertainty) <= float(first.uncertainty) + 1e-12
    assert float(combine(agreeing, other).uncertainty) < min(float(first.uncertainty), float(second.uncertainty))


def test_total_conflict_is_an_error_that_names_the_rows():
    first = opinion((0.5, 0.2, 0.3), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    second = opinion((0.5, 0.2, 0.3), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))

    with pytest.raises(TotalConflict, match=r"2 row\(s\): 1, 2") as caught:
        combine(first, second)

    assert caught.value.rows == (1, 2)


@pytest.mark.parametrize("fuse", [combine_traced, average_traced])
def test_total_conflict_is_flagged_and_vacuous_without_spoiling_other_rows(fuse):
    first = opinion((1.0, 0.0, 0.0), (0.5, 0.2, 0.3))
    second = opinion((0.0, 1.0, 0.0), (0.5, 0.2, 0.3))
    first.belief.requires_grad_()

    fused, conflict = fuse(first, second)
    (fused.belief.sum() + fused.uncertainty.sum()).backward()

    assert conflict[0] == 1.0
    assert 0.0 < conflict[1] < 1.0
    assert [float(mass[0].detach()) for mass in (fused.belief, fused.disbelief, fused.uncertainty)] == [0.0, 0.0, 1.0]
    assert torch.isfinite(first.belief.grad).all()


def test_conflict_just_short_of_total_is_resolved_in_single_precision():
    doubt = 1e-5
    first = Opinion(torch.tensor([1 - doubt]), torch.tensor([0.0]), torch.tensor([doubt]))
    second = Opinion(torch.tensor([0.0]), torch.tensor([1 - doubt]), torch.tensor([doubt]))

    combined = combine(first, second)

    assert float(combined.belief) == pytest.approx(0.5, abs=1e-4)
    assert float(combined.belief + combined.disbelief + combined.uncertainty) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("doubt", [1e-7, 1e-30])
def test_conflict_that_leaves_only_rounding_is_total(doubt):
    first = opinion((1 - doubt, 0.0, doubt))
    second = opinion((0.0, 1 - doubt, doubt))

    with pytest.raises(TotalConflict):
        combine(first, second)


@given(opinions())
def test_full_reliability_changes_nothing_and_none_leaves_nothing(one):
    assert_same(discount(one, torch.ones(1, dtype=torch.float64)), one)
    assert_same(discount(one, torch.zeros(1, dtype=torch.float64)), VACUOUS)


@given(opinions(), st.floats(0, 1), st.floats(0, 1))
def test_discounting_twice_is_discounting_by_the_product(one, first, second):
    first, second = torch.tensor([first], dtype=torch.float64), torch.tensor([second], dtype=torch.float64)

    assert_same(discount(discount(one, first), second), discount(one, first * second))


@given(opinions(), opinions())
def test_averaging_is_the_opinion_of_the_mean_evidence(first, second):
    averaged, _ = average_traced(first, second)

    mean = (evidence_from_opinion(first) + evidence_from_opinion(second)) / 2
    assert_same(averaged, opinion_from_evidence(mean))


def test_averaging_opinions_without_doubt_averages_the_opinions():
    averaged, _ = average_traced(opinion((1.0, 0.0, 0.0)), opinion((0.8, 0.2, 0.0)))

    assert_same(averaged, opinion((0.9, 0.1, 0.0)))
