"""The losses against their formulas written out, at their edges, and by where their gradients go."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from models.cosmic.cge import ConvexEnergySolver
from models.cosmic.losses import (
    AngularTask,
    batch_hard_triplet,
    cge_convergence,
    cross_modal_hinge,
    integrated_multi_similarity,
    weight_and_orthogonality,
)
from models.cosmic.nodes import Node

FACE, VOICE, CONTEXT = Node.FACE, Node.VOICE, Node.CONTEXT


def unit(rows: int, width: int = 8, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)), dim=1)


# Task 4, angular.


def test_angular_loss_is_the_margin_softmax_written_out():
    torch.manual_seed(0)
    task = AngularTask(classes=3, identity=8, margin_degrees=28.6, scale=30.0)
    identity, labels = unit(5), torch.tensor([0, 2, 1, 1, 0])
    cosines = identity @ F.normalize(task.loss.W, dim=0)
    rows = torch.arange(5)
    logits = cosines.clone()
    logits[rows, labels] = torch.cos(torch.acos(cosines[rows, labels]) + math.radians(28.6))

    expected = F.cross_entropy(30.0 * logits, labels)

    torch.testing.assert_close(task(identity, labels), expected)


def test_angular_loss_teaches_the_identities_and_the_class_centres():
    torch.manual_seed(0)
    task = AngularTask(classes=3, identity=8)
    identity = unit(4).requires_grad_(True)

    task(identity, torch.tensor([0, 1, 2, 0])).backward()

    assert [tuple(parameter.shape) for parameter in task.parameters()] == [(8, 3)]
    assert task.loss.W.grad.abs().sum() > 0 and identity.grad.abs().sum() > 0


def test_an_identity_on_its_centre_or_opposite_has_a_finite_gradient():
    task = AngularTask(classes=2, identity=4)
    task.loss.W.data = torch.eye(4)[:, :2].clone()
    identity = torch.stack([torch.eye(4)[0], -torch.eye(4)[1]]).requires_grad_(True)

    loss = task(identity, torch.tensor([0, 1]))
    loss.backward()

    assert loss.isfinite() and identity.grad.isfinite().all() and task.loss.W.grad.isfinite().all()


# Task 5, metric.


def test_batch_hard_triplet_is_the_hardest_pair_of_each_anchor():
    identity, labels = unit(7), torch.tensor([0, 0, 0, 1, 1, 2, 2])
    identity[6] = identity[5]  # two anchors that are solved, and count in the mean
    chords = (identity[:, None] - identity[None]).norm(dim=2)
    same = labels[:, None] == labels
    furthest = chords.masked_fill(~same, -1).max(1).values
    nearest = chords.masked_fill(same, 9).min(1).values

    per_anchor = F.relu(0.2 + furthest - nearest)
    assert (per_anchor == 0).sum() >= 2
    expected = per_anchor.mean()

    torch.testing.assert_close(batch_hard_triplet(identity, labels), expected)
    torch.testing.assert_close(batch_hard_triplet(5 * identity, labels), expected)


def test_an_anchor_without_a_positive_is_left_out():
    identity, labels = unit(3), torch.tensor([0, 0, 1])
    chords = (identity[:, None] - identity[None]).norm(dim=2)

    expected = (F.relu(0.5 + chords[0, 1] - chords[0, 2]) + F.relu(0.5 + chords[0, 1] - chords[1, 2])) / 2

    torch.testing.assert_close(batch_hard_triplet(identity, labels, margin=0.5), expected)


@pytest.mark.parametrize("labels", [[], [0], [0, 1], [0, 0, 0, 0], [0, 1, 2, 3]])
def test_without_a_triplet_the_loss_is_zero_and_so_is_its_gradient(labels):
    identity = unit(4)[: len(labels)].clone().requires_grad_(True)

    loss = batch_hard_triplet(identity, torch.tensor(labels, dtype=torch.long))
    loss.backward()

    assert loss == 0 and (identity.grad == 0).all()


def test_identities_that_all_coincide_have_finite_triplets():
    identity = torch.ones(6, 4).requires_grad_(True)

    loss = batch_hard_triplet(identity, torch.arange(6) % 2)
    loss.backward()

    assert loss.item() == pytest.approx(0.2, abs=1e-3) and identity.grad.isfinite().all()


# Task 7, integrated.


def multi_similarity(points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    cosines = points @ points.T
    per_point = []
    for k in range(len(points)):
        positive = (labels == labels[k]) & (torch.arange(len(points)) != k)
        negative = labels != labels[k]
        pull = torch.log1p(torch.exp(-2 * (cosines[k, positive] - 0.5)).sum()) / 2
        push = torch.log1p(torch.exp(50 * (cosines[k, negative] - 0.5)).sum()) / 50
        per_point.append(pull + push)
    return torch.stack(per_point).mean()


def test_integrated_loss_is_multi_similarity_of_all_identities_joined():
    fused, labels = unit(4, seed=1), torch.tensor([0, 0, 1, 2])
    singles = [(unit(3, seed=2), labels[:3]), (unit(2, seed=3), labels[2:])]

    expected = multi_similarity(
        torch.cat([fused, singles[0][0], singles[1][0]]), torch.cat([labels, labels[:3], labels[2:]])
    )

    torch.testing.assert_close(integrated_multi_similarity(fused, singles, labels), expected)


def test_integrated_loss_draws_a_face_alone_to_the_fused_identity_of_the_same_person():
    fused, labels = unit(3), torch.tensor([0, 1, 2])

    near = integrated_multi_similarity(fused, [(fused, labels)], labels)
    far = integrated_multi_similarity(fused, [(fused.roll(1, 0), labels)], labels)

    assert near < far


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_integrated_loss_with_a_modality_missing_everywhere_is_finite(rows):
    fused = unit(3)[:rows].clone().requires_grad_(True)
    nobody = (torch.zeros(0, 8), torch.zeros(0, dtype=torch.long))

    loss = integrated_multi_similarity(fused, [nobody, nobody], torch.zeros(rows, dtype=torch.long))
    loss.backward()

    assert loss.isfinite() and loss >= 0 and fused.grad.isfinite().all()


# Task 8, coherence.


def graph(rows: int = 5, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    mapped = torch.randn(rows, 3, 3, 8, generator=generator, requires_grad=True)
    tokens = torch.randn(rows, 3, 8, generator=generator, requires_grad=True)
    return mapped, tokens, torch.arange(rows) // 2, torch.ones(rows, 3, dtype=torch.bool)


def hinge_by_hand(mapped, tokens, labels, present, margin, pairs):
    terms = []
    for i, j in pairs:
        violations = [
            F.relu(
                margin
                + F.cosine_similarity(mapped[row, i, j], tokens[other, j], dim=0)
                - F.cosine_similarity(mapped[row, i, j], tokens[row, j], dim=0)
            )
            for row in range(len(labels))
            for other in range(len(labels))
            if present[row, i] and present[row, j] and present[other, j] and labels[row] != labels[other]
        ]
        terms.append(torch.stack(violations).mean())
    return torch.stack(terms).mean()


def test_hinge_has_the_value_of_the_margin_over_every_impostor():
    mapped, tokens, labels, present = graph()
    present = present.clone()
    present[0, FACE] = False
    pairs = [(FACE, VOICE), (VOICE, FACE)]

    expected = hinge_by_hand(mapped, tokens, labels, present, 0.2, pairs)

    torch.testing.assert_close(cross_modal_hinge(mapped, tokens, labels, present), expected)


def test_hinge_pulls_to_the_own_target_and_has_no_gradient_on_the_impostor_side():
    mapped, tokens, labels, present = graph(rows=4)
    pairs = [(FACE, VOICE)]

    cross_modal_hinge(mapped, tokens, labels, present, pairs=pairs).backward()

    # The pull alone: the share of impostors that violate, times the gradient of the genuine cosine.
    pulled = mapped.detach().clone().requires_grad_(True)
    predicted = F.normalize(pulled[:, FACE, VOICE], dim=1)
    voices = F.normalize(tokens.detach()[:, VOICE], dim=1)
    genuine = (predicted * voices).sum(1)
    violating = (0.2 + predicted @ voices.T - genuine[:, None] > 0) & (labels[:, None] != labels)
    assert violating.any()
    (-(genuine * violating.sum(1)).sum() / (labels[:, None] != labels).sum()).backward()
    torch.testing.assert_close(mapped.grad, pulled.grad)
    assert tokens.grad is None


def test_hinge_is_zero_for_exact_morphisms_of_well_separated_voices():
    tokens = torch.eye(3).unsqueeze(1).expand(-1, 3, -1)
    mapped = tokens.unsqueeze(1).expand(-1, 3, -1, -1)
    labels, present = torch.arange(3), torch.ones(3, 3, dtype=torch.bool)

    assert cross_modal_hinge(mapped, tokens, labels, present) == 0
    assert cross_modal_hinge(mapped.roll(1, 0), tokens, labels, present).item() == pytest.approx((1.2 + 0.2) / 2)


@pytest.mark.parametrize("case", ["one identity", "no voice", "nobody"])
def test_hinge_without_impostors_is_zero_and_so_is_its_gradient(case):
    mapped, tokens, labels, present = graph(rows=0 if case == "nobody" else 4)
    if case == "one identity":
        labels = torch.zeros_like(labels)
    if case == "no voice":
        present = present & torch.tensor([True, False, True])
        tokens.data[:, VOICE] = torch.nan

    loss = cross_modal_hinge(mapped, tokens, labels, present)
    loss.backward()

    assert loss == 0 and (mapped.grad == 0).all()


# Task 1, convergence.


def solved(rows: int = 4, seed: int = 0):
    torch.manual_seed(seed)
    solver = ConvexEnergySolver(hidden=12, identity=8)
    solver.W.data += 0.3 * torch.randn(8, 8)
    f_kan, face, voice = unit(rows, 8, 1), unit(rows, 12, 2), unit(rows, 12, 3)
    weights = torch.ones(rows, 2)
    solution = solver(f_kan, face, voice, weights, weights.bool())
    return solver, f_kan, solution, solver.system(weights), solver.right_side(f_kan, face, voice, weights)


def test_convergence_is_the_scaled_energy_gap_and_the_log_condition():
    solver, f_kan, solution, H, b = solved()
    raw = torch.linalg.solve(H, b)
    lengths = raw.norm(dim=1, keepdim=True)
    least = solver.energy(raw, H, b)
    gap = (solver.energy(lengths * f_kan, H, b) - least) / -least
    condition = torch.linalg.cond(H[0]).log()

    loss = cge_convergence(f_kan, solution.identity, H, b, solver.energy, condition_weight=0.3)

    torch.testing.assert_close(loss, gap.mean() + 0.3 * condition, rtol=1e-4, atol=1e-5)
    difference = f_kan - solution.identity
    in_metric = (difference @ H[0] * difference).sum(1) / (solution.identity @ H[0] * solution.identity).sum(1)
    torch.testing.assert_close(gap, in_metric, rtol=1e-4, atol=1e-5)


def test_a_shared_system_gives_the_same_convergence_as_one_a_row():
    solver, f_kan, solution, H, b = solved()

    shared = cge_convergence(f_kan, solution.identity, H[0], b, solver.energy)

    torch.testing.assert_close(shared, cge_convergence(f_kan, solution.identity, H, b, solver.energy))


def test_the_gap_closes_at_the_solution_and_is_positive_elsewhere():
    solver, f_kan, solution, H, b = solved()

    closed = cge_convergence(solution.identity, solution.identity, H, b, solver.energy, condition_weight=0.0)
    open_gap = cge_convergence(f_kan, solution.identity, H, b, solver.energy, condition_weight=0.0)

    assert 0 <= closed < 1e-5 < open_gap


def test_the_gap_teaches_the_target_alone_and_the_condition_teaches_the_system():
    solver, f_kan, solution, H, b = solved()
    target = f_kan.clone().requires_grad_(True)

    cge_convergence(target, solution.identity, H, b, solver.energy, condition_weight=0.0).backward(retain_graph=True)
    untaught = [parameter.grad is None or bool((parameter.grad == 0).all()) for parameter in solver.parameters()]
    cge_convergence(f_kan, solution.identity, H, b, solver.energy).backward()

    assert target.grad.abs().sum() > 0
    assert all(untaught)
    assert solver.W.grad.abs().sum() > 0 and solver.raw_beta.grad.abs() > 0
    assert solver.raw_alpha.grad is None or solver.raw_alpha.grad == 0


def test_a_row_with_nothing_to_solve_for_is_left_out():
    solver, f_kan, solution, H, b = solved()
    b, identity = b.clone(), solution.identity.clone()
    b[0], identity[0] = 0, 0
    target = f_kan.clone().requires_grad_(True)

    loss = cge_convergence(target, identity, H, b, solver.energy, condition_weight=0.0)
    loss.backward()

    torch.testing.assert_close(
        loss, cge_convergence(f_kan[1:], identity[1:], H[1:], b[1:], solver.energy, condition_weight=0.0)
    )
    assert (target.grad[0] == 0).all() and target.grad.isfinite().all()


# Task 6, regularisation.


def test_weight_and_orthogonality_by_hand():
    tall = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    rotation = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    weights = [torch.tensor([1.0, 2.0]), torch.tensor([[3.0], [0.0]])]

    # The tall matrix has Gram diag(4, 1): (4 - 1)^2 / 2; the rotation costs nothing.
    assert weight_and_orthogonality([tall, rotation]).item() == pytest.approx(4.5 / 2)
    assert weight_and_orthogonality([], weights).item() == pytest.approx(14 / 4)
    assert weight_and_orthogonality([tall, rotation], weights).item() == pytest.approx(4.5 / 2 + 14 / 4)
    assert weight_and_orthogonality([]) == 0
