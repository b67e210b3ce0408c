"""Recordings joined into strings of digits, for training and for trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.digits.features import RATE, Spectrogram, log_mel
from models.digits.recordings import Sound, Speaker, faded, trimmed
from models.digits.rooms import Conditions, noisy, paced, reverberated
from models.digits.voices import OTHER_WORDS, WORDS, drawn_voice, say

MOST_DIGITS = 3
STRAY = 0.15  # share of strings of real digits with a word among them that is none
FLUENT = 0.3  # share of synthetic strings that are spoken as one, so that nobody knows where a digit ends
BACKWARDS = 0.35  # share of what is no digit
SILENT = 1e-3
SHORTEST, LONGEST = 0.3, 2.5  # seconds of speech that holds no digit


@dataclass(frozen=True, slots=True)
class Clip:
    """Features and what is in them.

    Arguments:
        features: (frames, 40).
        digits: in order; empty for none.
        spans: seconds from which to which each digit lasts; None where nobody knows.
        source: whose voice it is.
        noise_db: speech against noise.
    """

    features: Spectrogram
    digits: str
    spans: tuple[tuple[float, float], ...] | None
    source: str
    noise_db: float


def joined(
    speaker: Speaker,
    digits: str,
    others: Sequence[Sound],
    conditions: Conditions,
    generator: np.random.Generator,
    *,
    stray: float = 0.0,
) -> Clip:
    """One speaker's recordings of ``digits``, one after another; with chance ``stray`` other speech among them."""
    words = [speaker.digits[int(d)][generator.integers(len(speaker.digits[int(d)]))] for d in digits]
    words = [_levelled(word) * generator.uniform(0.6, 1.0) for word in words]
    of_digits = list(range(len(words)))
    if generator.random() < stray:
        at = int(generator.integers(len(words) + 1))
        words.insert(at, _no_digit([speaker], others, generator))
        of_digits = [place + (place >= at) for place in of_digits]
    factor = generator.uniform(*conditions.pace)
    words = [paced(word, factor * generator.uniform(0.95, 1.05)) for word in words]
    sound, spans = _laid_out(words, conditions, generator)
    known = tuple(spans[place] for place in of_digits)
    return _finished(sound, digits, known, speaker.name, others, conditions, generator)


def synthetic(others: Sequence[Sound], conditions: Conditions, generator: np.random.Generator) -> Clip:
    """A drawn espeak-ng voice reading digits, fluently or word by word; one in five reads words that are no digits."""
    (voice, pitch, speed, spread), digits = drawn_voice(generator), ""
    if generator.random() < 0.2:
        texts = [str(word) for word in generator.choice(OTHER_WORDS, generator.integers(1, 4))]
    else:
        digits = drawn_digits(generator)
        texts = [WORDS[int(digit)] for digit in digits]
    fluent = generator.random() < FLUENT
    words = [
        _levelled(trimmed(say(text, voice, pitch=pitch, speed=speed, spread=spread)))
        for text in ([" ".join(texts)] if fluent else texts)
    ]
    sound, spans = _laid_out(words, conditions, generator)
    known = None if fluent and digits else tuple(spans) if digits else ()
    return _finished(sound, digits, known, "espeak-ng", others, conditions, generator)


def without_digits(
    speakers: Sequence[Speaker], others: Sequence[Sound], conditions: Conditions, generator: np.random.Generator
) -> Clip:
    """One to three pieces of speech that hold no digit."""
    words = [_no_digit(speakers, others, generator) for _ in range(generator.integers(1, 4))]
    sound, _ = _laid_out(words, conditions, generator)
    return _finished(sound, "", (), "other", others, conditions, generator)


def drawn_digits(generator: np.random.Generator, length: int | None = None) -> str:
    length = int(generator.integers(1, MOST_DIGITS + 1)) if length is None else length
    return "".join(str(digit) for digit in generator.integers(0, 10, length))


def _no_digit(speakers: Sequence[Speaker], others: Sequence[Sound], generator: np.random.Generator) -> Sound:
    """Other speech, or, so that the network cannot go by the recorder, a digit played backwards."""
    if others and generator.random() > BACKWARDS:
        whole = others[int(generator.integers(len(others)))]
        length = int(generator.uniform(SHORTEST, LONGEST) * RATE)
        start = generator.integers(max(1, len(whole) - length))
        sound = whole[start : start + length]
        if np.abs(sound).max() > SILENT:  # some recordings pause digitally
            return _levelled(faded(sound))
    speaker = speakers[int(generator.integers(len(speakers)))]
    takes = speaker.digits[generator.integers(0, 8)]  # eight and nine backwards are too much like words
    return _levelled(takes[generator.integers(len(takes))][::-1])


def _levelled(sound: Sound) -> Sound:
    return (sound / max(float(np.abs(sound).max()), 1e-6)).astype(np.float32)


def _laid_out(
    words: Sequence[Sound], conditions: Conditions, generator: np.random.Generator
) -> tuple[Sound, list[tuple[float, float]]]:
    """The words with drawn gaps between and silence around them, and the seconds in which each lies; a gap below zero
    lets them overlap."""
    starts, at = [], int(generator.uniform(*conditions.around) * RATE)
    for word in words:
        starts.append(at)
        at += max(len(word) + int(generator.uniform(*conditions.gap) * RATE), 1)
    end = starts[-1] + len(words[-1]) + int(generator.uniform(*conditions.around) * RATE)
    sound = np.zeros(max(end, RATE // 2, max(s + len(w) for s, w in zip(starts, words, strict=True))), np.float32)
    for start, word in zip(starts, words, strict=True):
        sound[start : start + len(word)] += word
    return sound, [(start / RATE, (start + len(word)) / RATE) for start, word in zip(starts, words, strict=True)]


def _finished(
    sound: Sound,
    digits: str,
    spans: tuple[tuple[float, float], ...] | None,
    source: str,
    others: Sequence[Sound],
    conditions: Conditions,
    generator: np.random.Generator,
) -> Clip:
    if generator.random() < conditions.reverberant:
        sound = reverberated(sound, generator)
    sound, decibels = noisy(sound, others, conditions, generator)
    return Clip(log_mel(sound), digits, spans, source, decibels)
