"""COSMIC joined: any modality may be missing, nothing absent has a say, and each variant is what its name promises."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from models.cosmic.cge import ConvexEnergySolver
from models.cosmic.config import PLAIN_SUM, TrainConfig, variant
from models.cosmic.ka_spline import KASpline
from models.cosmic.kan_target import KanTarget
from models.cosmic.model import LEAST_QUALITY, Capture, Cosmic, LinearProjection
from models.cosmic.nodes import Node
from models.cosmic.tasks import Task, tasks_of
from models.cosmic.vib import VIB
from tests.models.cosmic.captures import SUBSETS, VARIANTS, capture, network

NODES = ("face", "voice", "context")


def test_a_capture_becomes_tokens_morphisms_a_target_and_an_identity():
    encoded = network()(capture(5))

    assert encoded.identity.shape == encoded.target.shape == (5, 12)
    assert encoded.tokens.shape == (5, 3, 16)
    assert encoded.mapped.shape == (5, 3, 3, 16)
    assert encoded.bottleneck.z.shape == (5, 6)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("present", SUBSETS)
def test_every_subset_of_modalities_gives_a_unit_identity(name: str, present: tuple[int, int, int]):
    for model in (network(name), network(name).eval()):
        identity = model(capture(4, present)).identity

        torch.testing.assert_close(identity.norm(dim=1), torch.ones(4))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_encoder_for_export_says_what_the_model_says(name: str):
    model = network(name).eval()

    for present in SUBSETS:
        given = capture(6, present)
        with torch.no_grad():
            torch.testing.assert_close(model.encode(given), model(given).identity, atol=1e-4, rtol=0)


def test_the_encoder_agrees_where_quality_is_zero_too():
    model = network().eval()
    given = replace(capture(6), quality=torch.zeros(6, 2))

    with torch.no_grad():
        torch.testing.assert_close(model.encode(given), model(given).identity, atol=1e-4, rtol=0)
        lowest = model(replace(given, quality=torch.full((6, 2), LEAST_QUALITY))).identity
        torch.testing.assert_close(model(given).identity, lowest)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("garbage", [1e30, torch.finfo().max, torch.nan])
@pytest.mark.parametrize("node", list(Node))
def test_what_stands_in_an_absent_modality_has_no_influence(name: str, garbage: float, node: Node):
    present = tuple(int(one != node) for one in Node)
    model = network(name).eval()
    clean = capture(4, present)
    dirty = replace(clean, **{NODES[node]: torch.full_like(getattr(clean, NODES[node]), garbage)})

    expected, found = model(clean).identity, model(dirty).identity
    model.zero_grad()
    found.square().mean(1).sum().backward()

    assert torch.equal(expected, found)
    assert torch.equal(model.encode(clean), model.encode(dirty))
    assert all(one.grad is None or one.grad.isfinite().all() for one in model.parameters())


def test_the_token_of_an_absent_modality_is_zero():
    given = capture(2)
    given.present[0, Node.VOICE] = given.present[1, Node.CONTEXT] = False

    tokens = network()(given).tokens

    assert (tokens.abs().sum(2) == 0).tolist() == [[False, True, False], [False, False, True]]


@pytest.mark.parametrize("node", [Node.FACE, Node.VOICE])
def test_a_modality_alone_is_the_same_as_the_others_never_captured(node: Node):
    model = network().eval()
    whole = capture(4)
    alone = replace(whole, present=capture(4, tuple(int(one == node) for one in Node)).present)

    assert torch.equal(model(whole.only(node)).identity, model(alone).identity)
    assert not torch.allclose(model(whole).identity, model(alone).identity, atol=1e-3)


def test_a_modality_alone_stays_absent_where_it_was_absent():
    given = capture(2)
    given.present[0, Node.FACE] = False

    assert given.only(Node.FACE).present.tolist() == [[False] * 3, [True, False, False]]


def test_chosen_rows_are_those_of_every_part():
    given = capture(5)
    rows = torch.tensor([True, False, True, False, False])

    chosen = given.where(rows)

    for field in ("face", "voice", "context", "quality", "present"):
        assert torch.equal(getattr(chosen, field), getattr(given, field)[rows])


def test_a_row_does_not_depend_on_the_others_of_its_batch():
    model = network().eval()
    given = capture(6)

    alone = torch.cat([model(given.where(torch.arange(6) == row)).identity for row in range(6)])

    torch.testing.assert_close(model(given).identity, alone, atol=1e-5, rtol=0)


def test_a_poorer_face_moves_the_identity_away_from_the_face():
    model = network().eval()
    given = capture(40, (1, 1, 0))

    def nearness(quality: float) -> Tensor:
        poor = replace(given, quality=torch.tensor([[quality, 1.0]]).expand(40, 2))
        return (model(poor).identity * model(given.only(Node.FACE)).identity).sum(1).mean()

    assert nearness(1.0) > nearness(0.5) > nearness(0.1)


@pytest.mark.parametrize(
    ("name", "solver", "projection", "bottleneck", "morphisms", "attention", "tasks"),
    [
        ("A1", True, KASpline, True, True, True, set(Task)),
        ("A2", False, KASpline, True, True, True, set(Task) - {Task.CONVERGENCE}),
        ("A3", True, LinearProjection, True, True, True, set(Task)),
        ("A4", True, KASpline, False, True, True, set(Task)),
        ("A5", True, KASpline, True, False, True, set(Task) - {Task.SHEAF, Task.SNFC}),
        ("A6", True, KASpline, True, True, True, set(Task) - {Task.SNFC}),
        ("A7", True, KASpline, True, True, True, set(Task)),
        ("compact", True, KASpline, True, False, True, set(Task) - {Task.SHEAF, Task.PERSISTENCE, Task.SNFC}),
    ],
)
def test_a_variant_lacks_what_it_is_named_for_and_nothing_else(
    name: str,
    solver: bool,
    projection: type[nn.Module],
    bottleneck: bool,
    morphisms: bool,
    attention: bool,
    tasks: set[Task],
):
    model = network(name)

    assert isinstance(model.solver, ConvexEnergySolver) == solver
    assert type(model.face) is type(model.voice) is projection
    assert isinstance(model.context, VIB) == bottleneck
    assert (model.morphisms is not None, model.sheaf is not None) == (morphisms, morphisms)
    assert isinstance(model.target, KanTarget) == attention
    assert set(tasks_of(model)) == tasks
    assert list(tasks_of(model)) == [task for task in Task if task in tasks]


@pytest.mark.parametrize(("name", "attention"), [("B1", False), ("B3", True)])
def test_the_baselines_are_projections_and_one_network(name: str, attention: bool):
    model = network(name)

    assert model.solver is model.context is model.morphisms is model.sheaf is None
    assert type(model.face) is LinearProjection
    assert isinstance(model.target, KanTarget) == attention
    assert set(tasks_of(model)) == {Task.ANGULAR, Task.METRIC, Task.REGULARISATION, Task.INTEGRATED, Task.COHERENCE}


def test_nine_tasks_train_the_full_model_and_six_the_compact_one():
    assert len(tasks_of(network("A1"))) == 9
    assert len(tasks_of(network("compact"))) == 6


def test_a_variant_changes_the_balancing_only_where_it_is_the_plain_sum():
    base = TrainConfig()

    summed = {name for name in VARIANTS if variant(base, name).balancing == PLAIN_SUM}

    assert summed == {"A7", "B1", "B3"}
    assert all(variant(base, name).balancing == base.balancing for name in set(VARIANTS) - summed)
    with pytest.raises(ValueError, match="no variant 'A9'"):
        variant(base, "A9")


def test_training_draws_the_bottleneck_and_evaluation_does_not():
    model, given = network(), capture()

    assert not torch.equal(model(given).identity, model(given).identity)
    model.eval()
    assert torch.equal(model(given).identity, model(given).identity)


def test_no_rows_give_no_identities():
    nothing: Capture = capture(3).where(torch.zeros(3, dtype=torch.bool))

    assert Cosmic(network().config)(nothing).identity.shape == (0, 12)
