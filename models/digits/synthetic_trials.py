"""Trials with espeak-ng voices that no network has heard. They say how an unlike voice fares, and nothing of people: the
check looks at what is said, not at whether a person says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.digits.clips import drawn_digits
from models.digits.features import RATE, log_mel
from models.digits.measured import share
from models.digits.recordings import Sound
from models.digits.rooms import noisy
from models.digits.score import DIGITS, odds
from models.digits.trials import TRIAL_CONDITIONS, Listen
from models.digits.voices import KEPT_BACK, WORDS, say

ACCENTS = ("en-us", "en-gb-x-rp")


def synthetic_trials(
    listen: Listen, others: Sequence[Sound], threshold: float, *, strings: int, seed: int = 0
) -> dict[str, Any]:
    """Shares of right strings and of strings with one wrong digit that are accepted: ``strings`` a voice, with pauses and
    fluently."""
    generator = np.random.default_rng(seed)
    right, wrong, trials = 0, 0, 0
    for voice in (accent + variant for accent in ACCENTS for variant in KEPT_BACK):
        for _ in range(strings):
            digits, pause = drawn_digits(generator, 4), str(generator.choice([" ", ", "]))
            sound = say(pause.join(WORDS[int(one)] for one in digits), voice, speed=int(generator.integers(120, 180)))
            sound, _ = noisy(np.pad(sound, RATE // 2), others, TRIAL_CONDITIONS, generator)
            found, at = listen(log_mel(sound)), int(generator.integers(4))
            digit = generator.choice([one for one in DIGITS if one != digits[at]])
            right += odds(found, digits) >= threshold
            wrong += odds(found, digits[:at] + str(digit) + digits[at + 1 :]) >= threshold
            trials += 1
    return {"right_accepted": share(int(right), trials), "one_digit_wrong_accepted": share(int(wrong), trials)}
