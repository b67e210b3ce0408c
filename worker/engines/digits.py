"""Was the string of digits that the page showed read aloud, in order?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.digits.card import read_card
from models.digits.features import HOP, RATE, STRIDE, log_mel
from models.digits.score import heard, moments_of, odds
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import Waveform

LEAST_SECONDS, MOST_SECONDS = 1.0, 15.0
SECONDS_A_MOMENT = STRIDE * HOP / RATE


@dataclass(frozen=True, slots=True)
class DigitCheck:
    """What was read, against what was to be read.

    Arguments:
        heard: the best free reading.
        score: natural-log odds of ``expected`` against its likeliest rival; finite.
        first, last: seconds into the recording at which the first and the last expected digit lie if it was read; None
            where no digit at all was heard.
    """

    expected: str
    heard: str
    score: float
    threshold: float
    first: float | None
    last: float | None

    @property
    def accepted(self) -> bool:
        return bool(self.heard and self.score >= self.threshold)  # False for what is no number


class DigitRecogniser:
    """The network of ``models.digits``, with the threshold that its card gives."""

    name = "digits"

    def __init__(self, folder: Path, options: SessionOptions) -> None:
        """Raises models.errors.ModelMissing or WrongHash when ``folder`` holds no network, or another than its card."""
        card = read_card(folder)
        self.threshold = card.threshold
        self._session = open_session(card.network(folder), options)

    def check(self, voice: Waveform, expected: str) -> DigitCheck:
        """Whether ``expected`` (digits, in order) is what is said in ``voice``.

        Arguments:
            voice: (samples,) mono, 16 kHz, 1 to 15 s.

        Raises:
            ValueError: the sound is too short, too long, silent or no sound; or ``expected`` is no string of digits, or
                too long for the recording. Nothing that cannot be measured is accepted.
        """
        if not LEAST_SECONDS * RATE <= len(voice) <= MOST_SECONDS * RATE:
            raise ValueError(f"a reading of digits lasts {LEAST_SECONDS:.0f} to {MOST_SECONDS:.0f} seconds")
        found = self._session.run(None, {"input": log_mel(voice)[None]})[0][0]
        score, reading = odds(found, expected), heard(found)
        first = last = None
        if reading:
            moments = moments_of(found, expected)
            first, last = moments[0] * SECONDS_A_MOMENT, moments[-1] * SECONDS_A_MOMENT
        return DigitCheck(expected, reading, score, self.threshold, first, last)
