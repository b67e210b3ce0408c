"""What the digit network learns from, as it lies on disk: recordings of single digits, and speech that holds none.

Free Spoken Digit Dataset (Jackson et al., 2018): ``<speaker>/<digit>_<speaker>_<number>.flac``, 16 kHz.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.digits.features import RATE

Sound = NDArray[np.float32]
QUIET = 0.02  # of the loudest moment: what is quieter at either end is cut off
STEP = RATE // 100
MOST_SECONDS = 12


@dataclass(frozen=True, slots=True)
class Speaker:
    """``digits[d]``: the recordings of digit d."""

    name: str
    digits: tuple[tuple[Sound, ...], ...]


def load_speakers(folder: Path) -> list[Speaker]:
    """Raises ValueError when a speaker lacks a digit or a recording is not 16 kHz."""
    found = []
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        digits = tuple(
            tuple(trimmed(read(path)) for path in sorted(home.glob(f"{digit}_*.flac"))) for digit in range(10)
        )
        if not all(digits):
            raise ValueError(f"{home} lacks a digit")
        found.append(Speaker(home.name, digits))
    if len(found) < 2:
        raise ValueError(f"{folder} holds fewer than two speakers")
    return found


def load_speech(folders: Iterable[Path], *, most: int, seed: int = 0) -> list[Sound]:
    """At most ``most`` recordings below ``folders``, evenly from each folder; each at most 12 s."""
    generator, found = np.random.default_rng(seed), []
    folders = list(folders)
    for folder in folders:
        paths = sorted(folder.rglob("*.flac"))
        for index in generator.permutation(len(paths))[: -(-most // len(folders))]:
            sound = read(paths[index])[: MOST_SECONDS * RATE]
            if len(sound) >= RATE // 2 and np.abs(sound).max() > 0:
                found.append(sound)
    return found


def read(path: Path) -> Sound:
    import soundfile

    sound, rate = soundfile.read(path, dtype="float32", always_2d=False)
    if rate != RATE or sound.ndim != 1:
        raise ValueError(f"{path} is not mono at {RATE} Hz")
    return sound


def trimmed(sound: Sound) -> Sound:
    """Without the silence at either end, and with edges of 10 ms that rise and fall."""
    whole = sound[: len(sound) // STEP * STEP].reshape(-1, STEP)
    loud = np.flatnonzero(np.sqrt((whole**2).mean(1)) > QUIET * np.abs(sound).max())
    if len(loud):
        sound = sound[max(loud[0] - 2, 0) * STEP : (loud[-1] + 3) * STEP]
    return faded(sound)


def faded(sound: Sound) -> Sound:
    sound, ramp = sound.copy(), np.linspace(0, 1, min(STEP, len(sound) // 2), dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
    return sound
