"""The voice gate: whether somebody spoke, or a machine, by cues of the sound and AASIST where it is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.gates import GateCard
from models.voice_spoof.cues.voice import voice_cues
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import GateReading, Waveform

AASIST = "aasist"
SAMPLES = 64_600
BONA_FIDE = 1


class VoiceSpoofGate:
    """A calibrated card over the cues of a voice, ``aasist`` (the exported network) among them where the card says so."""

    def __init__(self, card: GateCard, aasist: Path | None, options: SessionOptions) -> None:
        """Raises ValueError when the card weighs AASIST and it is not at hand."""
        weighed = any(cue.name == AASIST for cue in card.cues)
        if weighed and aasist is None:
            raise ValueError(f"gate {card.name} was calibrated with AASIST, which is not at hand")
        self._card = card
        # A card that does not weigh the network does not wait for it.
        self._network = AasistNetwork(aasist, options) if weighed and aasist is not None else None

    def judge(self, voice: Waveform) -> GateReading:
        """The reading of a voice (samples,), mono, 16 kHz, 1 to 15 s.

        Raises:
            ValueError: it cannot be measured (length, silence, no voiced speech, not finite); that is no pass.
        """
        cues = voice_cues(voice)
        if self._network is not None:
            cues[AASIST] = self._network.score(voice)
        return GateReading.of(self._card, cues)


class AasistNetwork:
    """AASIST exported to ONNX. Positive scores are its word for bona fide, with no calibration."""

    def __init__(self, path: Path, options: SessionOptions) -> None:
        self._session = open_session(path, options)

    def score(self, voice: Waveform) -> float:
        """Difference of its two logits for a voice (samples,): the first four seconds, a shorter one over again."""
        logits = self._session.run(None, {"input": as_trained(voice)[None]})[0][0]
        return float(logits[BONA_FIDE] - logits[1 - BONA_FIDE])


def as_trained(voice: Waveform) -> Waveform:
    """(64600,) as the network's authors cut and repeat recordings."""
    return np.resize(voice, SAMPLES).astype(np.float32, copy=False)
