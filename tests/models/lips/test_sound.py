"""Cepstra as the network was trained on, and loudness that follows speech."""

from __future__ import annotations

import numpy as np
import pytest

from models.lips.sound import cepstra, loudness

# Frames 4 and 8 of python_speech_features 0.6: mfcc(32768 x, 16000, numcep=13, winlen=0.025, winstep=0.010).
GOLDEN = {
    4: (21.4652, 24.8365, -7.6217, -31.4557, -31.382, -9.1357, 17.9732, 28.2724, 17.6492, -3.2357, -16.3257, -15.4336),
    8: (21.9183, 6.349, -27.8183, -35.9547, -9.6473, 22.7583, 27.309, 0.9136, -23.5673, -21.1183, 1.5355, 15.8133),
}


def sweep(samples: int = 1600) -> np.ndarray:
    at = np.arange(samples) / 16_000
    return 0.5 * np.sin(2 * np.pi * (300 * at + 4000 * at**2))


@pytest.mark.parametrize("frame", sorted(GOLDEN))
def test_cepstra_are_those_of_the_library_that_the_network_was_trained_with(frame: int):
    found = cepstra(sweep())

    assert found.shape == (9, 13)
    np.testing.assert_allclose(found[frame, :12], GOLDEN[frame], atol=2e-4)


def test_silence_gives_finite_cepstra():
    assert np.isfinite(cepstra(np.zeros(1600))).all()


def test_loudness_rises_where_somebody_speaks():
    voice = np.zeros(32_000)
    voice[16_000:] = 0.3 * np.sin(2 * np.pi * 800 * np.arange(16_000) / 16_000)

    found = loudness(voice)

    assert found[120:].min() > 5 * found[:80].max()


@pytest.mark.parametrize("broken", [np.zeros(100), np.full(1600, np.nan), np.zeros((2, 1600))])
@pytest.mark.parametrize("measure", [cepstra, loudness])
def test_what_is_no_voice_is_refused(measure, broken: np.ndarray):
    with pytest.raises(ValueError, match="voice"):
        measure(broken)
