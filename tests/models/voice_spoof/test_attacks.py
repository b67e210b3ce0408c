"""Speech made anew, and the channel that all recordings pass."""

from __future__ import annotations

import numpy as np
import pytest

from models.voice_spoof import channel
from models.voice_spoof.attacks import griffin_lim, loudspeaker, parametric_vocoder
from models.voice_spoof.cues.voice import voice_cues
from tests.models.voice_spoof.voices import RATE, made_voice


@pytest.mark.parametrize("remake", [griffin_lim, parametric_vocoder, loudspeaker])
def test_a_remade_voice_is_as_long_and_the_same_for_the_same_seed(remake):
    voice = made_voice(seconds=1.5)

    first, again, other = remake(voice, 1), remake(voice, 1), remake(voice, 2)

    assert first.shape == voice.shape
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_griffin_lim_loses_the_sharpness_of_pulses():
    voice = made_voice(breath=0.0)

    assert voice_cues(griffin_lim(voice, 1))["pulse_sharpness"] < voice_cues(voice)["pulse_sharpness"] - 0.3


def test_the_parametric_vocoder_keeps_the_pitch_or_moves_it_little():
    voice = made_voice(jitter=0.0)

    spectrum = np.abs(np.fft.rfft(parametric_vocoder(voice, 3)))
    comb = [
        spectrum[np.round(np.arange(1, 8) * pitch * len(voice) / RATE).astype(int)].sum() for pitch in range(90, 160)
    ]

    assert 120 * 0.79 < 90 + int(np.argmax(comb)) < 120 * 1.26


def test_a_loudspeaker_in_a_room_lets_syllables_ring_on():
    voice = made_voice()

    assert voice_cues(loudspeaker(voice, 1))["fall"] < voice_cues(voice)["fall"]


@pytest.mark.parametrize("codec", sorted(set(channel.CODECS), key=str))
def test_a_codec_keeps_length_and_voice(codec: tuple[str, str] | None):
    voice = made_voice(seconds=1.5)

    coded = channel._coded(voice, codec)

    assert coded.shape == voice.shape
    assert np.corrcoef(coded, voice)[0, 1] > 0.95


def test_the_channel_draws_another_way_for_every_seed():
    voice = made_voice(seconds=1.5)

    first, again, other = channel.recorded(voice, 1), channel.recorded(voice, 1), channel.recorded(voice, 2)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first).max() <= 1.0
