"""The clips that all folds learn from, made once: a fold takes those whose voices it may hear."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.digits.clips import STRAY, Clip, drawn_digits, joined, synthetic, without_digits
from models.digits.recordings import Sound, Speaker
from models.digits.rooms import Conditions


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many clips: of each speaker's digits, of espeak-ng, and of speech without digits for each speaker."""

    spoken: int = 800
    synthetic: int = 1200
    without: int = 200


@dataclass(frozen=True, slots=True)
class Pool:
    """``by_speaker``: clips with a speaker's voice in them, digits or digits backwards. ``shared``: those with none."""

    by_speaker: dict[str, list[Clip]]
    shared: list[Clip]

    def without(self, speaker: str | None) -> list[Clip]:
        """All clips but those in which ``speaker`` is heard."""
        return [
            *(clip for name, clips in self.by_speaker.items() if name != speaker for clip in clips),
            *self.shared,
        ]


@dataclass(frozen=True, slots=True)
class Making:
    """What clips are made of. ``others``: recordings of people who say no digits."""

    speakers: Sequence[Speaker]
    others: Sequence[Sound]
    amounts: Amounts
    seed: int


_making: Making | None = None  # in the processes that make clips only


def make_pool(making: Making, *, jobs: int = 1) -> Pool:
    """Each speaker's clips in a process of their own, ``jobs`` at a time; the same clips however many that are."""
    context = multiprocessing.get_context("fork")  # so that the recordings are not copied
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_remember, initargs=(making,)) as processes:
        *spoken, shared = processes.map(_part, range(len(making.speakers) + 1))
    return Pool({speaker.name: clips for speaker, clips in zip(making.speakers, spoken, strict=True)}, shared)


def _part(number: int) -> list[Clip]:
    """The clips of one speaker; after the last speaker those with none."""
    assert _making is not None  # noqa: S101  the initializer ran before
    others, amounts, conditions = _making.others, _making.amounts, Conditions()
    generator = np.random.default_rng([_making.seed, number])
    if number == len(_making.speakers):
        return [synthetic(others, conditions, generator) for _ in range(amounts.synthetic)]
    speaker = _making.speakers[number]
    spoken = [
        joined(speaker, drawn_digits(generator), others, conditions, generator, stray=STRAY)
        for _ in range(amounts.spoken)
    ]
    return spoken + [without_digits([speaker], others, conditions, generator) for _ in range(amounts.without)]


def _remember(making: Making) -> None:
    global _making
    _making = making
