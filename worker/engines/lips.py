"""Do the lips that move belong to the voice that speaks? Mouth opening against loudness, and Light-ASD where at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from models.gates import GateCard
from models.lips.agreement import FARTHEST, LAGS, agreement, check_speech
from models.lips.opening import mouth_track
from models.lips.sound import cepstra
from models.registry import Places, locate, models
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, GateReading, Image, Mesh, Waveform

LIGHT_ASD = "light_asd"
SIZE = 112
PICTURES, SOUNDS = 25, 100  # a second, as the network was trained
STEADY = 5  # pictures over which a face's square is steadied
LONGEST = 8.0  # seconds that the network looks at: more takes memory and tells nothing
LAG_STEP = 0.08  # seconds
NETWORK_CUES = ("network", "network_margin", "lag_gap")


class LipSyncGate:
    """Weighs how well a mouth and a voice go together.

    Arguments:
        card: over the cues of ``models.lips.agreement`` and, where it was calibrated with the network, its cues.
        network: Light-ASD as ONNX (``light_asd_network``), None to do without.

    Raises:
        ValueError: the card wants the network, and there is none.
    """

    def __init__(self, card: GateCard, network: Path | None, options: SessionOptions) -> None:
        if network is None and any(cue.name in NETWORK_CUES for cue in card.cues):
            raise ValueError(f"gate {card.name} was calibrated with Light-ASD, which is not at hand")
        self._card = card
        self._network = None if network is None else LightAsdScores(network, options)

    def judge(
        self,
        frames: Sequence[Image],
        faces: Sequence[DetectedFace],
        meshes: Sequence[Mesh | None],
        times: NDArray[np.floating],
        voice: Waveform,
        speech: list[tuple[float, float]],
    ) -> GateReading:
        """Whether the person in the pictures is the one who speaks.

        Arguments:
            frames, faces, meshes, times: pictures with their face, its mesh and seconds since the recording began.
            voice: mono, 16 kHz, from second 0.
            speech: spans of speech in seconds.

        Raises:
            ValueError: too little speech or too few meshes to tell, or lists of unequal length.
        """
        found = lip_cues(frames, faces, meshes, times, voice, speech, self._network)
        return GateReading.of(self._card, found)


class LightAsdScores:
    """Light-ASD over a capture, the voice moved against the pictures."""

    def __init__(self, network: Path, options: SessionOptions) -> None:
        self._session = open_session(network, options)
        far = np.arange(LAGS + 2 * LAG_STEP, FARTHEST + 1e-6, 2 * LAG_STEP)
        near = np.arange(-LAGS, LAGS + 1e-6, LAG_STEP)
        self._lags = np.concatenate([-far[::-1], near, far])

    def cues(
        self,
        frames: Sequence[Image],
        faces: Sequence[DetectedFace],
        times: NDArray[np.floating],
        voice: Waveform,
        speech: list[tuple[float, float]],
    ) -> dict[str, float]:
        """``network``: mean score where there is speech, at the best lag. ``network_margin``: by how much that stands
        above the best at a lag that cannot be. ``network_lag``: seconds that the voice comes after the mouth."""
        end = min(float(times[-1]), float(times[0]) + LONGEST)
        at = np.arange(float(times[0]), end, 1 / PICTURES)
        crops = _crops(frames, faces)
        nearest = np.abs(at[:, None] - np.asarray(times)[None, :]).argmin(1)
        sounds = np.stack([_sound(cepstra(voice), at[0] + lag, len(at)) for lag in self._lags])
        scores = self._session.run(None, {"faces": crops[nearest], "sounds": sounds})[0]
        means = np.array([_mean_in(speech, at + lag, row) for lag, row in zip(self._lags, scores, strict=True)])
        near = np.abs(self._lags) <= LAGS + 1e-6
        best = int(np.argmax(np.where(near, means, -np.inf)))
        return {
            "network": float(means[best]),
            "network_margin": float(means[best] - means[~near].max()),
            "network_lag": float(self._lags[best]),
        }


def lip_cues(
    frames: Sequence[Image],
    faces: Sequence[DetectedFace],
    meshes: Sequence[Mesh | None],
    times: NDArray[np.floating],
    voice: Waveform,
    speech: list[tuple[float, float]],
    network: LightAsdScores | None,
) -> dict[str, float]:
    """Every cue of a capture by name; arguments and errors as ``LipSyncGate.judge``."""
    if not len(frames) == len(faces) == len(meshes) == len(times):
        raise ValueError("every picture needs its face, its mesh or None, and its time")
    check_speech(speech)  # before the slow parts
    found = agreement(mouth_track(meshes, times), voice, speech).cues()
    if network is not None:
        found |= network.cues(frames, faces, times, voice, speech)
        found["lag_gap"] = abs(found["lag"] - found["network_lag"])
    return found


def light_asd_network(places: Places) -> Path:
    """The ONNX file of Light-ASD, made from its PyTorch weights when it is not there yet.

    Raises:
        models.errors.ModelMissing, models.errors.WrongHash: from the registry.
    """
    weights = locate(LIGHT_ASD, places)
    target = places.downloads / "exported" / f"{LIGHT_ASD}-{models()[LIGHT_ASD].sha256[:16]}.onnx"
    if not target.is_file():
        from models.lips.light_asd import export  # imports PyTorch, which a running worker does without

        export(weights, target)
    return target


def _crops(frames: Sequence[Image], faces: Sequence[DetectedFace]) -> NDArray[np.float32]:
    """(frames, 112, 112) grey faces, their squares steadied over time; what lies outside a picture repeats its edge."""
    squares = median_filter(np.array([square_around(face) for face in faces]), size=(STEADY, 1), mode="nearest")
    found = np.empty((len(frames), SIZE, SIZE), np.float32)
    for index, (frame, (left, top, across, _)) in enumerate(zip(frames, squares, strict=True)):
        scale = SIZE / across
        matrix = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        found[index] = cv2.warpAffine(grey, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    return found


def _sound(coefficients: NDArray[np.float32], start: float, pictures: int) -> NDArray[np.float32]:
    """Coefficients from second ``start`` on for so many pictures; the first and last stand in for what is not there."""
    wanted = round(start * SOUNDS) + np.arange(pictures * (SOUNDS // PICTURES))
    return coefficients[np.clip(wanted, 0, len(coefficients) - 1)]


def _mean_in(speech: list[tuple[float, float]], at: NDArray[np.floating], scores: NDArray[np.float32]) -> float:
    """Mean score of the pictures at whose moment somebody speaks; the mean of all where nobody does."""
    inside = np.any([(at >= start) & (at < end) for start, end in speech], axis=0)
    return float(scores[inside].mean() if inside.any() else scores.mean())
