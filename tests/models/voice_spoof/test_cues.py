"""What each cue of a voice reacts to, and what it must not react to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from models.voice_spoof.cues.source import prediction
from models.voice_spoof.cues.voice import voice_cues
from tests.models.voice_spoof.voices import RATE, made_voice


def test_a_trembling_pitch_is_told_from_a_steady_one():
    steady, trembling = (voice_cues(made_voice(jitter=jitter)) for jitter in (0.0, 0.02))

    assert trembling["pitch_step"] > steady["pitch_step"] + 0.5
    assert trembling["pitch_bend"] > steady["pitch_bend"] + 0.5


def test_breath_makes_a_voice_less_harmonic():
    clear, breathy = (voice_cues(made_voice(breath=breath)) for breath in (0.0, 1.0))

    assert breathy["harmonicity"] < clear["harmonicity"] - 2
    assert breathy["upper_periodicity"] < clear["upper_periodicity"]


def test_a_small_loudspeaker_takes_the_bass_away():
    voice = made_voice()
    small = sosfilt(butter(4, 300, "highpass", fs=RATE, output="sos"), voice).astype(np.float32)

    assert voice_cues(small)["bass"] < voice_cues(voice)["bass"] - 10


def test_pauses_of_digital_zeros_are_seen():
    voice = made_voice()
    gated = np.where(np.abs(voice) < 0.02, np.float32(0), voice)

    assert voice_cues(gated)["zeros"] > voice_cues(voice)["zeros"] + 1


def test_how_loud_a_voice_is_recorded_changes_nothing():
    loud = voice_cues(made_voice())
    soft = voice_cues(made_voice() * np.float32(0.01))

    for name, value in loud.items():
        assert soft[name] == pytest.approx(value, abs=1e-2), name


def test_what_lies_above_the_telephone_band_hardly_counts():
    voice = made_voice()
    narrow = sosfilt(butter(8, 4500, "lowpass", fs=RATE, output="sos"), voice).astype(np.float32)
    wide, telephone = voice_cues(voice), voice_cues(narrow)

    # Of the whole band are only the moments of the waveform and repeated samples.
    for name in set(wide) - {"crest", "peakedness", "leaning", "zeros"}:
        assert telephone[name] == pytest.approx(wide[name], abs=0.6), name


@pytest.mark.parametrize(
    "voice",
    [
        np.zeros(3 * RATE, np.float32),
        np.full(3 * RATE, np.nan, np.float32),
        np.append(made_voice(), np.float32(np.inf)),
        made_voice(seconds=0.5),
        made_voice(seconds=16),
        np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32),
        made_voice()[:, None],
    ],
    ids=["silence", "no numbers", "infinity", "too short", "too long", "noise without a voice", "two axes"],
)
def test_what_cannot_be_measured_is_no_pass(voice: np.ndarray):
    with pytest.raises(ValueError):
        voice_cues(voice)


def test_linear_prediction_finds_the_filter_that_made_a_signal():
    wanted = np.array([1.0, -1.6, 0.9])
    impulse = np.zeros(2000)
    impulse[0] = 1.0
    for time in range(len(impulse)):
        impulse[time] -= sum(wanted[lag] * impulse[time - lag] for lag in (1, 2) if time >= lag)

    found = prediction(impulse[None], order=2)[0]

    assert found == pytest.approx(wanted, abs=5e-3)
