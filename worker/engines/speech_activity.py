"""Where somebody speaks, by Silero VAD."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import SAMPLE_RATE, Waveform

CHUNK = 512  # samples the network takes at a time
CONTEXT = 64  # samples of the chunk before
BEGINS, ENDS = 0.5, 0.35  # probability that opens a span of speech and that closes it
SHORTEST_SPEECH = 0.20  # seconds
SHORTEST_PAUSE = 0.10


class SileroActivity:
    def __init__(self, weights: Path, options: SessionOptions) -> None:
        # The network is tiny and runs chunk after chunk: more threads only make it wait.
        self._session = open_session(weights, SessionOptions(threads=1, providers=options.providers))

    def segments(self, voice: Waveform) -> list[tuple[float, float]]:
        return spans(self.probabilities(voice))

    def probabilities(self, voice: Waveform) -> list[float]:
        """Probability of speech in each chunk of 32 ms."""
        chunks = int(np.ceil(len(voice) / CHUNK))
        padded = np.zeros(CONTEXT + chunks * CHUNK, np.float32)
        padded[CONTEXT : CONTEXT + len(voice)] = voice
        state = np.zeros((2, 1, 128), np.float32)
        rate = np.array(SAMPLE_RATE, np.int64)
        found = []
        for index in range(chunks):
            piece = padded[index * CHUNK : index * CHUNK + CONTEXT + CHUNK][None]
            probability, state = self._session.run(None, {"input": piece, "state": state, "sr": rate})
            found.append(float(probability[0, 0]))
        return found


def spans(probabilities: list[float]) -> list[tuple[float, float]]:
    """Chunk probabilities to (start, end) in seconds, with hysteresis; short pauses are bridged, short blips dropped."""
    step = CHUNK / SAMPLE_RATE
    found: list[tuple[float, float]] = []
    start: float | None = None
    for index, probability in enumerate([*probabilities, 0.0]):
        if start is None and probability >= BEGINS:
            start = index * step
        elif start is not None and probability < ENDS:
            found.append((start, index * step))
            start = None
    bridged: list[tuple[float, float]] = []
    for begin, end in found:
        if bridged and begin - bridged[-1][1] < SHORTEST_PAUSE:
            bridged[-1] = (bridged[-1][0], end)
        else:
            bridged.append((begin, end))
    return [(begin, end) for begin, end in bridged if end - begin >= SHORTEST_SPEECH]
