"""Whether what a frame says stays the same over the frames: a forgery made frame by frame flickers.

After Guera and Delp, "Deepfake video detection using recurrent neural networks", AVSS 2018, who found the flicker of
frame-by-frame swaps; here without a network, as the mean step from frame to frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def flicker(values: Sequence[float]) -> float:
    """Mean absolute step between frames that follow each other; 0 for a single frame.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("there is no flicker without frames")
    return float(np.abs(np.diff(values)).mean()) if len(values) > 1 else 0.0
