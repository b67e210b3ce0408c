"""Measure the active challenges: ``python -m worker.training.active --shared FOLDER --out FILE.json``.

Light is measured on simulated series, then on people made to move (tests/moving.py) before a simulated camera that
corrects exposure and white balance and writes JPEG; turns and blinks on the same people; and all three on GRID's
talking people, who do nothing that was asked for. What is simulated is no measure of resistance to attacks.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluation.intervals import clopper_pearson
from models.liveness.challenges.blinks import check_blinks
from models.liveness.challenges.light import Colour, LightCheck, LightOutcome, check_light, draw_colours, linear_light
from models.liveness.challenges.turn import check_turn, head_yaw
from models.liveness.cues.blink import eye_aspect_ratio
from worker.engines.reflection import light_series
from worker.engines.types import Image, Mesh
from worker.training.active_scenes import GRID_RATE, SECONDS, Eyes, camera, moving, people, talking

RATE, LAG = 12.0, 0.13
DEPTHS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)  # log-ratio that the white screen adds
AMBIENT = (8.0, 32.0)  # other light on the face over that of the white screen
CAPTURES = 200  # simulated, a depth
IMPOSTORS = 1000  # simulated, a kind
OTHERS = 20  # other draws that every rendered capture is checked against
PEOPLE = 8
ANGLES = (-25.0, -20.0, -15.0, -10.0, 10.0, 15.0, 20.0, 25.0)

Times = NDArray[np.float64]
Played = list[tuple[float, Colour]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--shared", type=Path, required=True, help="folder with data/faces, data/pad, data/talking_faces"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=sorted(PARTS), nargs="*")
    parser.add_argument("--people", type=int, default=PEOPLE, help="how many are made to move")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found = json.loads(options.out.read_text()) if options.out.is_file() else {}
    for name in options.only or PARTS:
        found[name] = PARTS[name](options.shared / "data", options.people)
        options.out.write_text(json.dumps(found, indent=1) + "\n")


def simulated(data: Path, most: int) -> dict[str, object]:
    """Light on simulated series: own colours by depth, then other colours and no light at all."""
    del data, most  # all is made up
    rows: dict[str, object] = {}
    for depth in DEPTHS:
        rows[f"own {depth}"] = outcomes([_simulated(seed, depth, own=True) for seed in range(CAPTURES)])
    rows["other colours 0.04"] = outcomes([_simulated(seed, 0.04, own=False) for seed in range(IMPOSTORS)])
    rows["no light"] = outcomes([_simulated(seed, 0.0, own=True) for seed in range(IMPOSTORS)])
    return rows


def _simulated(seed: int, depth: float, *, own: bool) -> LightCheck:
    """A skin of some colour, a camera that drifts, a tone curve that is not sRGB's, a head that moves."""
    generator, source = np.random.default_rng(seed), random.Random(seed)  # noqa: S311
    colours, asked = draw_colours(source, SECONDS), draw_colours(source, SECONDS)
    times = np.arange(round(SECONDS * RATE)) / RATE + generator.uniform(0, 0.01, round(SECONDS * RATE))
    lag = generator.uniform(0.05, 0.35)
    screen = np.array([linear_light(np.array(shown(colours, t - lag))) for t in times])
    crosstalk = np.eye(3) + generator.uniform(0, 0.12, (3, 3))  # a camera's primaries are not the screen's
    gains = np.exp(np.cumsum(generator.normal(0, 0.01, (len(times), 3)), axis=0))
    still = generator.uniform(0.08, 0.5, 3), generator.uniform(0.05, 0.6, 3)
    light = depth * screen @ crosstalk
    motion = smooth(generator, len(times), 0.02)[:, None] + smooth(generator, (len(times), 3), 0.003)
    skin = still[0] * np.exp(motion) * (1 + light) * gains
    behind = still[1] * (1 + 0.12 * light) * gains
    noise = np.exp(generator.normal(0, 0.002, (2, len(times), 3)))
    curve = generator.uniform(0.85, 1.15)
    return check_light(
        (skin * noise[0]) ** curve, (behind * noise[1]) ** curve, times, colours if own else asked, ends=SECONDS
    )


def smooth(generator: np.random.Generator, shape: int | tuple[int, int], deviation: float) -> Times:
    """Noise that holds on for about half a second, as motion does."""
    drawn = np.atleast_2d(generator.normal(size=shape).T).T
    kept = 0.85
    for row in range(1, len(drawn)):
        drawn[row] = kept * drawn[row - 1] + np.sqrt(1 - kept**2) * drawn[row]
    return np.asarray(deviation * drawn.reshape(shape))


def shown(colours: Played, moment: float) -> Colour:
    """What the screen shows: white before the first colour."""
    return next((rgb for at, rgb in reversed(colours) if moment >= at), (255, 255, 255))


@dataclass(slots=True)
class Checks:
    """Captures against their own colours and against OTHERS that were not shown, by kind."""

    found: dict[str, list[LightCheck]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def add(
        self, kind: str, frames: Sequence[Image], meshes: Sequence[Mesh | None], rate: float, colours: Played, seed: int
    ) -> None:
        times, started = np.arange(len(frames)) / rate, time.process_time()
        skin, background = light_series(frames, meshes)
        self.found.setdefault(kind, []).append(check_light(skin, background, times, colours, ends=SECONDS))
        self.seconds.append(time.process_time() - started)
        for other in range(OTHERS):
            asked = draw_colours(random.Random(10_000 + 100 * seed + other), SECONDS)  # noqa: S311
            check = check_light(skin, background, times, asked, ends=SECONDS)
            self.found.setdefault(f"{kind}, other colours asked", []).append(check)

    def rows(self) -> dict[str, object]:
        milliseconds = round(1000 * float(np.median(self.seconds)), 1)
        rows: dict[str, object] = {kind: outcomes(found) for kind, found in self.found.items()}
        return {**rows, "median milliseconds of light_series and check_light": milliseconds}


def lit(data: Path, most: int) -> dict[str, object]:
    """Light on rendered people: their own colours, others, a constant tint."""
    eyes, checks = Eyes(), Checks()
    for number, person in enumerate(people(data, eyes, most)):
        colours = draw_colours(random.Random(number), SECONDS)  # noqa: S311
        still = {"portrait": person.portrait, "mesh": person.mesh, "seconds": SECONDS, "rate": RATE, "seed": number}
        for ambient in AMBIENT:
            frames = camera(moving.person_frames(**still, ambient=ambient, light=_played(colours)), RATE)
            checks.add(f"ambient {ambient:g}", frames, eyes.meshes(frames), RATE, colours, number)
        frames = camera(moving.person_frames(**still, light=lambda t: (0, 80, 255)), RATE)
        checks.add("constant tint", frames, eyes.meshes(frames), RATE, colours, number)
    return checks.rows()


def grid(data: Path, most: int) -> dict[str, object]:
    """Light laid over talking people who move by themselves, and those people in no light of a screen."""
    del most
    eyes, checks = Eyes(), Checks()
    for number, clip in enumerate(talking(data)):
        meshes, colours = eyes.meshes(clip), draw_colours(random.Random(1000 + number), SECONDS)  # noqa: S311
        for ambient in AMBIENT:
            frames = [
                frame if mesh is None else _beside_screen(frame, mesh, shown(colours, row / GRID_RATE - LAG), ambient)
                for row, (frame, mesh) in enumerate(zip(clip, meshes, strict=True))
            ]
            checks.add(f"ambient {ambient:g}", camera(frames, GRID_RATE), meshes, GRID_RATE, colours, number)
        checks.add("no light", clip, meshes, GRID_RATE, colours, number)
    return checks.rows()


def _played(colours: Played) -> Callable[[float], Colour]:
    return lambda t: shown(colours, t - LAG)


def _beside_screen(frame: Image, mesh: Mesh, colour: Colour, ambient: float) -> Image:
    near = moving.nearness(mesh.astype(np.float64), frame.shape[:2])
    return np.clip(moving.lit(frame, near, colour, ambient), 0, 255).astype(np.uint8)


def turns(data: Path, most: int) -> dict[str, object]:
    """Error of the angle on rendered heads, and who passes for having turned."""
    eyes, passes = Eyes(), dict[str, list[bool]]()
    errors: dict[float, list[float]] = {angle: [] for angle in ANGLES}
    for number, person in enumerate(people(data, eyes, most)):
        rest = head_yaw(person.mesh)
        for angle in ANGLES:
            (frame,) = moving.person_frames(
                person.portrait, person.mesh, seconds=1 / RATE, rate=RATE, yaw=_held(angle), seed=number
            )
            mesh = eyes.mesh(frame)
            errors[angle].append(np.nan if mesh is None else head_yaw(mesh) - rest - angle)
        for way, sign in (("left", 1), ("right", -1), ("none", 0)):
            turn = None if not sign else _turn(25.0 * sign)
            frames = moving.person_frames(person.portrait, person.mesh, seconds=3.6, rate=RATE, yaw=turn, seed=number)
            yaws = _yaws(eyes.meshes(frames))
            for side in SIDES:
                done = check_turn(yaws, np.arange(len(yaws)) / RATE, side, 0.0, 3.6).done
                name = "named side" if way == side else "no turn" if not sign else "other side"
                passes.setdefault(name, []).append(done)
    for clip in talking(data):
        yaws = _yaws(eyes.meshes(clip))
        for side in SIDES:
            done = check_turn(yaws, np.arange(len(yaws)) / GRID_RATE, side, 0.0, SECONDS).done
            passes.setdefault("GRID, nobody turns", []).append(done)
    rows: dict[str, object] = {name: share(found) for name, found in passes.items()}
    for angle, found in errors.items():
        values = np.array(found)
        rows[f"error at {angle:g}"] = {
            "mean": round(float(np.nanmean(values)), 2),
            "deviation": round(float(np.nanstd(values)), 2),
            "lost": int(np.isnan(values).sum()),
        }
    return rows


SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def _turn(angle: float) -> Callable[[float], float]:
    return lambda t: float(angle * np.interp(t, (0.5, 1.5, 2.2, 3.2), (0, 1, 1, 0)))


def _held(angle: float) -> Callable[[float], float]:
    return lambda t: angle


def _yaws(meshes: Sequence[Mesh | None]) -> Times:
    return np.array([np.nan if mesh is None else head_yaw(mesh) for mesh in meshes])


def blinks(data: Path, most: int) -> dict[str, object]:
    """Blinks counted on rendered people, and on GRID's, who blink as they please."""
    eyes = Eyes()
    rows: dict[str, object] = {}
    made: dict[int, list[int]] = {n: [] for n in range(1, 5)}
    for number, person in enumerate(people(data, eyes, most)):
        for n in made:
            frames = moving.person_frames(
                person.portrait, person.mesh, seconds=4.5, rate=RATE, closed=_closing(n, number), seed=number
            )
            ratios = _ratios(eyes.meshes(frames))
            made[n].append(check_blinks(ratios, np.arange(len(ratios)) / RATE, n, 0.0, 4.5).count)
    for n, counts in made.items():
        right, accepted = share([c == n for c in counts]), share([2 <= c <= 3 for c in counts])
        rows[f"{n} made"] = {"counted right": right, "counts": counts, "accepted for 2": accepted}
    natural = [_ratios(eyes.meshes(clip)) for clip in talking(data)]
    found = [check_blinks(r, np.arange(len(r)) / GRID_RATE, 2, 0.0, SECONDS) for r in natural]
    rows["GRID, nobody asked"] = {"counts": [f.count for f in found], "accepted for 2": share([f.done for f in found])}
    return rows


def _closing(count: int, seed: int) -> Callable[[float], float]:
    moments = 0.5 + np.arange(count) * 0.9 + np.random.default_rng(seed).uniform(0, 0.2)
    return lambda t: max(
        (float(np.interp(t - m, (0, 0.08, 0.26, 0.36), (0, 1, 1, 0), right=0)) for m in moments), default=0.0
    )


def _ratios(meshes: Sequence[Mesh | None]) -> Times:
    return np.array([np.nan if mesh is None else eye_aspect_ratio(mesh) for mesh in meshes])


def outcomes(checks: Sequence[LightCheck]) -> dict[str, object]:
    kinds = {kind.value: sum(check.outcome is kind for check in checks) for kind in LightOutcome}
    median = float(np.median([check.strength for check in checks]))
    return {
        **kinds,
        "seen": share([check.outcome is LightOutcome.SEEN for check in checks]),
        "strength": round(median, 2),
    }


def share(hits: Sequence[bool]) -> dict[str, float]:
    """Share with its exact 95 % interval; presentations of one person count as independent, which flatters it."""
    interval = clopper_pearson(sum(hits), len(hits))
    ends = {"low": round(interval.low, 4), "high": round(interval.high, 4)}
    return {"hits": sum(hits), "of": len(hits), "share": round(sum(hits) / len(hits), 4), **ends}


PARTS: dict[str, Callable[[Path, int], dict[str, object]]] = {
    "simulated": simulated,
    "turns": turns,
    "blinks": blinks,
    "lit": lit,
    "grid": grid,
}

if __name__ == "__main__":
    main()
