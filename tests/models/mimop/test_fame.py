"""The FAME loss by hand and at its edges."""

from __future__ import annotations

import math

import pytest
import torch

from models.mimop.fame import cross_modal_loss, fame_loss
from models.mimop.heads import unit

AXES = torch.eye(3)


def test_cross_modal_term_by_hand():
    # Face of person 0 along x; voices of persons 0 and 1 along x and y: cosines 1 and 0, temperature 1/2.
    face, voice = AXES[:1], AXES[:2]

    found = cross_modal_loss(face, torch.tensor([0]), voice, torch.tensor([0, 1]), temperature=0.5)

    face_to_voice = -math.log(math.e**2 / (math.e**2 + 1))
    voice_to_face = 0.0  # one candidate, and it is right; the voice of person 1 is no anchor
    assert float(found) == pytest.approx((face_to_voice + voice_to_face) / 2, rel=1e-5)


def test_multi_similarity_within_a_modality_by_hand():
    # Two orthogonal faces of one person (alpha = 2, base = 0.5): log(1 + exp(-2 (0 - 0.5))) / 2 for each.
    faces, none = AXES[:2], torch.zeros(0, 3)

    found = fame_loss(faces, torch.tensor([4, 4]), none, torch.zeros(0, dtype=torch.long))

    assert float(found) == pytest.approx(math.log(1 + math.e) / 2, rel=1e-5)


def test_identities_that_agree_across_modalities_cost_less_than_swapped_ones():
    torch.manual_seed(0)
    people, labels = unit(torch.randn(6, 16)), torch.arange(6)

    agreeing = fame_loss(people, labels, people, labels)
    swapped = fame_loss(people, labels, people.roll(1, 0), labels)

    assert agreeing < swapped
    # Without the cross-modal term the two modalities do not see each other.
    assert fame_loss(people, labels, people, labels, cross_modal=0.0) == pytest.approx(
        float(fame_loss(people, labels, people.roll(1, 0), labels, cross_modal=0.0)), rel=1e-5
    )


def test_no_person_in_common_leaves_the_terms_within_the_modalities():
    torch.manual_seed(0)
    faces, voices = unit(torch.randn(4, 8)).requires_grad_(), unit(torch.randn(4, 8)).requires_grad_()
    face_labels, voice_labels = torch.tensor([0, 0, 1, 1]), torch.tensor([2, 2, 3, 3])

    loss = fame_loss(faces, face_labels, voices, voice_labels)
    loss.backward()

    assert loss == fame_loss(faces, face_labels, voices, voice_labels, cross_modal=0.0)
    assert torch.isfinite(faces.grad).all()
    assert torch.isfinite(voices.grad).all()


@pytest.mark.parametrize("faces", [0, 1])
def test_a_batch_without_pairs_costs_nothing(faces):
    identity = torch.randn(faces, 8, requires_grad=True)
    none = torch.zeros(0, 8, requires_grad=True)

    loss = fame_loss(identity, torch.zeros(faces, dtype=torch.long), none, torch.zeros(0, dtype=torch.long))
    loss.backward()

    assert float(loss.detach()) == 0.0
    assert not identity.grad.abs().sum()
