"""How far a voice is from what recorded people sound like, whichever way it errs.

Griffin-Lim blunts the pulses of a voice and a parametric vocoder sharpens them: a weight that knows one direction only
passes one of the two. The values are rounded medians and spreads over recordings of seven corpora (model card).
"""

from __future__ import annotations

from collections.abc import Mapping

# Cue: what is usual, and how far the middle of people is from it.
TYPICAL = {
    "pulse_sharpness": (2.1, 0.45),
    "pulse_side": (0.5, 0.8),
    "upper_periodicity": (0.4, 0.2),
    "flux_bend": (1.2, 0.1),
    "flux_in_step": (0.6, 0.13),
    "flux_low": (3.0, 0.5),
    "flux_high": (3.3, 0.5),
    "flatness_spread": (3.6, 1.2),
    "prediction_gain": (16.0, 3.2),
}
FURTHEST = 5.0


def strangeness(cues: Mapping[str, float]) -> dict[str, float]:
    """``<cue>_away`` of each cue in TYPICAL, in spreads; KeyError when one is missing."""
    return {
        f"{name}_away": min(abs(cues[name] - usual) / spread, FURTHEST) for name, (usual, spread) in TYPICAL.items()
    }
