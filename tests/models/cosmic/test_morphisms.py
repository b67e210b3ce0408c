"""The six morphisms and the violation of their equaliser."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.cosmic.morphisms import Morphisms, equaliser_violation
from models.cosmic.nodes import PAIRS, Node
from tests.models.cosmic.exported import run_exported

EVERYTHING = torch.ones(4, len(Node), dtype=torch.bool)


@pytest.fixture
def morphisms() -> Morphisms:
    torch.manual_seed(0)
    return Morphisms(8)


def made_identity(morphisms: Morphisms) -> Morphisms:
    for network in morphisms.phi.values():
        nn.init.zeros_(network.inner[-1].weight)
        nn.init.zeros_(network.inner[-1].bias)
    return morphisms


def test_every_entry_is_its_morphism_and_the_diagonal_the_token(morphisms: Morphisms):
    tokens = torch.randn(4, 3, 8)

    mapped = morphisms(tokens)

    assert mapped.shape == (4, 3, 3, 8)
    for i, j in PAIRS:
        assert torch.equal(mapped[:, i, j], morphisms.apply(i, j, tokens[:, i]))
    for node in Node:
        assert torch.equal(mapped[:, node, node], tokens[:, node])


def test_the_six_morphisms_are_six_different_functions(morphisms: Morphisms):
    m = torch.randn(2, 8)

    images = [morphisms.apply(i, j, m) for i, j in PAIRS]

    assert len(images) == 6
    assert all(not torch.allclose(images[a], images[b]) for a in range(6) for b in range(a))


def test_a_parent_can_still_apply_a_function_to_all_its_modules(morphisms: Morphisms):
    seen: list[nn.Module] = []

    nn.Sequential(morphisms).apply(seen.append)

    assert morphisms in seen
    assert sum(isinstance(module, nn.Linear) for module in seen) == 12


def test_the_violation_is_zero_for_identity_morphisms_on_equal_tokens(morphisms: Morphisms):
    tokens = torch.randn(4, 1, 8).expand(4, 3, 8)

    violation = equaliser_violation(tokens, made_identity(morphisms)(tokens), EVERYTHING)

    assert violation.tolist() == [0, 0, 0, 0]


def test_the_violation_by_hand(morphisms: Morphisms):
    tokens = torch.zeros(1, 3, 8)
    tokens[0, Node.VOICE, 0] = 1.0
    tokens[0, Node.CONTEXT, 0] = 3.0

    violation = equaliser_violation(tokens, made_identity(morphisms)(tokens), EVERYTHING[:1])

    # Face to voice 1, face to context 9, voice to context 4, each in both directions.
    assert violation.tolist() == pytest.approx([28.0])


def test_an_absent_modality_contributes_nothing_and_gets_no_gradient(morphisms: Morphisms):
    tokens = torch.randn(4, 3, 8, requires_grad=True)
    present = EVERYTHING.clone()
    present[:, Node.VOICE] = False
    mapped = morphisms(tokens)

    violation = equaliser_violation(tokens, mapped, present)
    violation.sum().backward()

    face, context = tokens[:, Node.FACE], tokens[:, Node.CONTEXT]
    expected = (mapped[:, Node.FACE, Node.CONTEXT] - context).square().sum(1)
    expected = expected + (mapped[:, Node.CONTEXT, Node.FACE] - face).square().sum(1)
    torch.testing.assert_close(violation, expected)
    assert tokens.grad is not None
    assert not tokens.grad[:, Node.VOICE].any()
    assert tokens.grad[:, Node.FACE].any()
    for i, j in PAIRS:
        touched = any(p.grad is not None and bool(p.grad.any()) for p in morphisms.phi[f"{i}_to_{j}"].parameters())
        assert touched is (Node.VOICE not in (i, j))


def test_garbage_in_an_absent_token_does_not_reach_the_violation():
    tokens, mapped = torch.zeros(1, 3, 8), torch.zeros(1, 3, 3, 8)
    tokens[:, Node.VOICE] = torch.nan
    mapped[:, Node.VOICE] = torch.inf
    present = torch.tensor([[True, False, True]])

    assert equaliser_violation(tokens, mapped, present).tolist() == [0]


def test_fewer_than_two_modalities_violate_nothing(morphisms: Morphisms):
    tokens = torch.randn(2, 3, 8)
    present = torch.tensor([[True, False, False], [False, False, False]])

    assert equaliser_violation(tokens, morphisms(tokens), present).tolist() == [0, 0]


def test_gradient_flows_to_all_six_when_everything_is_there(morphisms: Morphisms):
    tokens = torch.randn(4, 3, 8)

    equaliser_violation(tokens, morphisms(tokens), EVERYTHING).sum().backward()

    for network in morphisms.phi.values():
        assert all(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def test_the_onnx_export_gives_the_same(morphisms: Morphisms):
    tokens = torch.randn(5, 3, 8)

    exported = run_exported(morphisms, (torch.randn(2, 3, 8),), (tokens,))

    np.testing.assert_allclose(exported, morphisms(tokens).detach().numpy(), atol=1e-5)
