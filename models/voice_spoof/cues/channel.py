"""What lies between a mouth and the recording: a loudspeaker and its room, a codec, and what fills the pauses.

A small loudspeaker gives little below 200 Hz, has resonances, bends loud peaks, and its room lets syllables ring on;
made speech has pauses of digital zeros or of noise without life. Sources: Villalba and Lleida, "Detecting replay
attacks from far-field recordings", BioID 2011; Tomi Kinnunen et al., "The ASVspoof 2017 challenge", Interspeech 2017.
"""

from __future__ import annotations

import numpy as np

from models.voice_spoof.cues.frames import BAND, Frames, Values, bins, decibels

FALL = 3  # frames over which a rise or fall of level is taken
SMOOTH_DEGREE = 4  # of the polynomial that is a long-term spectrum without its resonances


def channel_cues(frames: Frames) -> dict[str, float]:
    """dB, shares and moments."""
    loud, faint = frames.power[frames.active].mean(0), frames.power[frames.pause].mean(0)
    change = frames.level[FALL:] - frames.level[:-FALL]
    samples = frames.voice
    squared = samples**2
    power = squared.mean()
    return {
        "bass": _ratio(loud, (60.0, 200.0), (200.0, 1000.0)),
        "treble": _ratio(loud, (2000.0, BAND[1]), (200.0, 1000.0)),
        "resonance": _resonance(loud),
        "rise": float(np.percentile(change, 95)),
        "fall": float(-np.percentile(change, 5)),
        "floor": float(np.percentile(frames.level, 5) - np.percentile(frames.level, 95)),
        "floor_spread": float(frames.level[frames.pause].std()),
        "floor_flatness": _flatness(faint),
        "zeros": float(np.log10((np.diff(samples) == 0).mean() + 1e-4)),
        "crest": float(decibels(squared.max() / power)),
        "peakedness": float(np.log((squared**2).mean() / power**2)),
        "leaning": float(abs((squared * samples).mean()) / power**1.5),
    }


def _ratio(power: Values, above: tuple[float, float], below: tuple[float, float]) -> float:
    return float(decibels(power[bins(*above)].sum()) - decibels(power[bins(*below)].sum()))


def _resonance(power: Values) -> float:
    """Spread (dB) of a long-term spectrum around a smooth curve."""
    spectrum = decibels(power[bins(*BAND)])
    place = np.linspace(-1, 1, len(spectrum))
    return float((spectrum - np.polyval(np.polyfit(place, spectrum, SMOOTH_DEGREE), place)).std())


def _flatness(power: Values) -> float:
    inside = power[bins(*BAND)] + 1e-12
    return float(10 * (np.log10(inside).mean() - np.log10(inside.mean())))
