"""The objective: finite whatever is missing, and training by it learns."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch.nn.functional import normalize

from models.mimop.config import MimopConfig
from models.mimop.model import Mimop
from models.mimop.objective import Batch, Weights, objective
from models.mimop.start import start_from

CONFIG = MimopConfig(face_width=48, voice_width=40, head=16, hidden=8)
PARTS = {"fused", "face", "voice", "hsic", "spread", "fame", "total"}


def built() -> Mimop:
    torch.manual_seed(0)
    return Mimop(CONFIG)


def planted(trials: int, *, seed: int, people: int = 20) -> Batch:
    """Trials of people whose face and voice are a fixed direction plus noise; a third are genuine."""
    identities = torch.Generator().manual_seed(99)
    draw = torch.Generator().manual_seed(seed)
    faces = torch.randn(people, CONFIG.face_width, generator=identities)
    voices = torch.randn(people, CONFIG.voice_width, generator=identities)
    labels = torch.randint(people, (trials,), generator=draw)
    genuine = torch.rand(trials, generator=draw) < 1 / 3
    others = (labels + torch.randint(1, people, (trials,), generator=draw)) % people
    against = torch.where(genuine, labels, others)

    def noisy(clean: torch.Tensor) -> torch.Tensor:
        return normalize(clean + 1.4 * torch.randn(clean.shape, generator=draw))

    return Batch(
        face_probe=noisy(faces[labels]),
        face_reference=normalize(faces[against]),
        voice_probe=noisy(voices[labels]),
        voice_reference=normalize(voices[against]),
        quality=torch.rand(trials, 2, generator=draw),
        present=torch.rand(trials, 2, generator=draw) < 0.9,
        labels=labels,
        genuine=genuine,
    )


def rows(batch: Batch, chosen: torch.Tensor) -> Batch:
    return Batch(**{one.name: getattr(batch, one.name)[chosen] for one in fields(Batch)})


def gradients(model: Mimop) -> list[torch.Tensor]:
    return [one.grad for one in model.parameters() if one.grad is not None]


def test_the_total_is_the_weighted_sum_of_the_parts():
    weights = Weights(fused=2.0, single=0.3, hsic=5.0, spread=0.7, fame=0.2)

    total, parts = objective(built(), planted(60, seed=1), weights, progress=1.0)

    by_hand = (
        2.0 * parts["fused"]
        + 0.3 * (parts["face"] + parts["voice"])
        + 5.0 * parts["hsic"]
        + 0.7 * parts["spread"]
        + 0.2 * parts["fame"]
    )
    assert set(parts) == PARTS
    assert float(total.detach()) == pytest.approx(by_hand, rel=1e-5)
    assert parts["total"] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("present", [(True, False), (False, True), (False, False)])
def test_a_modality_missing_everywhere_leaves_everything_finite(present):
    model, batch = built(), planted(30, seed=1)
    batch = replace(batch, present=torch.tensor([present] * 30))
    if not present[0]:
        batch = replace(batch, face_probe=torch.full_like(batch.face_probe, torch.nan))

    total, parts = objective(model, batch, Weights(), progress=1.0)
    total.backward()

    assert torch.isfinite(total)
    assert [parts["face"] == 0.0, parts["voice"] == 0.0] == [not present[0], not present[1]]
    assert all(torch.isfinite(one).all() for one in gradients(model))


@pytest.mark.parametrize("chosen", [[0], [0, 1], [2, 2, 2, 2, 2, 2]])
def test_the_smallest_batches_are_finite(chosen):
    model = built()

    total, _ = objective(model, rows(planted(10, seed=1), torch.tensor(chosen)), Weights(), progress=0.0)
    total.backward()

    assert torch.isfinite(total)
    assert all(torch.isfinite(one).all() for one in gradients(model))


def test_misleading_evidence_costs_more_as_training_goes_on_and_then_the_same():
    model, batch, weights = built(), planted(60, seed=1), Weights(kl=1.0, kl_annealed_by=0.5)

    early, half, late = (objective(model, batch, weights, progress=at)[1]["fused"] for at in (0.0, 0.5, 1.0))

    assert early < half == late


def test_a_probe_that_meets_several_references_is_one_sample_to_the_heads():
    model, batch = built(), planted(40, seed=1)
    batch = replace(batch, genuine=torch.zeros(40, dtype=torch.bool))
    again = rows(batch, torch.arange(40).repeat_interleave(4))

    once, repeated = (objective(model, one, Weights(), progress=1.0)[1] for one in (batch, again))

    assert repeated["hsic"] == pytest.approx(once["hsic"], abs=1e-6)
    assert repeated["fame"] == pytest.approx(once["fame"], rel=1e-4)


def test_the_start_from_data_separates_before_the_first_step():
    model, batch = built(), planted(400, seed=1)

    _, before = objective(model, batch, Weights(), progress=0.0)
    start_from(model, batch)
    _, after = objective(model, batch, Weights(), progress=0.0)

    assert after["fused"] < before["fused"]


def test_the_start_leaves_a_modality_without_data_alone():
    model, batch = built(), planted(40, seed=1)
    before = model.voice_heads.projection.weight.clone()

    start_from(model, replace(batch, present=torch.tensor([[True, False]] * 40)))

    assert torch.equal(model.voice_heads.projection.weight, before)


def test_training_by_the_objective_learns_on_trials_it_has_not_seen():
    model, batch, unseen = built(), planted(600, seed=1), planted(300, seed=2)
    weights = Weights(cross_modal=0.0)
    _, before = objective(model, unseen, weights, progress=1.0)
    start_from(model, batch)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)

    for step in range(60):
        chosen = torch.randint(600, (96,))
        total, _ = objective(model, rows(batch, chosen), weights, progress=step / 60)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()

    _, after = objective(model, unseen, weights, progress=1.0)
    assert after["fused"] < 0.5 * before["fused"]
    assert after["fused"] < min(after["face"], after["voice"])


def test_hsic_and_spread_make_the_heads_independent_without_emptying_one():
    model, batch = built(), planted(200, seed=1)
    _, before = objective(model, batch, Weights(), progress=1.0)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    weights = Weights(fused=0.0, single=0.0, fame=0.0, hsic=30.0, spread=1.0)

    for _ in range(40):
        total, after = objective(model, batch, weights, progress=1.0)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()

    assert after["hsic"] < 0.3 * before["hsic"]
    assert after["spread"] < 0.5
