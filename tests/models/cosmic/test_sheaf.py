"""The sheaf on the triangle: its Laplacian in matrix form, consistent sections, commuting morphisms, absent nodes."""

from __future__ import annotations

import pytest
import torch

from models.cosmic.sheaf import Sheaf, cycle_obstruction

WIDTH = 6
WHOLE = torch.ones(4, 3, dtype=torch.bool)


def sheaf_of(stalk: int = 5) -> Sheaf:
    torch.manual_seed(0)
    return Sheaf(WIDTH, stalk)


def tokens_of(rows: int = 4) -> torch.Tensor:
    return torch.randn(rows, 3, WIDTH, generator=torch.Generator().manual_seed(1))


def consistent_tokens(sheaf: Sheaf) -> torch.Tensor:
    """Sections in the kernel of the sheaf Laplacian."""
    values, vectors = torch.linalg.eigh(sheaf.laplacian().double())
    kernel = vectors[:, values < 1e-6]
    assert kernel.shape[1] > 0
    return (torch.randn(4, kernel.shape[1], dtype=torch.float64) @ kernel.T).float().reshape(4, 3, WIDTH)


def rotations() -> list[torch.Tensor]:
    """A basis Q_i at each node: phi_ij(m) = m Q_i^T Q_j commute around every cycle."""
    generator = torch.Generator().manual_seed(2)
    return [torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator))[0] for _ in range(3)]


def all_mapped(tokens, apply):
    return torch.stack([torch.stack([apply(i, j, tokens[:, i]) for j in range(3)], 1) for i in range(3)], 1)


@pytest.mark.parametrize("stalk", [3, 6, 9])
def test_dirichlet_energy_is_the_quadratic_form_of_the_laplacian(stalk):
    sheaf, tokens = sheaf_of(stalk), tokens_of()
    x = tokens.flatten(1)

    quadratic = (x @ sheaf.laplacian() * x).sum(1)

    torch.testing.assert_close(sheaf.dirichlet_energy(tokens, WHOLE), quadratic)
    torch.testing.assert_close((x @ sheaf.coboundary().T).square().sum(1), quadratic)


def test_a_consistent_section_has_no_disagreement_and_a_broken_one_has():
    sheaf = sheaf_of(stalk=2)
    tokens = consistent_tokens(sheaf)
    broken = tokens.clone()
    broken[:, 1] += tokens_of()[:, 1]

    assert sheaf.disagreement(tokens, WHOLE).max() < 1e-6
    assert sheaf.disagreement(broken, WHOLE).min() > 1e-2


def test_disagreement_by_hand_on_orthogonal_and_opposite_directions():
    sheaf = Sheaf(2, 2)
    sheaf.maps.data[:] = torch.eye(2)
    tokens = torch.tensor([[[3.0, 0.0], [0.0, 0.5], [-1.0, 0.0]]])

    disagreement = sheaf.disagreement(tokens, torch.ones(1, 3, dtype=torch.bool))

    torch.testing.assert_close(disagreement, torch.tensor([2.0 + 4.0 + 2.0]))


def test_disagreement_is_not_won_by_shrinking_maps_or_tokens():
    sheaf, tokens = sheaf_of(), tokens_of()
    before = sheaf.disagreement(tokens, WHOLE)

    sheaf.maps.data *= 1e-2

    torch.testing.assert_close(sheaf.disagreement(tokens * 1e-2, WHOLE), before)
    assert sheaf.orthogonality() > 0.9


@pytest.mark.parametrize("stalk", [4, 9])
def test_orthogonality_is_zero_at_the_start_and_punishes_maps_of_rank_one(stalk):
    sheaf = sheaf_of(stalk)
    at_start = sheaf.orthogonality()

    sheaf.maps.data[:] = torch.ones(stalk, WIDTH) / (stalk * WIDTH) ** 0.5

    assert at_start < 1e-10
    # Gram of a unit rank-one map: one eigenvalue 1, the others 0.
    rank = min(stalk, WIDTH)
    torch.testing.assert_close(sheaf.orthogonality(), torch.tensor((rank - 1) / rank))


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_an_absent_node_has_neither_influence_nor_gradient(absent):
    sheaf, tokens = sheaf_of(), tokens_of()
    present = WHOLE.clone()
    present[:, absent] = False
    other = tokens.clone()
    other[:, absent] = torch.nan
    other.requires_grad_(True)

    disagreement = sheaf.disagreement(other, present)
    (disagreement + sheaf.dirichlet_energy(other, present)).sum().backward()

    torch.testing.assert_close(disagreement, sheaf.disagreement(tokens, present))
    assert (other.grad[:, absent] == 0).all()
    assert other.grad.isfinite().all() and sheaf.maps.grad.isfinite().all()
    assert other.grad.abs().sum() > 0


def test_one_node_alone_agrees_with_itself():
    present = torch.tensor([[True, False, False]] * 4)

    assert (sheaf_of().disagreement(tokens_of(), present) == 0).all()


def test_morphisms_that_commute_obstruct_no_cycle_and_a_broken_one_does():
    bases, tokens = rotations(), tokens_of()

    def commuting(i, j, m):
        return m @ bases[i].T @ bases[j]

    def broken(i, j, m):
        return commuting(i, j, m) + 0.1 * (i == 0 and j == 1)

    assert cycle_obstruction(all_mapped(tokens, commuting), commuting, WHOLE).max() < 1e-8
    # phi_01 stands once in each of three triples (as phi_ij, phi_jk, phi_ik), off by 0.1 in all dimensions.
    torch.testing.assert_close(
        cycle_obstruction(all_mapped(tokens, broken), broken, WHOLE), torch.full((4,), 3 * WIDTH * 0.01)
    )


def test_a_cycle_with_an_absent_node_has_neither_obstruction_nor_gradient():
    scale = torch.tensor(0.7, requires_grad=True)
    present = WHOLE.clone()
    present[0, 2] = False
    mapped = all_mapped(tokens_of(), lambda i, j, m: 2 * m)
    mapped[0] = torch.nan
    mapped.requires_grad_(True)

    obstruction = cycle_obstruction(mapped, lambda i, j, m: scale * m + 1, present)
    obstruction.sum().backward()

    assert obstruction[0] == 0 and (obstruction[1:] > 0).all()
    assert (mapped.grad[0] == 0).all() and (mapped.grad[1:].abs().sum((1, 2, 3)) > 0).all()
    assert scale.grad.isfinite()
