"""Where training starts: the cosines of the embeddings pass through an untrained network, on the training people's axes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.cosmic.config import CosmicConfig, TrainConfig, variant
from models.cosmic.method import CosmicMethod
from models.cosmic.model import Cosmic
from models.cosmic.start import TARGET_WEIGHT, principal_axes, start_from
from models.cosmic.train import training_embeddings
from models.data.context import scaler_of
from models.data.features import ModalityFeatures
from models.data.folds import identity_folds
from models.evaluation.metrics import auc
from models.training.experiment import SETTINGS, Experiment, score_set
from tests.features import FACE_WIDTH, VOICE_WIDTH, features

CPU = torch.device("cpu")
SMALL = TrainConfig(model=CosmicConfig(FACE_WIDTH, VOICE_WIDTH, hidden=16, identity=16, latent=8))
DATA = features(faces=40, voices=30)
EXPERIMENT = Experiment(DATA, identity_folds(DATA)[0], drawings=2)


def small(name: str = "A1") -> Cosmic:
    torch.manual_seed(0)
    return Cosmic(variant(SMALL, name).model).eval()


def aucs(model: Cosmic) -> dict[str, float]:
    """AUC on test people in each setting."""
    method = CosmicMethod(model, scaler_of(DATA, EXPERIMENT.train_people), CPU, context=False)
    found = {}
    for setting in SETTINGS:
        scores = score_set(method, EXPERIMENT.test, setting)
        found[setting.name] = auc(scores.genuine_scores(), scores.impostor_scores())
    return found


@pytest.mark.parametrize("name", ["A1", "A3", "compact"])
def test_an_untrained_model_that_is_started_tells_people_apart(name: str):
    model = small(name)
    before = aucs(model)

    start_from(model, *training_embeddings(EXPERIMENT, CPU))

    after = aucs(model)
    assert after["face+voice"] > 0.97
    assert after["face"] > 0.9
    assert after["voice"] > 0.85
    # A random linear map of these few dimensions is near perfect already.
    assert name == "A3" or after["face+voice"] > before["face+voice"]


def test_the_start_is_from_all_training_people_and_nobody_else():
    face, voice = training_embeddings(EXPERIMENT, CPU)

    assert identities_of(DATA.face, face) == EXPERIMENT.fold.train.faces
    assert identities_of(DATA.voice, voice) == EXPERIMENT.fold.train.voices


def identities_of(side: ModalityFeatures, vectors: torch.Tensor) -> set[str]:
    nearness = vectors.numpy() @ side.embeddings.T
    assert nearness.max(1) == pytest.approx(np.ones(len(vectors)), abs=1e-5)
    return {str(name) for name in side.identity[nearness.argmax(1)]}


def test_a_started_spline_is_the_linear_map_onto_the_principal_axes_inside_the_grid():
    model = small()
    draw = torch.Generator().manual_seed(1)
    sample = torch.randn(200, FACE_WIDTH, generator=draw) * torch.linspace(1, 3, FACE_WIDTH) + 1
    start_from(model, sample, torch.randn(200, VOICE_WIDTH, generator=draw))
    x = torch.rand(100, FACE_WIDTH, generator=draw)  # uniform, so that normalised it stays within 2 deviations

    with torch.no_grad():
        normalised = model.face.norm(x)
        axes = principal_axes(model.face.norm(sample), 16).float()
        inside = normalised.abs().amax(1) < 2
        difference = (model.face(x) - normalised @ axes.T)[inside].abs().max()

    assert inside.sum() > 50
    assert difference < 0.02


def test_principal_axes_are_those_of_the_singular_value_decomposition_without_what_all_share():
    draw = np.random.default_rng(0)
    x = draw.standard_normal((50, 6)) * np.array([3.0, 2.5, 2.0, 1.5, 1.0, 0.5]) + 4.0

    axes = principal_axes(torch.from_numpy(x), 3).numpy()

    shared = x.mean(0) / np.linalg.norm(x.mean(0))
    _, _, right = np.linalg.svd(x - np.outer(x @ shared, shared))
    assert np.abs((axes * right[:3]).sum(1)) == pytest.approx(np.ones(3))
    assert axes @ shared == pytest.approx(np.zeros(3), abs=1e-9)


def test_axes_that_are_not_there_are_zeros():
    axes = principal_axes(torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), 8)

    assert axes.shape == (8, 5)
    torch.testing.assert_close(axes[:4] @ axes[:4].T, torch.eye(4, dtype=torch.float64))
    assert not axes[4:].any()


@pytest.mark.parametrize(("hidden", "identity"), [(16, 16), (16, 64), (64, 24)])
def test_the_solver_starts_with_face_and_voice_on_dimensions_of_their_own(hidden: int, identity: int):
    model = Cosmic(CosmicConfig(FACE_WIDTH, VOICE_WIDTH, hidden=hidden, identity=identity, latent=8))
    draw = torch.Generator().manual_seed(1)

    start_from(model, *(torch.randn(80, width, generator=draw) for width in (FACE_WIDTH, VOICE_WIDTH)))

    face, voice = model.solver.rho_face.detach(), model.solver.rho_voice.detach()
    assert not (face @ voice.T).any()
    for rho in (face, voice):
        used = rho[rho.any(1)]
        assert len(used) > 0
        assert torch.equal(used @ used.T, torch.eye(len(used)))
    assert face.sum() >= voice.sum()
    assert float(model.solver.alpha.detach()) == pytest.approx(TARGET_WEIGHT)
