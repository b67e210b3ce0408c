"""Speaker embeddings: Resemblyzer's encoder, and ECAPA-TDNN through SpeechBrain."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from pathlib import Path

import numpy as np

from models.voice.features import mel_power
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import SAMPLE_RATE, ModelCard, Vector, Waveform

FRAMES = 160  # 1.6 s, what the encoder was trained on
FRAME_HOP = 160  # samples: 10 ms
PARTIALS_PER_SECOND = 1.3
LEAST_COVERAGE = 0.75
LEVEL_DBFS = -30.0
ECAPA_MELS = 80


class GE2EEmbedder:
    """Resemblyzer's 256-D encoder: partial utterances of 1.6 s, their embeddings averaged (Wan et al., 2018)."""

    def __init__(self, network: Path, card: ModelCard, options: SessionOptions) -> None:
        self.card = card
        self._session = open_session(network, options)

    def embed(self, voice: Waveform) -> Vector:
        voice = raised_to_level(voice)
        starts = partial_starts(len(voice))
        needed = (starts[-1] + FRAMES) * FRAME_HOP
        if needed > len(voice):
            voice = np.pad(voice, (0, needed - len(voice)))
        mels = mel_power(voice)
        partials = np.stack([mels[start : start + FRAMES] for start in starts])
        mean = self._session.run(None, {"input": partials})[0].mean(0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)


class EcapaEmbedder:
    """ECAPA-TDNN (Desplanques et al., Interspeech 2020), 192-D, in SpeechBrain's own implementation."""

    def __init__(self, weights: Path, card: ModelCard, options: SessionOptions) -> None:
        _stand_in_for_torchaudio()
        import torch
        from speechbrain.lobes.features import Fbank
        from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

        self.card = card
        self._torch = torch
        self._device = "cuda" if _wants_cuda(options) and torch.cuda.is_available() else "cpu"
        self._fbank = Fbank(n_mels=ECAPA_MELS).to(self._device)
        self._network = ECAPA_TDNN(
            ECAPA_MELS,
            channels=[1024, 1024, 1024, 1024, 3072],
            kernel_sizes=[5, 3, 3, 3, 1],
            dilations=[1, 2, 3, 4, 1],
            attention_channels=128,
            lin_neurons=card.width,
        )
        self._network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self._network.eval().to(self._device)

    def embed(self, voice: Waveform) -> Vector:
        with self._torch.inference_mode():
            features = self._fbank(self._torch.from_numpy(voice)[None].to(self._device))
            features = features - features.mean(1, keepdim=True)
            vector = self._network(features)[0, 0].cpu().numpy()
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def raised_to_level(voice: Waveform) -> Waveform:
    """Quiet speech is raised to LEVEL_DBFS; loud speech stays as it is, as the encoder was trained."""
    power = float(np.mean(voice.astype(np.float64) ** 2))
    if power <= 0.0:
        return voice
    gain_db = LEVEL_DBFS - 10 * np.log10(power)
    return voice if gain_db <= 0 else (voice * 10 ** (gain_db / 20)).astype(np.float32)


def partial_starts(samples: int) -> list[int]:
    """First frame of each partial utterance; the last is dropped when sound fills less than LEAST_COVERAGE of it."""
    frames = int(np.ceil((samples + 1) / FRAME_HOP))
    step = round(SAMPLE_RATE / PARTIALS_PER_SECOND / FRAME_HOP)
    starts = list(range(0, max(1, frames - FRAMES + step + 1), step))
    covered = (samples - starts[-1] * FRAME_HOP) / (FRAMES * FRAME_HOP)
    return starts[:-1] if covered < LEAST_COVERAGE and len(starts) > 1 else starts


def _wants_cuda(options: SessionOptions) -> bool:
    return "CUDAExecutionProvider" in options.providers


def _stand_in_for_torchaudio() -> None:
    """SpeechBrain imports torchaudio for reading files, which COSMIC does by soundfile; an empty module satisfies it."""
    if "torchaudio" in sys.modules or importlib.util.find_spec("torchaudio") is not None:
        return
    module = types.ModuleType("torchaudio")
    module.__spec__ = importlib.machinery.ModuleSpec("torchaudio", loader=None)
    module.__version__ = "0.0"  # type: ignore[attr-defined]
    sys.modules["torchaudio"] = module
