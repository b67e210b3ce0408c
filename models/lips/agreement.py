"""Whether a mouth and a voice go together: their best agreement over small lags against that over impossible ones.

Source of the idea: Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV 2016 (offset by the lag of
best agreement, confidence by how far it stands out). Camera and microphone may start up to ``LAGS`` apart; agreement
that needs a longer lag is none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.lips.opening import RATE, MouthTrack
from models.lips.sound import RATE as SOUND_RATE
from models.lips.sound import STEP, WINDOW, loudness

LAGS = 0.4  # seconds between the clocks of camera and microphone that may be
FARTHEST = 1.0  # seconds: lags beyond ``LAGS`` up to here are what chance gives
SHORTEST_SPEECH = 0.8  # seconds
SHORTEST_SPAN = 2.0  # seconds that mouth and voice share
FINE, COARSE = 0.05, 0.1  # seconds: Gaussians that take out noise
MARGIN = 0.15  # seconds around speech that count to neither side
FEWEST = 12  # grid points outside of speech below which there is nothing to compare with
STILL = 0.05  # of an opening a second: the speed that landmark noise alone makes
MOST_DEFORMATION = 1.5  # what talking people reach: lively lips must not make up for a voice that does not fit
# What the gate weighs. The others hang on how much silence stands around the speech, and are for people to read.
CUES = ("rate", "margin", "deformation")
SHIFTS = np.arange(-round(FARTHEST * RATE), round(FARTHEST * RATE) + 1)  # grid points
MAY_BE = np.abs(SHIFTS) <= LAGS * RATE


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a mouth and a voice go together.

    Arguments:
        level: correlation of opening and loudness, at the lag where ``level``, ``rate`` and ``speed`` together are best.
        rate: the same of their changes: a mouth opens as a voice grows loud.
        speed: the same of loudness and the speed of the mouth, opening or closing.
        margin: by how much the mean of the three stands above the best at a lag that cannot be.
        rate_margin: by how much the best ``rate`` does.
        contrast: log of the mouth's speed in speech over that outside; 0 where there is no outside.
        deformation: log of ``MouthTrack.deformation``, up to ``MOST_DEFORMATION``.
        lag: seconds that the voice comes after the mouth.
    """

    level: float
    rate: float
    speed: float
    margin: float
    rate_margin: float
    contrast: float
    deformation: float
    lag: float

    def cues(self) -> dict[str, float]:
        return asdict(self)


def agreement(mouth: MouthTrack, voice: NDArray[np.floating], speech: list[tuple[float, float]]) -> Agreement:
    """Compare a mouth with the voice of the same span.

    Arguments:
        voice: (samples,) 16 kHz; its first sample at second 0 of the mouth's clock.
        speech: spans of speech in seconds.

    Raises:
        ValueError: too little speech, or too short a span in common, to tell.
    """
    check_speech(speech)
    grid, opening, speed, loud = _on_one_grid(mouth, voice)
    level = _by_lag(gaussian_filter1d(opening, FINE * RATE), gaussian_filter1d(loud, FINE * RATE))
    rate = _by_lag(gaussian_filter1d(opening, FINE * RATE, order=1), gaussian_filter1d(loud, FINE * RATE, order=1))
    fast = _by_lag(gaussian_filter1d(speed, COARSE * RATE), gaussian_filter1d(loud, COARSE * RATE))
    together = (level + rate + fast) / 3
    best = int(np.argmax(np.where(MAY_BE, together, -np.inf)))
    spoken = np.any([(grid >= start) & (grid < end) for start, end in speech], axis=0).astype(np.float64)
    return Agreement(
        level=float(level[best]),
        rate=float(rate[best]),
        speed=float(fast[best]),
        margin=_margin(together),
        rate_margin=_margin(rate),
        contrast=_contrast(*_overlap(speed, spoken, int(SHIFTS[best]))),
        deformation=float(min(np.log(max(mouth.deformation, 1e-3)), MOST_DEFORMATION)),
        lag=float(SHIFTS[best] / RATE),
    )


def check_speech(speech: list[tuple[float, float]]) -> None:
    """Raises ValueError where there is too little speech to tell who speaks."""
    total = sum(end - start for start, end in speech)
    if not total >= SHORTEST_SPEECH:
        raise ValueError(f"only {total:.1f} s of speech; {SHORTEST_SPEECH} s are needed to tell whose it is")


def _on_one_grid(mouth: MouthTrack, voice: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """The moments that both cover, and there the mouth's opening and speed and the voice's loudness."""
    heard = loudness(voice)
    at = mouth.start + np.arange(len(mouth.opening)) / RATE
    sound_at = (WINDOW / 2 + STEP * np.arange(len(heard))) / SOUND_RATE
    both = (at >= sound_at[0]) & (at <= sound_at[-1])
    if both.sum() < SHORTEST_SPAN * RATE:
        raise ValueError("pictures and voice share too short a span")
    return at[both], mouth.opening[both], mouth.speed[both], np.interp(at[both], sound_at, heard)


def _by_lag(mouth: NDArray[np.float64], sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation at every shift of ``SHIFTS``; at a positive one the sound comes late."""
    return np.array([_correlation(*_overlap(mouth, sound, int(shift))) for shift in SHIFTS])


def _overlap(
    mouth: NDArray[np.float64], sound: NDArray[np.float64], shift: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if shift >= 0:
        return mouth[: len(mouth) - shift], sound[shift:]
    return mouth[-shift:], sound[:shift]


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one side does not move at all."""
    first, second = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length > 1e-9 else 0.0


def _margin(by_lag: NDArray[np.float64]) -> float:
    return float(by_lag[MAY_BE].max() - by_lag[~MAY_BE].max())


def _contrast(speed: NDArray[np.float64], spoken: NDArray[np.float64]) -> float:
    blurred = gaussian_filter1d(spoken, MARGIN * RATE)
    inside, outside = speed[spoken > 0.5], speed[blurred < 0.05]
    if len(inside) < FEWEST or len(outside) < FEWEST:
        return 0.0
    return float(np.log((inside.mean() + STILL) / (outside.mean() + STILL)))
