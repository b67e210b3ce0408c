"""Degraded probes: as strong as asked, the same from the same seed, and of the kind that goes in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.degrade import (
    FACE_CONDITIONS,
    RATE,
    VOICE_CONDITIONS,
    active_power,
    degrade_face,
    degrade_voice,
    noise,
    seed_of,
)
from tests.people import portrait

LEVEL = 0.05


def bursts(*, amplitude: float = LEVEL) -> np.ndarray:
    """Two seconds of a tone among three of silence: what is active is known by construction."""
    time = np.arange(5 * RATE) / RATE
    talking = (time % 2.5 > 0.5) & (time % 2.5 <= 1.5)
    return (amplitude * np.sqrt(2) * np.sin(2 * np.pi * 200 * time) * talking).astype(np.float32)


def sharpness(picture: np.ndarray) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


@pytest.mark.parametrize("snr", [20, 10, 0])
@pytest.mark.parametrize("seed", range(6))
def test_noise_is_as_far_below_the_active_speech_as_asked(snr: int, seed: int):
    voice = bursts()

    added = degrade_voice(voice, f"noise_{snr}", seed).astype(np.float64) - voice

    assert 10 * np.log10(LEVEL**2 / np.mean(added**2)) == pytest.approx(snr, abs=0.5)


def test_the_level_of_speech_does_not_count_its_pauses():
    assert active_power(bursts()) == pytest.approx(LEVEL**2, rel=0.02)
    assert active_power(np.zeros(RATE, np.float32)) == 0.0


def test_the_seed_chooses_among_white_pink_and_babble():
    slopes = []
    for seed in range(3):
        added = degrade_voice(bursts(), "noise_0", seed).astype(np.float64) - bursts()
        power = np.abs(np.fft.rfft(added)) ** 2
        hertz = np.fft.rfftfreq(len(added), 1 / RATE)
        low, high = (power[(hertz > edge) & (hertz < 1.3 * edge)].mean() for edge in (400, 4000))
        slopes.append(10 * np.log10(high / low))

    white, pink, babble = slopes
    assert white == pytest.approx(0, abs=1)
    assert pink == pytest.approx(-10, abs=1)  # 1/f: 10 dB a decade
    assert babble < -12


def test_babble_swells_and_falls_where_pink_noise_is_steady():
    random = np.random.default_rng(0)
    levels = {
        kind: noise(kind, 10 * RATE, random).reshape(-1, RATE // 10).std(axis=1).std() for kind in ("pink", "babble")
    }

    assert levels["babble"] > 1.5 * levels["pink"]


def test_a_far_voice_is_quieter_duller_and_rings_on():
    voice = bursts(amplitude=0.2)

    far = degrade_voice(voice, "far", 3)

    assert 10 * np.log10(active_power(far)) < -30
    after = slice(int(1.51 * RATE), int(1.56 * RATE))  # where the first burst is over
    quiet = slice(int(2.6 * RATE), int(2.9 * RATE))
    assert np.mean(far[after] ** 2) > 3 * np.mean(far[quiet] ** 2)
    assert not voice[after].any()


@pytest.mark.parametrize("condition", VOICE_CONDITIONS[1:])
def test_what_would_clip_is_made_quieter_as_a_whole(condition: str):
    loud = (0.99 * np.sign(np.sin(2 * np.pi * 150 * np.arange(RATE) / RATE))).astype(np.float32)

    degraded = degrade_voice(loud, condition, 1)

    assert np.abs(degraded).max() <= 1.0
    assert np.mean(np.abs(degraded) > 0.98) < 0.01


@pytest.mark.parametrize("condition", VOICE_CONDITIONS)
def test_a_voice_keeps_its_length_and_kind_and_follows_the_seed(condition: str):
    voice = bursts()

    once, again, other = (degrade_voice(voice, condition, seed) for seed in (5, 5, 6))

    assert once.dtype == np.float32 and once.shape == voice.shape and np.isfinite(once).all()
    assert np.array_equal(once, again)
    assert np.array_equal(once, other) == (condition == "clean")


@pytest.mark.parametrize("condition", VOICE_CONDITIONS)
@pytest.mark.parametrize("samples", [0, 1, 100, 8000])
def test_silence_stays_silence_however_short(condition: str, samples: int):
    silence = np.zeros(samples, np.float32)

    assert np.array_equal(degrade_voice(silence, condition, 2), silence)


@pytest.mark.parametrize("condition", FACE_CONDITIONS)
def test_a_picture_keeps_its_size_and_kind_and_follows_the_seed(condition: str):
    picture = portrait("astronaut")
    before = picture.copy()

    once, again, other = (degrade_face(picture, condition, seed, side=180) for seed in (5, 5, 6))

    assert once.dtype == np.uint8 and once.shape == picture.shape
    assert np.array_equal(once, again)
    assert np.array_equal(once, other) == (condition == "clean")
    assert np.array_equal(picture, before)


def test_clean_is_untouched():
    picture, voice = portrait("guest"), bursts()

    assert degrade_face(picture, "clean", 1) is picture
    assert degrade_voice(voice, "clean", 1) is voice


@pytest.mark.parametrize("seed", range(4))
def test_each_condition_takes_away_what_it_says(seed: int):
    picture = portrait("astronaut")

    blurred, dark, compressed = (degrade_face(picture, each, seed, side=180) for each in FACE_CONDITIONS[1:])

    assert sharpness(blurred) < 0.2 * sharpness(picture)
    assert dark.mean() < 0.6 * picture.mean()
    small = cv2.resize(picture, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(compressed, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert sharpness(compressed) < 0.2 * sharpness(picture)
    assert np.abs(seen.astype(float) - small).mean() < 20  # still the same picture


def test_blur_grows_with_the_face():
    picture = portrait("astronaut")

    near, far = (sharpness(degrade_face(picture, "blur", 1, side=side)) for side in (200, 60))

    assert near < far


@settings(max_examples=25, deadline=None)
@given(height=st.integers(32, 90), width=st.integers(32, 90), seed=st.integers(0, 2**64 - 1), white=st.booleans())
def test_any_picture_and_any_seed_will_do(height: int, width: int, seed: int, white: bool):
    picture = np.full((height, width, 3), 255 if white else 0, np.uint8)

    for condition in FACE_CONDITIONS:
        degraded = degrade_face(picture, condition, seed)

        assert degraded.shape == picture.shape and degraded.dtype == np.uint8


def test_the_seed_comes_from_the_name_alone():
    assert seed_of("a/1.jpg", "blur") == seed_of("a/1.jpg", "blur")
    assert len({seed_of(source, each) for source in ("a/1.jpg", "a/2.jpg") for each in FACE_CONDITIONS}) == 8
    assert seed_of("a/1.jpg", "blur") == 0x8A828EF7595E7EFE  # sha256sum of 'a/1.jpg\nblur'


def test_an_unknown_condition_is_an_error():
    with pytest.raises(ValueError, match="no face condition 'fog'"):
        degrade_face(portrait("guest"), "fog", 0)
    with pytest.raises(ValueError, match="no voice condition 'blur'"):
        degrade_voice(bursts(), "blur", 0)
