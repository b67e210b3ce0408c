"""SNFC: what it rewards, whom it ignores, and the mean-collapse that it cures."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from models.cosmic.nodes import Node
from models.cosmic.snfc import CROSS_MODAL, fisher_ratio, snfc_loss, variance_ratio, z_score

WIDTH = 16
FACE, VOICE, CONTEXT = Node.FACE, Node.VOICE, Node.CONTEXT


def batch(people: int = 6, samples: int = 4, seed: int = 0):
    """Tokens whose identity part is the same in all nodes, with a strong common mean, and morphisms that are perfect."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(people).repeat_interleave(samples)
    identity = torch.randn(people, WIDTH, generator=generator)[labels]
    noise = 0.1 * torch.randn(len(labels), 3, WIDTH, generator=generator)
    tokens = 5 + identity.unsqueeze(1) + noise
    mapped = tokens.unsqueeze(1).expand(-1, 3, -1, -1).clone()
    return mapped, tokens, labels, torch.ones(len(labels), 3, dtype=torch.bool)


def test_loss_is_low_for_matched_and_high_for_swapped_identities():
    mapped, tokens, labels, present = batch()

    matched = snfc_loss(mapped, tokens, labels, present)
    swapped = snfc_loss(mapped.roll(4, 0), tokens, labels, present)

    assert matched < 0.3
    assert swapped > 1.0


def test_loss_by_hand_on_two_identities():
    # Two rows z-score to opposite directions: own cosine 1, impostor's cosine -1.
    tokens = torch.tensor([[[1.0, 2.0]] * 3, [[3.0, 5.0]] * 3])
    mapped = tokens.unsqueeze(1).expand(-1, 3, -1, -1).clone()
    labels, present = torch.tensor([0, 1]), torch.ones(2, 3, dtype=torch.bool)

    right = snfc_loss(mapped, tokens, labels, present)
    wrong = snfc_loss(mapped.flip(0), tokens, labels, present)

    assert right.item() == pytest.approx(0.0, abs=1e-4)
    assert wrong.item() == pytest.approx(2.0 + 1.0 - 0.1, abs=1e-4)


def test_a_common_mean_and_scale_of_outputs_earn_nothing():
    mapped, tokens, labels, present = batch()

    moved = snfc_loss(100 + 3 * mapped, tokens, labels, present)

    torch.testing.assert_close(moved, snfc_loss(mapped, tokens, labels, present), atol=1e-3, rtol=0)


def test_z_score_has_mean_zero_and_variance_one_and_leaves_constants_at_zero():
    values = 4 + 3 * torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    values[:, 2] = 7.0

    scored = z_score(values)

    torch.testing.assert_close(scored.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(scored.square().mean(0), torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("absent", [FACE, VOICE])
def test_rows_without_a_node_have_neither_influence_nor_gradient(absent):
    mapped, tokens, labels, present = batch()
    present[::4, absent] = False
    kept = present.all(1)
    mapped[~kept], tokens[~kept] = torch.nan, torch.nan
    mapped.requires_grad_(True)

    loss = snfc_loss(mapped, tokens, labels, present)
    loss.backward()

    torch.testing.assert_close(loss, snfc_loss(mapped[kept], tokens[kept], labels[kept], present[kept]))
    assert (mapped.grad[~kept] == 0).all() and mapped.grad.isfinite().all()


def test_only_the_listed_morphisms_learn_and_no_target_does():
    mapped, tokens, labels, present = batch()
    mapped.requires_grad_(True)
    tokens.requires_grad_(True)

    snfc_loss(mapped, tokens, labels, present).backward()

    reached = {(i, j) for i in range(3) for j in range(3) if mapped.grad[:, i, j].abs().sum() > 0}
    assert reached == set(CROSS_MODAL)
    assert tokens.grad is None


def test_context_pairs_count_when_they_are_asked_for():
    mapped, tokens, labels, present = batch()
    swapped = mapped.clone()
    swapped[:, CONTEXT, FACE] = swapped[:, CONTEXT, FACE].roll(4, 0)

    pairs = (*CROSS_MODAL, (CONTEXT, FACE))

    assert snfc_loss(swapped, tokens, labels, present, pairs=pairs) > snfc_loss(swapped, tokens, labels, present) + 0.2


@pytest.mark.parametrize(("people", "samples"), [(1, 1), (1, 4), (2, 1)])
def test_small_batches_are_finite(people, samples):
    mapped, tokens, labels, present = batch(people, samples)
    mapped.requires_grad_(True)

    loss = snfc_loss(mapped, tokens, labels, present)
    loss.backward()

    assert loss.isfinite() and mapped.grad.isfinite().all()


def test_a_voice_missing_everywhere_costs_nothing():
    mapped, tokens, labels, present = batch()
    present[:, VOICE] = False
    mapped.requires_grad_(True)

    loss = snfc_loss(mapped, tokens, labels, present)
    loss.backward()

    assert loss == 0 and (mapped.grad == 0).all()


def test_a_collapsed_morphism_has_finite_gradients():
    mapped, tokens, labels, present = batch()
    collapsed = torch.full_like(mapped, 5.0).requires_grad_(True)

    loss = snfc_loss(collapsed, tokens, labels, present)
    loss.backward()

    assert loss.isfinite() and collapsed.grad.isfinite().all()


def test_fisher_ratio_is_the_ratio_of_scatter_traces_by_hand():
    outputs = torch.tensor([[0.0, 0.0], [2.0, 0.0], [10.0, 1.0], [10.0, 3.0], [10.0, 5.0]])
    labels = torch.tensor([7, 7, 3, 3, 3])
    # Centroids (1, 0) and (10, 3), mean (6.4, 1.8): between 2 (5.4^2 + 1.8^2) + 3 (3.6^2 + 1.2^2), within 2 + 8.
    assert fisher_ratio(outputs, labels).item() == pytest.approx((2 * 32.4 + 3 * 14.4) / 10, rel=1e-5)


def test_a_mean_collapsed_morphism_is_seen_by_both_ratios():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(5).repeat_interleave(200)
    targets = torch.randn(5, WIDTH, generator=generator)[labels] + torch.randn(1000, WIDTH, generator=generator)
    centroid = targets.mean(0).expand(1000, -1)
    nearly = centroid + 0.05 * torch.randn(1000, WIDTH, generator=generator)

    assert fisher_ratio(centroid, labels) < 1e-6 and variance_ratio(centroid, targets) < 1e-6
    assert fisher_ratio(nearly, labels) < 0.02 and variance_ratio(nearly, targets) < 0.02
    assert fisher_ratio(targets, labels) > 0.5 and variance_ratio(targets, targets).item() == pytest.approx(1.0)
    assert variance_ratio(0.5 * targets, targets).item() == pytest.approx(0.25)


def planted(people: int = 8, samples: int = 20):
    """Faces with a weak identity under strong nuisance; voices whose mean is the centroid for every single identity.

    Four of five voices stand at the identity's direction, the fifth at minus four times that: the conditional mean says
    nothing, the typical direction everything.
    """
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(people).repeat_interleave(samples)
    signs = torch.tensor([1.0, 1.0, 1.0, 1.0, -4.0]).repeat(len(labels) // 5)
    voices = signs[:, None] * torch.randn(people, WIDTH, generator=generator)[labels]
    identity = torch.randn(people, WIDTH // 2, generator=generator)[labels]
    nuisance = 3 * torch.randn(len(labels), WIDTH // 2, generator=generator)
    return torch.cat([identity, nuisance], 1), voices, labels


def trained(loss_of, faces):
    torch.manual_seed(0)
    morphism = torch.nn.Linear(WIDTH, WIDTH)
    optimiser = torch.optim.Adam(morphism.parameters(), lr=0.02)
    for _ in range(300):
        loss = loss_of(morphism(faces))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return morphism(faces).detach()


def test_snfc_tells_identities_apart_where_squared_error_predicts_the_centroid():
    faces, voices, labels = planted()
    present = torch.tensor([True, True, False]).expand(len(labels), 3)
    tokens = torch.stack([faces, voices, torch.zeros_like(faces)], 1)

    def snfc(outputs):
        mapped = torch.zeros(len(labels), 3, 3, WIDTH).index_put(
            (torch.arange(len(labels)), torch.tensor(0), torch.tensor(1)), outputs
        )
        return snfc_loss(mapped, tokens, labels, present, pairs=[(FACE, VOICE)])

    by_error = trained(lambda outputs: F.mse_loss(outputs, voices), faces)
    by_coherence = trained(snfc, faces)

    assert variance_ratio(by_error, voices) < 0.1
    assert fisher_ratio(by_coherence, labels) > 5 * fisher_ratio(by_error, labels)
    assert fisher_ratio(by_coherence, labels) > 1
