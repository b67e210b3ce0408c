"""Active challenges: what a person is asked to do while the camera runs, drawn anew for every attempt.

The steps are drawn here, stored with the nonce, played by the page and judged by the worker on frames and sound alone.
Times are seconds since the first frame.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.captures.colours import draw_colours
from apps.captures.models import Purpose
from apps.errors import CosmicError, ErrorCode
from apps.identities.vault import keyed_digest
from apps.policies.selectors import current_policy

Step = dict[str, Any]
DRAW = secrets.SystemRandom()
CHALLENGED = {Purpose.LOGIN, Purpose.VERIFY, Purpose.IDENTIFY, Purpose.UNLOCK}
PASSIVE_SECONDS = 4.0
LEAD = 0.6  # before the first step: to look up, and for the mesh to see the face at rest
TAIL = 0.2
BLINKS = (2, 3)
TURNS = 2  # a recording of one turn is right every second time
TURN_SECONDS = 3.0
SIDES_KEPT = 600  # seconds
SIDES = ("left", "right")
DIGITS = 4
SECONDS_A_DIGIT = 1.0
LIGHT_SECONDS = 5.0


class Kind(StrEnum):
    BLINK = "blink"
    TURN = "turn"
    LIGHT = "light"
    DIGITS = "digits"


# How a page offers to leave a challenge out.
CHOICES = {
    Kind.BLINK: "blink when asked",
    Kind.TURN: "turn my head when asked",
    Kind.LIGHT: "look at changing coloured light, or see the screen",
    Kind.DIGITS: "read digits aloud",
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """``steps`` in order, as plain JSON values; ``seconds`` to record in all. Without steps the capture is passive."""

    seconds: float = PASSIVE_SECONDS
    steps: tuple[Step, ...] = ()


def draw_challenge(*, purpose: str, origin: str, voice: bool, cannot: Collection[str] = ()) -> Challenge:
    """A challenge for one attempt, as policy wants it.

    Arguments:
        origin: where the request comes from; see ``_turn``.
        voice: the capture will hold sound; without it nothing is to be said.
        cannot: kinds that the person cannot do. Others are drawn instead, where policy allows the choice.

    Raises:
        CosmicError: ``challenge_impossible`` (409) when fewer kinds remain than policy asks for, ``policy_unreadable`` (503).
    """
    if purpose not in CHALLENGED:
        return Challenge()
    policy = current_policy()
    wanted = policy.challenge_count
    if not wanted or not policy.challenges:
        return Challenge()
    barred = set(cannot) if policy.challenge_choice else set()
    if not voice and "voice" not in policy.required_modalities and policy.challenge_choice:
        barred.add(Kind.DIGITS)
    possible = [kind for kind in policy.challenges if kind not in barred]
    if len(possible) < wanted:
        raise CosmicError(ErrorCode.CHALLENGE_IMPOSSIBLE, status=409)
    steps: list[Step] = []
    now = LEAD
    for kind in DRAW.sample(possible, wanted):
        steps += STEPS[Kind(kind)](now, origin)
        now = steps[-1]["ends"]
    return Challenge(max(PASSIVE_SECONDS, round(now + TAIL, 2)), tuple(steps))


def choices_offered() -> dict[str, str]:
    """What somebody may say that they cannot do, in words, by kind; empty where policy leaves no choice."""
    policy = current_policy()
    if not policy.challenge_choice or not policy.challenge_count:
        return {}
    return {kind: CHOICES[Kind(kind)] for kind in policy.challenges}


def _blink(starts: float, origin: str) -> list[Step]:
    count = DRAW.choice(BLINKS)
    return [{"kind": Kind.BLINK, "starts": starts, "ends": round(starts + 1.5 + count, 2), "count": count}]


def _turn(starts: float, origin: str) -> list[Step]:
    """Sides that stay the same for one origin over SIDES_KEPT: there are so few that whoever may draw again and again
    soon has those that a recording shows."""
    digest = keyed_digest(f"{origin}|{int(time.time() // SIDES_KEPT)}".encode(), purpose="turns")
    sides = [SIDES[int(digest[index], 16) % len(SIDES)] for index in range(TURNS)]
    begins = [round(starts + TURN_SECONDS * index, 2) for index in range(TURNS)]
    return [
        {"kind": Kind.TURN, "starts": at, "ends": round(at + TURN_SECONDS, 2), "side": side}
        for at, side in zip(begins, sides, strict=True)
    ]


def _digits(starts: float, origin: str) -> list[Step]:
    digits = "".join(DRAW.choice("0123456789") for _ in range(DIGITS))
    ends = round(starts + 0.8 + SECONDS_A_DIGIT * DIGITS, 2)
    return [{"kind": Kind.DIGITS, "starts": starts, "ends": ends, "digits": digits}]


def _light(starts: float, origin: str) -> list[Step]:
    ends = round(starts + LIGHT_SECONDS, 2)
    colours = [[round(starts + at, 2), list(rgb)] for at, rgb in draw_colours(DRAW, LIGHT_SECONDS)]
    return [{"kind": Kind.LIGHT, "starts": starts, "ends": ends, "colours": colours}]


STEPS = {Kind.BLINK: _blink, Kind.TURN: _turn, Kind.LIGHT: _light, Kind.DIGITS: _digits}
