"""Strings made of recordings, and what is asked in trials."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.digits.clips import joined, synthetic, without_digits
from models.digits.features import HOP, RATE, STRIDE
from models.digits.fit import UNKNOWN, bend, hidden, moment_labels
from models.digits.recordings import trimmed
from models.digits.rooms import Conditions, noisy, paced, reverberated
from models.digits.score import BLANK, SYMBOLS
from models.digits.trials import (
    NO_DIGITS,
    ONE_WRONG,
    RANDOM,
    SWAPPED,
    other_speech_trials,
    speaker_trials,
    threshold_of,
)
from models.evaluation.pad import BONA_FIDE
from tests.models.digits.tones import murmur, tone_digit, tone_speaker

ADA = tone_speaker("ada", 1.0)
OTHERS = [murmur(2.0, seed) for seed in range(3)]
STILL = Conditions(
    noise_db=(60.0, 60.0), babble=0.0, pace=(1.0, 1.0), reverberant=0.0, gap=(0.2, 0.2), around=(0.5, 0.5)
)


def test_the_same_seed_makes_the_same_clip():
    first, second = (joined(ADA, "314", OTHERS, Conditions(), np.random.default_rng(5)) for _ in range(2))

    assert first.digits == "314"
    assert first.source == "ada"
    assert np.array_equal(first.features, second.features)


def test_more_digits_last_longer_by_themselves_and_a_gap():
    two, three = (joined(ADA, text, [], STILL, np.random.default_rng(0)) for text in ("31", "314"))

    assert len(three.features) - len(two.features) == pytest.approx(50, abs=6)  # 0.3 s and a gap of 0.2 s


def test_speech_without_digits_asks_for_nothing():
    assert without_digits([ADA], OTHERS, Conditions(), np.random.default_rng(0)).digits == ""


def test_espeak_reads_digits_and_other_words():
    generator = np.random.default_rng(0)

    clips = [synthetic(OTHERS, Conditions(), generator) for _ in range(12)]

    assert {bool(clip.digits) for clip in clips} == {True, False}


def test_noise_is_as_loud_as_asked():
    sound = np.concatenate([np.zeros(RATE), np.sin(np.arange(RATE)), np.zeros(RATE)]).astype(np.float32)

    mixed, decibels = noisy(sound, [], Conditions(noise_db=(10.0, 10.0), babble=0.0), np.random.default_rng(0))

    ratio = mixed[RATE : 2 * RATE].var() / mixed[:RATE].var()
    assert decibels == 10.0
    assert 10 * np.log10(ratio) == pytest.approx(10.4, abs=2.5)


def test_pace_shortens_and_a_room_keeps_the_length():
    sound = tone_digit(3, 1.0)

    assert len(paced(sound, 1.25)) == pytest.approx(len(sound) / 1.25, abs=2)
    assert len(reverberated(sound, np.random.default_rng(0))) == len(sound)


def test_silence_at_the_ends_is_cut_off():
    sound = np.concatenate([np.zeros(RATE), tone_digit(3, 1.0), np.zeros(RATE)]).astype(np.float32)

    assert len(trimmed(sound)) < 0.5 * RATE


def test_bent_clips_keep_their_bands_and_change():
    clip = joined(ADA, "27", OTHERS, STILL, np.random.default_rng(0)).features

    changed = hidden(bend(clip, np.random.default_rng(1)), np.random.default_rng(2))

    assert changed.shape[1] == clip.shape[1]
    assert 0.86 < len(changed) / len(clip) < 1.16
    assert np.isfinite(changed).all()


def never_a_digit(features: np.ndarray) -> np.ndarray:
    found = np.full((len(features) // 4, SYMBOLS), np.log(0.01), np.float32)
    found[:, BLANK] = np.log(0.9)
    return found


def test_trials_ask_for_right_and_wrong_strings():
    trials = speaker_trials(never_a_digit, ADA, OTHERS, strings=5, digits=4)

    assert {str(kind) for kind in trials.kinds} == {BONA_FIDE, RANDOM, ONE_WRONG, SWAPPED}
    assert len(trials.of(BONA_FIDE)) == 5
    assert trials.readings == (0, 5)
    assert set(trials.subjects) == {"ada"}


def test_a_network_that_hears_nothing_accepts_nothing():
    trials = other_speech_trials(never_a_digit, {"bob": OTHERS}, OTHERS)

    assert set(trials.kinds) == {NO_DIGITS}
    assert trials.scores.max() < 0


def test_the_threshold_lets_at_most_the_asked_share_through():
    trials = speaker_trials(never_a_digit, ADA, OTHERS, strings=30, digits=4)

    threshold = threshold_of(trials, 0.1)

    assert (trials.of(RANDOM) >= threshold).mean() <= 0.1
    assert (trials.of(RANDOM) >= threshold - 1.0).mean() > 0.0


def test_a_digit_is_labelled_in_the_middle_of_where_it_lies():
    clip = joined(ADA, "27", [], STILL, np.random.default_rng(0))
    moments = -(-len(clip.features) // 4)

    labels = moment_labels(clip, moments)

    (first, _), (_, last) = clip.spans or ()
    spoken = np.flatnonzero(labels != BLANK) * moment_seconds()
    assert clip.spans is not None
    assert set(labels) == {2, 7, BLANK}
    assert first < spoken[0] < spoken[-1] < last
    assert first == pytest.approx(0.5, abs=0.01)


def test_where_nobody_knows_the_spans_no_moment_is_labelled():
    clip = joined(ADA, "27", [], STILL, np.random.default_rng(0))

    assert set(moment_labels(dataclasses.replace(clip, spans=None), 30)) == {UNKNOWN}


def moment_seconds() -> float:
    return STRIDE * HOP / RATE
