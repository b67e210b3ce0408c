"""The CEBS cell: monotone in every cosine, and each choice does what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.mimop.cell import CebsCell
from models.mimop.choices import Cell, Features, Network, Quality, Rule, space
from models.mimop.evidence import evidence_from_opinion, log_odds
from models.mimop.networks import LARGEST_EVIDENCE, build_network
from models.mimop.paths import Comparison


def comparison(n: int, *, seed: int = 0, present: bool = True) -> Comparison:
    generator = torch.Generator().manual_seed(seed)
    raw, identity, quality = torch.rand(3, n, generator=generator, dtype=torch.float64)
    return Comparison(raw, identity, quality, torch.full((n,), present))


def with_random_parameters(module: torch.nn.Module, *, seed: int) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(3.0 * torch.randn(parameter.shape, generator=generator))
    return module.double()


def assert_never_falls(values: torch.Tensor) -> None:
    room = 1e-9 * values.abs().clamp_min(1.0)[1:]  # rounding
    assert (values.diff() >= -room).all()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Network), st.booleans(), st.integers(0, 10**6), st.floats(0, 1), st.floats(-4, 4))
def test_evidence_is_monotone_in_a_cosine_whatever_the_parameters(network, feeds, seed, quality, other):
    evidence_of = with_random_parameters(build_network(network, 2, quality=feeds), seed=seed)
    rising = torch.linspace(-6, 6, 60, dtype=torch.float64)
    z = torch.stack([rising, torch.full_like(rising, other)], dim=1)

    evidence = evidence_of(z, torch.full((60, 1), quality, dtype=torch.float64)).detach()

    assert_never_falls(evidence[:, 0])
    assert_never_falls(-evidence[:, 1])
    assert (evidence >= 0).all()
    assert (evidence <= LARGEST_EVIDENCE).all()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(space()), st.integers(0, 10**6), st.sampled_from(["raw", "identity"]))
def test_fused_log_odds_never_fall_when_a_cosine_rises(cell, seed, risen):
    fusion = with_random_parameters(CebsCell(cell), seed=seed)
    drawn = comparison(1, seed=seed)
    rising = torch.linspace(-1, 1, 60, dtype=torch.float64)
    face = Comparison(
        **{
            "raw": drawn.raw.expand(60),
            "identity": drawn.identity.expand(60),
            "quality": drawn.quality.expand(60),
            "present": drawn.present.expand(60),
        }
        | {risen: rising}
    )
    voice = comparison(1, seed=seed + 1)
    voice = Comparison(*(getattr(voice, name).expand(60) for name in ("raw", "identity", "quality", "present")))

    fused = fusion(face, voice)

    assert_never_falls(fused.log_odds.detach())
    assert_never_falls(log_odds(fused.face).detach())
    assert (fused.conflict < 1.0).all()


@pytest.mark.parametrize("cell", space(), ids=lambda cell: "-".join(cell.to_dict().values()))
def test_every_cell_starts_sane(cell):
    torch.manual_seed(0)
    fusion = CebsCell(cell)
    alike = Comparison(torch.tensor([0.8, 0.0]), torch.tensor([0.8, 0.0]), torch.ones(2), torch.ones(2).bool())

    fused = fusion(alike, alike)

    assert fused.log_odds[0] > 1.0 > -1.0 > fused.log_odds[1]
    total = fused.opinion.belief + fused.opinion.disbelief + fused.opinion.uncertainty
    torch.testing.assert_close(total, torch.ones(2))


@pytest.mark.parametrize("rule", Rule)
def test_an_absent_modality_is_vacuous_and_the_other_is_the_fusion(rule):
    torch.manual_seed(0)
    fusion = CebsCell(Cell(rule=rule)).double()

    fused = fusion(comparison(5), comparison(5, seed=1, present=False))

    assert fused.voice.uncertainty.tolist() == [1.0] * 5
    torch.testing.assert_close(fused.opinion.belief, fused.face.belief)
    torch.testing.assert_close(fused.opinion.uncertainty, fused.face.uncertainty)
    assert not fused.conflict.any()


def test_nothing_present_says_nothing():
    fusion = CebsCell(Cell()).double()

    fused = fusion(comparison(2, present=False), comparison(2, present=False))

    assert fused.opinion.uncertainty.tolist() == [1.0, 1.0]
    assert fused.log_odds.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("quality", "matters"), [(Quality.NONE, False), (Quality.FEATURE, True), (Quality.DISCOUNT, True)]
)
def test_quality_enters_where_the_cell_lets_it(quality, matters):
    fusion = with_random_parameters(
        CebsCell(Cell(Features.BOTH, Features.BOTH, Network.LINEAR, quality, Rule.REDUCED)), seed=1
    )
    good, voice = replace(comparison(4), quality=torch.ones(4).double()), comparison(4, seed=1)
    poor = replace(good, quality=torch.zeros(4).double())

    changed = (fusion(good, voice).log_odds - fusion(poor, voice).log_odds).abs().max() > 1e-9

    assert bool(changed) is matters


def test_discounting_makes_an_opinion_on_a_poor_sample_more_doubtful():
    fusion = with_random_parameters(CebsCell(Cell(quality=Quality.DISCOUNT)), seed=3)
    quality = torch.linspace(0, 1, 11, dtype=torch.float64)
    same = torch.full((11,), 0.7, dtype=torch.float64)

    opinion = fusion.face_opinion(Comparison(same, same, quality, torch.ones(11).bool()))

    assert_never_falls(-opinion.uncertainty.detach())
    assert opinion.uncertainty[0] > opinion.uncertainty[-1]


@pytest.mark.parametrize(("features", "unused"), [(Features.RAW, "identity"), (Features.IDENTITY, "raw")])
def test_a_cosine_that_the_cell_does_not_use_has_no_influence(features, unused):
    fusion = CebsCell(Cell(features, features)).double()
    face = comparison(4)

    other = fusion.face_opinion(replace(face, **{unused: torch.zeros(4).double()}))

    torch.testing.assert_close(other.belief, fusion.face_opinion(face).belief, rtol=0, atol=0)


def test_average_rule_fuses_the_mean_of_the_evidence():
    fusion = CebsCell(Cell(rule=Rule.AVERAGE)).double()

    fused = fusion(comparison(6), comparison(6, seed=1))

    mean = (evidence_from_opinion(fused.face) + evidence_from_opinion(fused.voice)) / 2
    torch.testing.assert_close(evidence_from_opinion(fused.opinion), mean)


def test_discounted_rule_without_trust_in_the_voice_leaves_the_face():
    fusion = CebsCell(Cell(rule=Rule.DISCOUNTED)).double()
    with torch.no_grad():
        fusion.trust.copy_(torch.tensor([50.0, -50.0]))

    fused = fusion(comparison(6), comparison(6, seed=1))

    torch.testing.assert_close(fused.opinion.belief, fused.face.belief)


def test_a_linear_cell_of_one_modality_is_logistic_regression_on_the_cosine():
    fusion = CebsCell(Cell(Features.RAW, Features.RAW, Network.LINEAR, Quality.NONE, Rule.REDUCED)).double()
    with torch.no_grad():
        weights = fusion.face.networks["raw_linear_plain"].comparison
        weights.raw.fill_(1.0)
        weights.bias.copy_(torch.tensor([0.5, -0.5]))
    face = comparison(8)

    odds = log_odds(fusion.face_opinion(face))

    slope = torch.nn.functional.softplus(torch.tensor(1.0, dtype=torch.float64))
    expected = slope * (face.raw - fusion.face.centre[0]) / fusion.face.scale[0] + 0.5
    torch.testing.assert_close(odds, expected, rtol=1e-3, atol=1e-3)


def test_standardising_puts_the_centre_between_genuine_and_impostor():
    fusion = CebsCell(Cell())
    genuine = torch.tensor([True, True, False, False, False])
    raw = torch.tensor([0.9, 0.7, 0.5, 0.3, 99.0])
    present = torch.tensor([True, True, True, True, False])

    fusion.face.standardise(Comparison(raw, raw, torch.ones(5), present), genuine)

    assert fusion.face.centre.tolist() == pytest.approx([0.6, 0.6])
    assert fusion.face.scale.tolist() == pytest.approx([0.02**0.5, 0.02**0.5])
    before = fusion.voice.centre.clone()
    fusion.voice.standardise(Comparison(raw, raw, torch.ones(5), torch.zeros(5).bool()), genuine)
    assert torch.equal(fusion.voice.centre, before)


def test_a_cell_holds_the_weights_of_its_own_choices_only():
    linear = CebsCell(Cell(Features.RAW, Features.RAW, Network.LINEAR, Quality.NONE, Rule.REDUCED))
    full = CebsCell(Cell(Features.BOTH, Features.BOTH, Network.MLP_32, Quality.BOTH, Rule.DISCOUNTED))

    # two modalities, each a slope and a bias for two logits
    assert sum(one.numel() for one in linear.parameters()) == 2 * (2 + 2)
    assert linear.trust is None
    assert full.trust is not None
    assert list(full.face.networks) == ["both_mlp_32_quality"]
