"""Prosody: pitch against tones of known frequency, segments and ratios against recordings laid out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.data.features import PROSODY
from models.data.prosody import PROSODY_NAMES, RATE, framed, pitch_of, prosody, six


def tone(hertz: float | np.ndarray, seconds: float, *, level: float = 0.1, harmonics: int = 12) -> np.ndarray:
    """A buzz with harmonics that fall off as 1/k, as a voice's source does roughly."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, int(seconds * RATE))) / RATE
    highest = float(np.max(hertz))
    return level * sum(np.cos(k * phase + k) / k for k in range(1, harmonics + 1) if k * highest < RATE / 2)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE))


def named(voice: np.ndarray, speech: list[tuple[float, float]]) -> dict[str, float]:
    return dict(zip(PROSODY_NAMES, prosody(voice.astype(np.float32), speech).tolist(), strict=True))


def test_every_value_has_a_name_of_its_own():
    assert len(PROSODY_NAMES) == len(set(PROSODY_NAMES)) == PROSODY == 103
    groups = [sum(name.startswith(start) for name in PROSODY_NAMES) for start in ("f0", "energy", "duration")]
    assert groups == [30, 48, 24]
    assert "voiced_rate" in PROSODY_NAMES


@settings(max_examples=30, deadline=None)
@given(hertz=st.floats(77, 490), snr=st.sampled_from([None, 20.0, 10.0]), seed=st.integers(0, 100))
def test_the_pitch_of_a_tone_is_right_within_two_per_cent(hertz: float, snr: float | None, seed: int):
    voice = tone(hertz, 1.0)
    if snr is not None:
        voice = voice + np.random.default_rng(seed).normal(0, voice.std() * 10 ** (-snr / 20), len(voice))

    pitch = pitch_of(framed(voice.astype(np.float32)))[4:-4]

    voiced = pitch[pitch > 0]
    assert len(voiced) > 0.9 * len(pitch)
    assert np.mean(np.abs(voiced / hertz - 1) < 0.02) > 0.98


def test_the_pitch_of_a_tone_without_its_fundamental_is_the_fundamental():
    voice = tone(150.0, 1.0) - tone(150.0, 1.0, harmonics=1)

    pitch = pitch_of(framed(voice.astype(np.float32)))[4:-4]

    assert np.allclose(pitch, 150.0, rtol=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_pitch(seed: int):
    pitch = pitch_of(framed(np.random.default_rng(seed).normal(0, 0.1, 2 * RATE).astype(np.float32)))

    assert np.mean(pitch > 0) < 0.02


def test_durations_count_voiced_unvoiced_and_pauses_as_they_lie():
    hiss = np.random.default_rng(0).normal(0, 0.05, int(0.2 * RATE))
    voice = np.concatenate([silence(0.5), tone(120, 0.4), hiss, silence(0.3), tone(120, 0.6), silence(0.7)])

    values = named(voice, [(0.5, 1.1), (1.4, 2.0)])

    assert values["voiced_rate"] == pytest.approx(2 / 1.5, rel=0.02)
    assert values["duration_voiced_mean"] == pytest.approx(0.5, abs=0.03)
    assert values["duration_voiced_max"] == pytest.approx(0.6, abs=0.03)
    assert values["duration_unvoiced_max"] == pytest.approx(0.2, abs=0.04)
    assert values["duration_pause_mean"] == pytest.approx(0.3, abs=0.011)
    assert values["duration_pause_to_speech"] == pytest.approx(0.3 / 1.2, rel=0.1)
    assert values["duration_voiced_to_speech"] + values["duration_unvoiced_to_speech"] == pytest.approx(1, abs=1e-3)
    assert values["duration_voiced_to_pause"] == pytest.approx(1.0 / 0.3, rel=0.1)


def test_a_glide_has_its_slope_and_lies_on_a_line():
    glide = tone(np.linspace(120, 220, RATE), 1.0)

    values = named(np.concatenate([glide, silence(0.2)]), [(0.0, 1.0)])

    assert values["f0_tilt_mean"] == pytest.approx(100, rel=0.05)
    assert values["f0_fit_error_mean"] < 9  # Hz squared
    assert values["f0_mean"] == pytest.approx(170, rel=0.02)
    assert values["f0_first_segment_max"] == values["f0_last_segment_max"] == pytest.approx(220, rel=0.05)


def test_the_first_and_the_last_segment_are_told_apart():
    voice = np.concatenate([tone(110, 0.5), silence(0.3), tone(200, 0.5, level=0.01)])

    values = named(voice, [(0.0, 0.5), (0.8, 1.3)])

    assert values["f0_first_segment_mean"] == pytest.approx(110, rel=0.02)
    assert values["f0_last_segment_mean"] == pytest.approx(200, rel=0.02)
    louder = values["energy_voiced_first_segment_mean"] - values["energy_voiced_last_segment_mean"]
    assert louder == pytest.approx(20, abs=1)  # dB


def test_a_voice_that_fades_has_a_falling_energy():
    fade = tone(120, 1.0) * 10 ** (-np.arange(RATE) / RATE)  # 20 dB in a second

    values = named(fade, [(0.05, 0.95)])

    assert values["energy_voiced_tilt_mean"] == pytest.approx(-20, abs=1)


def test_where_there_is_no_voiced_segment_its_values_are_nothing():
    hiss = np.random.default_rng(0).normal(0, 0.05, RATE)

    values = named(hiss, [(0.1, 0.9)])

    assert all(values[name] == 0 for name in PROSODY_NAMES if name.startswith(("f0", "energy_voiced")))
    assert values["voiced_rate"] == values["duration_voiced_to_pause"] == 0
    assert values["duration_unvoiced_to_pause"] == 10  # no pause at all: the largest ratio there is
    assert values["energy_unvoiced_first_segment_mean"] == pytest.approx(20 * np.log10(0.05), abs=1)


@pytest.mark.parametrize("speech", [[], [(5.0, 6.0)], [(0.2, 0.2)]])
def test_where_nobody_speaks_nothing_is_measured(speech: list[tuple[float, float]]):
    assert np.isnan(prosody(np.zeros(RATE, np.float32), speech)).all()


@settings(max_examples=25, deadline=None)
@given(
    samples=st.integers(1, RATE),
    level=st.sampled_from([0.0, 1e-7, 0.01, 1.0]),
    edges=st.lists(st.floats(0, 1), min_size=2, max_size=6).map(sorted),
    seed=st.integers(0, 100),
)
def test_everything_is_finite_or_nothing_is(samples: int, level: float, edges: list[float], seed: int):
    voice = np.random.default_rng(seed).normal(0, level, samples) + tone(150, 2.0, level=level)[:samples]

    values = prosody(voice.astype(np.float32), list(zip(edges[::2], edges[1::2], strict=False)))

    assert values.shape == (PROSODY,) and values.dtype == np.float32
    assert np.isfinite(values).all() or np.isnan(values).all()


def test_the_six_statistics_are_those_of_scipy():
    values = np.random.default_rng(0).gamma(2.0, size=50)

    assert six(values) == pytest.approx(
        [values.mean(), values.std(), values.max(), values.min(), stats.skew(values), stats.kurtosis(values)]
    )
    assert six(np.full(5, 3.0)) == [3.0, 0.0, 3.0, 3.0, 0.0, 0.0]
    assert six(np.zeros(0)) == [0.0] * 6
