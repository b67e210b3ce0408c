"""People who say no digits: who is trained on, who makes the noise of trials, and who is measured with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.digits.recordings import Sound, load_speech

# Nobody who is trained on is measured with, and the noise of trials is other people's too. LibriSpeech reads English
# books, which hold digits here and there: it is never trained on.
TRAINED_ON = ("urdu", "emodb", "baved")
ACTORS = "ravdess"
NOISE_OF_TRIALS, MEASURED_WITH = "librispeech_single", "librispeech"
MOST_TRAINED_ON, MOST_NOISE, MOST_EACH = 700, 60, 6  # recordings


@dataclass(frozen=True, slots=True)
class Speech:
    """``training``, ``noise`` (of trials), and ``measured``: by data set and person."""

    training: list[Sound]
    noise: list[Sound]
    measured: dict[str, dict[str, list[Sound]]]


def load_other_speech(folder: Path) -> Speech:
    """Half of RAVDESS's actors are for training; the other half and LibriSpeech are for trials."""
    actors = sorted((folder / ACTORS).iterdir())
    half = len(actors) // 2
    people = {ACTORS: actors[half:], MEASURED_WITH: sorted((folder / MEASURED_WITH).iterdir())}
    return Speech(
        training=load_speech([*(folder / name for name in TRAINED_ON), *actors[:half]], most=MOST_TRAINED_ON),
        noise=load_speech([folder / NOISE_OF_TRIALS], most=MOST_NOISE),
        measured={
            name: {home.name: load_speech([home], most=MOST_EACH) for home in homes} for name, homes in people.items()
        },
    )
