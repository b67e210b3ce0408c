"""Injection: does this stream come from a camera that looks at somebody, or was it made up beforehand?

A virtual camera shows what it was given: a picture that stands still, with or without noise, a clip that comes back,
times that no camera keeps. Four cues look for these, each with a limit that was fixed on other people than it was
measured on (docs/gates-stream.md). None of them tells a recorded video that is longer than the capture and shown
once from a person: that is for the challenges, and for ``models.liveness.replay`` when it is shown twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.liveness.cues.motion import frozen_share
from models.liveness.stream.distances import growth, longest_still, picture_distances
from models.liveness.stream.returns import Returns, find_returns
from models.liveness.stream.timing import Timing, read_timing

FEWEST_FRAMES = 12
ASSUMED_INTERVAL = 1 / 12  # seconds, where the stamps cannot be read
MOST_FROZEN = 0.5
LONGEST_STILL = 1.25  # seconds in which nothing moves, beside noise
STILL_REACH, STILL_TOLERANCE = 8, 1.25
MOST_RETURNS, MOST_RETURNS_TURNING = 0.4, 0.7
LEAST_RATIO = 0.5  # of a step: nearer than this the same pictures are played again
LAG = 0.75  # seconds over which somebody alive moves
LEAST_GROWTH = 1.5


class StreamFault(StrEnum):
    """What is wrong with a stream."""

    FROZEN = "frozen"
    LOOPED = "looped"
    NOISE = "constant_noise"
    TIMING = "timing"


@dataclass(frozen=True, slots=True)
class StreamReading:
    """What was seen of a stream; ``fault`` is None for one that may come from a camera.

    Arguments:
        frozen_share: of steps in which the face did not change at all.
        still_seconds: longest time over which noise alone changes.
        loop_share: of pictures that come back.
        loop_ratio, loop_period: how near the best repetition comes, in steps between neighbours; its seconds where it
            counts as one, else None.
        mirror_ratio: as ``loop_ratio``, of a run backwards.
        noise_ratio: how much farther apart distant pictures are than neighbours; a still with noise gives 1.
        steady_timing: share of intervals that equal the median one; refuses nobody.
        frame_rate, longest_gap: fastest frames a second, longest seconds between two.
    """

    fault: StreamFault | None
    frozen_share: float
    still_seconds: float
    loop_share: float
    loop_ratio: float
    loop_period: float | None
    mirror_ratio: float
    noise_ratio: float
    steady_timing: float
    frame_rate: float
    longest_gap: float


def read_stream(
    scenes: NDArray[np.float32],
    faces: NDArray[np.float32],
    times: NDArray[np.float64],
    *,
    there_and_back: bool = False,
) -> StreamReading:
    """Look for an injected stream.

    Arguments:
        scenes: (n, 64 to 96, 64 to 96) whole frames, grey, 0 to 255, made small by averaging.
        faces: (n, 64, 64) the face in each, grey.
        times: (n,) seconds, as the client stamped them.
        there_and_back: the person was asked to turn the head and come back, which looks like a clip played to and fro;
            then a run backwards refuses nobody, and more pictures may come back.

    Raises:
        ValueError: fewer than 12 frames, shapes that do not belong together, or grey levels that are no numbers.
    """
    scenes, faces, times = np.asarray(scenes), np.asarray(faces), np.asarray(times, np.float64)
    if len(scenes) < FEWEST_FRAMES or scenes.ndim != 3 or faces.ndim != 3 or times.ndim != 1:
        raise ValueError(f"a stream needs {FEWEST_FRAMES} grey frames or more, with a time each")
    if not len(scenes) == len(faces) == len(times) or not (np.isfinite(scenes).all() and np.isfinite(faces).all()):
        raise ValueError("a stream needs one face and one time a frame, and finite grey levels")
    timing = read_timing(times)
    seconds = times if timing.possible else np.arange(len(times), dtype=np.float64) * ASSUMED_INTERVAL
    distances = picture_distances(scenes.astype(np.float32))
    frozen = frozen_share(faces)
    still = longest_still(distances, seconds, min(STILL_REACH, len(times) // 2), STILL_TOLERANCE)
    returns = find_returns(distances, seconds)
    noise = growth(distances, seconds, min(LAG, (seconds[-1] - seconds[0]) / 2))
    counted = replace(returns, mirror=np.inf) if there_and_back else returns
    most = MOST_RETURNS_TURNING if there_and_back else MOST_RETURNS
    fault = _fault(timing, frozen, still, counted, noise, most)
    return StreamReading(
        fault=fault,
        frozen_share=frozen,
        still_seconds=still,
        loop_share=returns.share,
        loop_ratio=returns.ratio,
        loop_period=returns.period if returns.ratio < LEAST_RATIO else None,
        mirror_ratio=returns.mirror,
        noise_ratio=noise,
        steady_timing=timing.steady,
        frame_rate=timing.rate,
        longest_gap=timing.longest_gap,
    )


def _fault(
    timing: Timing, frozen: float, still: float, returns: Returns, noise: float, most_returns: float
) -> StreamFault | None:
    """The first thing that is wrong. Comparisons are turned so that what is no number is wrong."""
    if not timing.possible:
        return StreamFault.TIMING
    if not frozen <= MOST_FROZEN:
        return StreamFault.FROZEN
    if not noise >= LEAST_GROWTH and not returns.share > most_returns:
        return StreamFault.NOISE
    if not (returns.share <= most_returns and min(returns.ratio, returns.mirror) >= LEAST_RATIO):
        return StreamFault.LOOPED
    if not (still <= LONGEST_STILL and noise >= LEAST_GROWTH):
        return StreamFault.NOISE
    return None
