"""SpeechBrain's ECAPA-TDNN through its library, on weights drawn at random: the published ones are not in a package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import media
from worker.engines import voice
from worker.engines.sessions import SessionOptions
from worker.engines.types import Calibration, ModelCard


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[voice.EcapaEmbedder]:
    import torch

    voice._stand_in_for_torchaudio()
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    torch.manual_seed(0)
    weights: Path = tmp_path_factory.mktemp("ecapa") / "embedding_model.ckpt"
    network = ECAPA_TDNN(input_size=80, channels=[1024, 1024, 1024, 1024, 3072], lin_neurons=192)
    torch.save(network.state_dict(), weights)
    card = ModelCard("voice", "ecapa", "test", "0" * 64, 192, "test", Calibration("test", 1.0, 0.0, 0, 0))
    yield voice.EcapaEmbedder(weights, card, SessionOptions())
    # SpeechBrain leaves lazy modules behind that fail when somebody looks through sys.modules, as hypothesis does.
    for name in [name for name in sys.modules if name.split(".")[0] in ("speechbrain", "torchaudio")]:
        del sys.modules[name]


def test_an_embedding_has_the_width_and_norm_that_the_manifest_says(embedder: voice.EcapaEmbedder):
    first = embedder.embed(media.spoken("My voice is my own."))

    assert first.shape == (192,)
    assert np.linalg.norm(first) == pytest.approx(1.0, abs=1e-5)


def test_the_same_sound_gives_the_same_embedding_and_another_another(embedder: voice.EcapaEmbedder):
    sound, another = (media.spoken("My voice is my own.", voice=name) for name in ("en-us", "en-us+f3"))
    one, again, other = (embedder.embed(each) for each in (sound, sound, another))

    assert one @ again == pytest.approx(1.0, abs=1e-5)
    assert np.abs(one - other).max() > 1e-4  # random weights hear little, but they do hear
