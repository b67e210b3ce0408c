"""The whole model: missing modalities, one probe against many, and determinism."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from models.mimop.choices import Cell, Rule
from models.mimop.config import MimopConfig
from models.mimop.model import Mimop

CONFIG = MimopConfig(face_width=128, voice_width=192)


def built(config: MimopConfig = CONFIG) -> Mimop:
    torch.manual_seed(0)
    return Mimop(config)


def inputs(n: int, *, references: int | None = None, config: MimopConfig = CONFIG) -> list[torch.Tensor]:
    torch.manual_seed(1)
    references = n if references is None else references
    return [
        normalize(torch.randn(n, config.face_width)),
        normalize(torch.randn(references, config.face_width)),
        normalize(torch.randn(n, config.voice_width)),
        normalize(torch.randn(references, config.voice_width)),
        torch.rand(n, 2),
    ]


@pytest.mark.parametrize(("face", "voice"), [(128, 192), (128, 256), (512, 192), (512, 256)])
def test_the_default_model_is_small(face, voice):
    count = sum(one.numel() for one in built(MimopConfig(face, voice)).parameters())

    assert 5_000 < count < 100_000


def test_log_odds_are_those_of_the_fused_opinion():
    fused = built()(*inputs(6), torch.ones(6, 2, dtype=torch.bool))

    genuine = fused.opinion.belief + fused.opinion.uncertainty / 2
    torch.testing.assert_close(fused.log_odds, torch.log(genuine / (1 - genuine)), rtol=1e-4, atol=1e-4)


def test_a_probe_like_its_reference_is_more_genuine_than_a_stranger():
    face, _, voice, _, quality = inputs(5)

    alike = built()(face, face, voice, voice, quality).log_odds
    strange = built()(face, face.roll(1, 0), voice, voice.roll(1, 0), quality).log_odds

    assert (alike > 0).all()
    assert (strange < 0).all()


def test_presence_left_out_means_everything_is_present():
    model = built()

    given = model(*inputs(4), torch.ones(4, 2, dtype=torch.bool))

    torch.testing.assert_close(model(*inputs(4)).log_odds, given.log_odds, rtol=0, atol=0)


@pytest.mark.parametrize("missing", [0, 1])
def test_what_stands_in_the_rows_of_an_absent_modality_reaches_nothing(missing):
    model = built(MimopConfig(128, 192, edisc=True))
    given = inputs(4)
    present = torch.ones(4, 2, dtype=torch.bool)
    present[:, missing] = False
    for one in given[2 * missing : 2 * missing + 2]:
        one.fill_(math.nan)
    given[4][:, missing] = math.nan

    fused = model(*given, present)
    fused.log_odds.sum().backward()

    absent, other = (fused.face, fused.voice) if missing == 0 else (fused.voice, fused.face)
    assert absent.uncertainty.tolist() == [1.0] * 4
    torch.testing.assert_close(fused.opinion.belief, other.belief)
    assert torch.isfinite(fused.log_odds).all()
    assert all(one.grad is None or torch.isfinite(one.grad).all() for one in model.parameters())


def test_one_probe_against_many_references_is_each_of_them_alone():
    model = built()
    given = inputs(1, references=10)

    together = model(*given)

    assert together.log_odds.shape == together.face.belief.shape == together.conflict.shape == (10,)
    for row in range(10):
        alone = model(given[0], given[1][row : row + 1], given[2], given[3][row : row + 1], given[4])
        torch.testing.assert_close(together.log_odds[row : row + 1], alone.log_odds, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("many", [1, 3, 4])
def test_any_single_argument_with_many_rows_sets_the_number_of_rows(many):
    model, given = built(), inputs(1)
    given[many] = given[many].repeat(6, 1)

    fused = model(*given)

    masses = (fused.opinion.belief, fused.conflict, fused.face.belief, fused.voice.uncertainty, fused.log_odds)
    assert {one.shape for one in masses} == {(6,)}
    torch.testing.assert_close(fused.log_odds, model(*inputs(1)).log_odds.expand(6))


def test_a_modality_alone_is_its_opinion_within_the_fusion():
    model = built(MimopConfig(128, 192, cell=Cell(rule=Rule.DISCOUNTED), edisc=True))
    given = inputs(5)

    fused = model(*given)

    torch.testing.assert_close(model.face_opinion(given[0], given[1], given[4][:, :1]).belief, fused.face.belief)
    torch.testing.assert_close(model.voice_opinion(given[2], given[3], given[4][:, 1:]).belief, fused.voice.belief)


def test_length_of_an_embedding_does_not_matter():
    model = built()
    given = inputs(4)

    scaled = model(given[0] * 7, given[1], given[2] * 0.1, given[3], given[4])

    torch.testing.assert_close(scaled.log_odds, model(*given).log_odds, rtol=1e-4, atol=1e-4)


def test_evidence_discounting_makes_poor_samples_doubtful():
    model = built(MimopConfig(128, 192, edisc=True))
    given = inputs(4)

    good = model(*given[:4], torch.ones(4, 2))
    poor = model(*given[:4], torch.zeros(4, 2))

    assert (poor.opinion.uncertainty > good.opinion.uncertainty).all()


def test_the_same_seed_builds_the_same_model():
    first, second = built().state_dict(), built().state_dict()

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_embeddings_of_both_modalities_have_the_heads_width():
    model = built()

    assert [one.shape for one in model.embed_face(torch.randn(3, 128))] == [(3, 64), (3, 64)]
    assert [one.shape for one in model.embed_voice(torch.randn(3, 192))] == [(3, 64), (3, 64)]
