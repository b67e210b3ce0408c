"""All cues of a voice, and those that gates weigh."""

from __future__ import annotations

import math

from models.voice_spoof.cues.channel import channel_cues
from models.voice_spoof.cues.frames import Voice, frames_of
from models.voice_spoof.cues.smoothness import smoothness_cues
from models.voice_spoof.cues.source import source_cues
from models.voice_spoof.cues.typical import TYPICAL, strangeness

# The level and colour of pauses, bass, treble and crests are shown to people and not weighed: they told corpora apart
# better than attacks, so that a new microphone would have looked like an attack.
WEIGHED = (
    "flux_low",
    "flux_high",
    "flux_spread",
    "flux_bend",
    "flux_in_step",
    "flatness",
    "flatness_spread",
    "harmonicity",
    "upper_periodicity",
    "pitch_step",
    "pitch_bend",
    "shimmer",
    "pulse_sharpness",
    "pulse_side",
    "prediction_gain",
    "rise",
    "fall",
    "leaning",
    *(f"{name}_away" for name in TYPICAL),
)


def voice_cues(voice: Voice) -> dict[str, float]:
    """Every cue of a voice (samples,), mono, 16 kHz, 1 to 15 s, finite.

    Raises:
        ValueError: it cannot be measured, which is no pass.
    """
    frames = frames_of(voice)
    cues = {**smoothness_cues(frames), **source_cues(frames), **channel_cues(frames)}
    cues |= strangeness(cues)
    if not all(math.isfinite(value) for value in cues.values()):
        raise ValueError("a cue of the voice is no number")
    return cues
