"""Trials of a trained network: one speaker's readings against the string shown, against others, and other speech.

Four kinds of wrong answer, each an instrument in the words of ISO/IEC 30107-3: another random one, one digit replaced,
two neighbours swapped; and speech that holds no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.digits.clips import Clip, drawn_digits, joined
from models.digits.features import RATE, Spectrogram, log_mel
from models.digits.recordings import Sound, Speaker
from models.digits.rooms import Conditions, noisy, reverberated
from models.digits.score import DIGITS, LogProbabilities, heard, odds
from models.evaluation.pad import BONA_FIDE

RANDOM, ONE_WRONG, SWAPPED, NO_DIGITS = (
    "random_string",
    "one_digit_wrong",
    "neighbours_swapped",
    "speech_without_digits",
)
WRONG_EACH = 3
TRIAL_CONDITIONS = Conditions(pace=(0.95, 1.05), gap=(0.05, 0.6), around=(0.2, 1.0))
Listen = Callable[[Spectrogram], LogProbabilities]


@dataclass(frozen=True, slots=True)
class Trials:
    """(n,) each: score, kind, whose voice, and speech against noise in dB. ``readings``: (right, all) free readings."""

    scores: NDArray[np.float64]
    kinds: NDArray[np.str_]
    subjects: NDArray[np.str_]
    noise_db: NDArray[np.float64]
    readings: tuple[int, int]

    def of(self, kind: str) -> NDArray[np.float64]:
        return self.scores[self.kinds == kind]


def speaker_trials(
    listen: Listen, speaker: Speaker, others: Sequence[Sound], *, strings: int, digits: int = 4, seed: int = 0
) -> Trials:
    """Right and wrong strings against readings of one speaker."""
    generator = np.random.default_rng([seed, digits])
    rows: list[tuple[float, str, str, float]] = []
    right = 0
    for _ in range(strings):
        clip = joined(speaker, drawn_digits(generator, digits), others, TRIAL_CONDITIONS, generator)
        found = listen(clip.features)
        right += heard(found) == clip.digits
        rows += [(odds(found, asked), kind, clip.source, clip.noise_db) for kind, asked in _asked(clip, generator)]
    return _trials(rows, (right, strings))


def other_speech_trials(
    listen: Listen, recordings: dict[str, list[Sound]], others: Sequence[Sound], *, seed: int = 0, digits: int = 4
) -> Trials:
    """Random strings against people (by name) who say no digits, as long as a reading lasts, in the same rooms."""
    generator, rows = np.random.default_rng(seed), []
    for name, sounds in recordings.items():
        for sound in sounds:
            piece = sound[: int(generator.uniform(2, 5) * RATE)]
            if generator.random() < TRIAL_CONDITIONS.reverberant:
                piece = reverberated(piece, generator)
            piece, decibels = noisy(piece, others, TRIAL_CONDITIONS, generator)
            found = listen(log_mel(piece))
            for _ in range(WRONG_EACH):
                rows.append((odds(found, drawn_digits(generator, digits)), NO_DIGITS, name, decibels))
    return _trials(rows, (0, 0))


def together(parts: Sequence[Trials]) -> Trials:
    return Trials(
        scores=np.concatenate([part.scores for part in parts]),
        kinds=np.concatenate([part.kinds for part in parts]),
        subjects=np.concatenate([part.subjects for part in parts]),
        noise_db=np.concatenate([part.noise_db for part in parts]),
        readings=(sum(part.readings[0] for part in parts), sum(part.readings[1] for part in parts)),
    )


def threshold_of(trials: Trials, wrong_set: float) -> float:
    """The threshold that at most a share ``wrong_set`` of the other random strings reach."""
    scores = np.sort(trials.of(RANDOM))
    if not len(scores):
        raise ValueError("random strings are needed")
    allowed = int(np.floor(wrong_set * len(scores)))
    return float(scores[len(scores) - 1 - allowed]) + 1e-3


def _asked(clip: Clip, generator: np.random.Generator) -> list[tuple[str, str]]:
    """(kind, string) of all that is asked of one reading."""
    asked = [(BONA_FIDE, clip.digits)]
    while len(asked) <= WRONG_EACH:
        other = drawn_digits(generator, len(clip.digits))
        if other != clip.digits:
            asked.append((RANDOM, other))
    for _ in range(WRONG_EACH):
        at = int(generator.integers(len(clip.digits)))
        digit = generator.choice([one for one in DIGITS if one != clip.digits[at]])
        asked.append((ONE_WRONG, clip.digits[:at] + str(digit) + clip.digits[at + 1 :]))
    at = int(generator.integers(len(clip.digits) - 1))
    swapped = clip.digits[:at] + clip.digits[at + 1] + clip.digits[at] + clip.digits[at + 2 :]
    return [*asked, (SWAPPED, swapped)] if swapped != clip.digits else asked


def _trials(rows: Sequence[tuple[float, str, str, float]], readings: tuple[int, int]) -> Trials:
    scores, kinds, subjects, noise = zip(*rows, strict=True)
    return Trials(np.array(scores), np.array(kinds), np.array(subjects), np.array(noise), readings)
