"""The colours that a screen shows for the light challenge.

At most two changes a second and no saturated red, so that nothing counts as a flash in the sense of WCAG 2.3.1.
``models.liveness.challenges.light`` draws its null hypothesis in the same way; a test holds both together, since the
web process may not load that code.
"""

from __future__ import annotations

import random

Colour = tuple[int, int, int]
PALETTE: tuple[Colour, ...] = (
    (0, 80, 255),
    (0, 220, 60),
    (255, 200, 0),
    (255, 60, 220),
    (0, 220, 255),
    (255, 255, 255),
)
SHORTEST, LONGEST = 0.55, 0.75  # seconds of one colour


def draw_colours(source: random.Random, seconds: float) -> list[tuple[float, Colour]]:
    """(starts at, sRGB) over ``seconds``; no colour follows itself."""
    drawn: list[tuple[float, Colour]] = []
    now = 0.0
    while now <= seconds - SHORTEST:
        others = [colour for colour in PALETTE if not drawn or colour != drawn[-1][1]]
        drawn.append((round(now, 3), source.choice(others)))
        now += source.uniform(SHORTEST, LONGEST)
    return drawn
