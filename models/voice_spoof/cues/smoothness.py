"""How a voice's spectrum moves from one hundredth of a second to the next.

A vocoder draws its spectrum from a smooth track of parameters, and what it makes changes less, or more in step over
frequency, than what a vocal tract does. Sources: Sahidullah, Kinnunen and Hanilci, "A comparison of features for
synthetic speech detection", Interspeech 2015 (dynamic features count most); Wu, Xiao, Chng and Li, "Synthetic speech
detection using temporal modulation feature", ICASSP 2013.
"""

from __future__ import annotations

import numpy as np

from models.voice_spoof.cues.frames import BAND, BANDS, HOP, RATE, Frames, Values, bins, decibels

MODULATIONS = {"slow": (2.0, 10.0), "middle": (10.0, 20.0), "fast": (20.0, 45.0)}  # Hz
TEXTURE = 9  # bins over which the local level of a spectrum is taken


def smoothness_cues(frames: Frames) -> dict[str, float]:
    """dB, ratios and correlations, all over frames of speech."""
    pairs = frames.active[1:] & frames.active[:-1]
    triples = pairs[1:] & pairs[:-1]
    steps = np.diff(frames.bands, axis=0)
    bends = np.diff(steps, axis=0)[triples]
    moved = np.abs(steps[pairs])
    flatness = _flatness(frames)[frames.active]
    return {
        "flux_low": float(moved[:, : BANDS // 2].mean()),
        "flux_high": float(moved[:, BANDS // 2 :].mean()),
        "flux_spread": float(moved.std() / moved.mean()),
        "flux_bend": float(np.abs(bends).mean() / moved.mean()),
        "flux_in_step": _in_step(steps[pairs]),
        "flatness": float(flatness.mean()),
        "flatness_spread": float(flatness.std()),
        "texture": _texture(frames),
        **_modulation(frames),
    }


def _in_step(steps: Values) -> float:
    """Mean correlation over time between what neighbouring bands do."""
    scaled = (steps - steps.mean(0)) / (steps.std(0) + 1e-9)
    return float((scaled[:, 1:] * scaled[:, :-1]).mean())


def _flatness(frames: Frames) -> Values:
    """(frames,) geometric over arithmetic mean of the power above 1 kHz, in dB."""
    power = frames.power[:, bins(1000.0, BAND[1])] + 1e-12
    return 10 * (np.log10(power).mean(1) - np.log10(power.mean(1)))


def _texture(frames: Frames) -> float:
    """Spread (dB) of bins around their local level, in those frames of speech that are most like noise."""
    flatness = np.where(frames.active, _flatness(frames), -np.inf)
    noisy = flatness >= np.quantile(flatness[frames.active], 0.8)
    spectrum = decibels(frames.power[np.ix_(noisy, bins(*BAND))])
    kernel = np.ones(TEXTURE) / TEXTURE
    local = np.apply_along_axis(np.convolve, 1, spectrum, kernel, "valid")
    return float((spectrum[:, TEXTURE // 2 : -(TEXTURE // 2)] - local).std())


def _modulation(frames: Frames) -> dict[str, float]:
    """How much of the bands' movement is of middle and fast rate, in dB against the slow."""
    floored = np.maximum(frames.bands, frames.bands.max(0) - 40)  # what lies in a noise floor is no movement
    energy = np.abs(np.fft.rfft(floored - floored.mean(0), axis=0)) ** 2
    rate = np.arange(len(energy)) * RATE / HOP / len(frames.bands)
    parts = {name: energy[(rate >= low) & (rate < high)].sum() for name, (low, high) in MODULATIONS.items()}
    return {f"modulation_{name}": float(decibels(parts[name] / parts["slow"])) for name in ("middle", "fast")}
