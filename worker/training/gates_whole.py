"""Both gates' stages as a deployment has them, held against whole captures: which instruments come through, and who is
refused.

    python -m worker.training.gates_whole --data ../shared/data --models ../shared/models --out whole.json

Every capture is judged twice over: passive, and with each challenge that policy may draw, which no recording here has
answered. Stills and clips are of the development part of public sets; what is made from them is SIMULATED. Gates whose
cards were fitted to some of these very people flatter these figures; the cards themselves are measured on others.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.evaluation.intervals import wilson
from models.liveness.challenges.light import draw_colours
from models.liveness.moved import bent_frames, flat_frames, hand_movement
from worker import runtime
from worker.cascade.pipeline import find_faces
from worker.cascade.stage import Context
from worker.cascade.stages.deepfake import DeepfakeStage
from worker.cascade.stages.liveness import LivenessStage
from worker.cascade.types import (
    DEFAULT_RULES,
    CaptureUnusable,
    ChallengeStep,
    Claim,
    Policy,
    Sample,
    StageOutcome,
)
from worker.engines.types import Engines, Image
from worker.training.clips import RATE, Clip, clips
from worker.training.face_pad_flat import stills

FRAMES = 48
LEVEL = 0.95
LOOP = 12  # frames
PASSIVE = "passive"
STARTS, LASTS = 0.3, 3.4  # seconds; as long as the clips allow


@dataclass(frozen=True, slots=True)
class Presentation:
    """``instrument`` is bona_fide for people; ``subject`` who is shown."""

    instrument: str
    subject: str
    frames: Sequence[Image]


class NoGallery:
    """Nobody is compared: the two gates' stages ask for no reference."""

    def references(self, modality: str, person_ids: list[int]) -> dict[int, np.ndarray]:
        return {}

    def search(self, modality: str, probe: np.ndarray, limit: int) -> list:
        return []

    def traces(self, person_id: int) -> list[bytes]:
        return []

    def size(self, modality: str) -> int:
        return 0


def presentations(data: Path, most: int) -> Iterator[Presentation]:
    """People as cameras saw them, and attacks made from them and from stills."""
    for clip in clips(data):
        if clip.dataset not in {"grid", "celebdf_real"}:
            continue
        subject, seen = f"{clip.dataset}/{clip.person}", _as_seen(clip)
        yield Presentation("bona_fide", subject, seen)
        yield Presentation("injected_loop", subject, [seen[index % LOOP] for index in range(FRAMES)])
        yield Presentation("injected_still", subject, [seen[0]] * FRAMES)
        yield Presentation("moved_screen_video", subject, list(flat_frames(seen, hand_movement(len(seen)), 1)))
    found = list(stills(data))
    for seed, (still, subject, _) in enumerate(found[:: max(1, len(found) // most)]):
        yield Presentation("still_photograph", subject, list(flat_frames([still], hand_movement(seed, tilt=0.0), seed)))
        for tilt in (15.0, 40.0):
            moved = flat_frames([still], hand_movement(seed, tilt=tilt), seed)
            yield Presentation(f"photograph_moved_{tilt:.0f}", subject, list(moved))
        yield Presentation("photograph_bent", subject, list(bent_frames(still, hand_movement(seed, tilt=25.0), seed)))


def challenges(seed: int) -> dict[str, tuple[ChallengeStep, ...]]:
    """A challenge of each kind, drawn as a login draws it, and none."""
    draw, ends = random.Random(seed), STARTS + LASTS  # noqa: S311  (a measurement that can be repeated)
    middle = STARTS + LASTS / 2
    sides = [draw.choice(("left", "right")) for _ in range(2)]
    colours = tuple((STARTS + at, colour) for at, colour in draw_colours(draw, LASTS))
    return {
        PASSIVE: (),
        "turn": (
            ChallengeStep("turn", STARTS, middle, side=sides[0]),
            ChallengeStep("turn", middle, ends, side=sides[1]),
        ),
        "light": (ChallengeStep("light", STARTS, ends, colours=colours),),
        "blink": (ChallengeStep("blink", STARTS, ends, count=draw.choice((2, 3))),),
    }


def reason_of(shown: Presentation, engines: Engines, challenge: tuple[ChallengeStep, ...]) -> str:
    """Why the stages refuse, empty for a capture that comes through both."""
    times = tuple(np.round(np.arange(len(shown.frames)) / RATE, 4).tolist())
    context = Context(
        sample=Sample(frames=tuple(shown.frames), frame_times=times),
        claim=Claim(None),
        gallery=NoGallery(),
        policy=Policy(gates=DEFAULT_RULES),
        challenge=challenge,
    )
    try:
        context.views = find_faces(engines.detector, context.sample, context.policy, started=np.inf)
    except CaptureUnusable as error:
        return error.reason.value
    for stage in (LivenessStage(engines.landmarks, engines.gates, engines.speech), DeepfakeStage(engines.gates)):
        result = stage.run(context)
        if result.outcome is StageOutcome.REFUSED:
            return f"{result.reason.value if result.reason else ''}: {result.evidence.get('failed', '')}"
    return ""


def measured(shown: Iterator[Presentation], engines: Engines) -> dict[str, dict]:
    """By instrument and challenge: captures, how many came through with an interval, and what refused the others."""
    rows: dict[str, dict[str, list[str]]] = {}
    for seed, one in enumerate(tqdm(shown, desc="captures", disable=None)):
        for kind, challenge in challenges(seed).items():
            rows.setdefault(one.instrument, {}).setdefault(kind, []).append(reason_of(one, engines, challenge))
    return {
        instrument: {kind: _counted(reasons) for kind, reasons in by_kind.items()}
        for instrument, by_kind in rows.items()
    }


def _counted(reasons: list[str]) -> dict:
    through = sum(not reason for reason in reasons)
    interval = wilson(through, len(reasons), level=LEVEL)
    causes = {reason: reasons.count(reason) for reason in sorted(set(reasons)) if reason}
    ends = [round(interval.low, 4), round(interval.high, 4)]
    return {"captures": len(reasons), "through": through, "interval": ends, "refused_by": causes}


def _as_seen(clip: Clip) -> list[Image]:
    return [clip.pictures[index] for index in clip.at(clip.times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="published weights, which sharpen some gates")
    parser.add_argument("--state", type=Path, required=True, help="a folder for what is made on the way")
    parser.add_argument("--pack", default="builtin")
    parser.add_argument("--most", type=int, default=40, help="stills that are made into attacks")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    runtime.configure(models_dir=asked.models, state_dir=asked.state, threads=1, providers=["CPUExecutionProvider"])
    found = measured(presentations(asked.data, asked.most), runtime.get(asked.pack))
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
