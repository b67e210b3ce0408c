"""The cascade in this process: one face, one login capture, and what of it is spent inside the networks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from models.errors import ModelMissing
from models.liveness.challenges.light import check_light, draw_colours
from models.liveness.challenges.turn import check_turn, head_yaw
from models.liveness.replay import compare_traces, trace_of
from models.liveness.stream import read_stream
from tests import acting, media
from tests.bench.numbers import milliseconds, spread, table
from tests.captures import SENTENCES
from tests.people import VOICES, portrait
from worker import wiring
from worker.cascade.crops import grey_crop, thumbnail
from worker.cascade.embed import embed_sample
from worker.cascade.pipeline import Cascade
from worker.cascade.quality import face_quality
from worker.cascade.types import Claim, Gate, Modality, Policy, Rule, Sample
from worker.engines.reflection import light_series
from worker.engines.types import Engines

PACKS = ("builtin", "edgeface")
ROUNDS = 60
ADA = 1


def report(folder: Path) -> None:
    for pack in PACKS:
        wiring.configure_runtime()
        try:
            engines = wiring.runtime.get(pack)
        except ModelMissing as error:
            print(f"pack {pack}: not measured, {error}\n")
            continue
        table(
            f"One frame, face part of the cascade, pack {pack} (ms)",
            ["part", "median", "p95"],
            [[name, spread(milliseconds(act, times=ROUNDS))] for name, act in parts(engines).items()],
        )
        table(
            f"The gates on one capture of {media.SECONDS:.0f} s with voice, pack {pack} (ms)",
            ["gate", "median", "p95"],
            [[name, spread(milliseconds(act, times=ROUNDS // 4))] for name, act in gates(engines).items()],
        )
        table(
            f"One login capture through the cascade, pack {pack}, warm (ms)",
            ["capture", "outcome", "cascade median", "inside the models, median", "ratio"],
            list(captures(engines)),
        )


def parts(engines: Engines) -> dict[str, Callable[[], object]]:
    image = portrait("astronaut")
    face = engines.detector.detect(image)[0]
    reference = engines.face.embed(image, face)

    mesh = engines.landmarks.mesh(image, face)

    def forgery() -> object:
        return engines.gates.forgery.judge([(image, face, mesh)]) if engines.gates.forgery else None

    def picture() -> object:
        return engines.gates.picture.judge([(image, face)]) if engines.gates.picture else None

    def embed() -> object:
        return face_quality(image, face), engines.face.embed(image, face)

    def fuse() -> object:
        return engines.fusion.compare({"face": reference}, {"face": 1.0}, {"face": reference[None]})

    def whole() -> object:
        engines.detector.detect(image)
        return picture(), forgery(), embed(), fuse()

    return {
        "detect": lambda: engines.detector.detect(image),
        "presentation attack gate, pictures": picture,
        "deepfake gate, pictures": forgery,
        "quality, align, embed": embed,
        "all of these": whole,
        "face mesh (of every frame of a capture, beside the figure above)": lambda: engines.landmarks.mesh(image, face),
    }


def gates(engines: Engines) -> dict[str, Callable[[], object]]:
    """What each gate takes; faces and meshes, which several need, are a line of their own."""
    voice, pitch = VOICES["astronaut"]
    sound = media.spoken(SENTENCES[0], voice=voice, pitch=pitch)[: 4 * media.RATE]
    frames = acting.acted_frames("astronaut", [], media.SECONDS, voice=sound)
    times = np.array(media.times_of(frames))
    faces = [engines.detector.detect(frame)[0] for frame in frames]
    meshes = [engines.landmarks.mesh(frame, face) for frame, face in zip(frames, faces, strict=True)]
    speech, three = engines.speech.segments(sound), [(frames[index], faces[index]) for index in (5, 20, 35)]
    four = [(frames[index], faces[index], meshes[index]) for index in (5, 15, 30, 40)]
    grey = [grey_crop(frame, face, sides=1.0, size=128) for frame, face in zip(frames, faces, strict=True)]
    small = np.stack([grey_crop(frame, face, sides=1.0, size=64) for frame, face in zip(frames, faces, strict=True)])
    scenes = np.stack([thumbnail(frame, 96) for frame in frames])
    trace = trace_of(grey, None, None, sound)
    colours = draw_colours(random.Random(0), 3.5)
    made = engines.gates

    def light() -> object:
        return check_light(*light_series(frames, meshes), times, colours, ends=3.5)

    acts: dict[str, Callable[[], object]] = {
        "faces and meshes of 48 frames": lambda: [
            engines.landmarks.mesh(frame, engines.detector.detect(frame)[0]) for frame in frames
        ],
        "stream": lambda: read_stream(scenes, small, times),
        "replay: trace, and against 50 earlier ones": lambda: (
            trace_of(grey, None, None, sound),
            compare_traces(trace, [trace] * 50),
        ),
        "challenge: coloured light": light,
        "challenge: turn": lambda: check_turn(np.array([head_yaw(mesh) for mesh in meshes]), times, "left", 0.6, 3.5),
    }
    optional = {
        "picture (3 frames)": made.picture and partial(made.picture.judge, three),
        "minifasnet (3 frames)": made.minifasnet and partial(made.minifasnet.judge, three),
        "flat": made.flat and partial(made.flat.judge, meshes, times),
        "lips": made.lips and partial(made.lips.judge, frames, faces, meshes, times, sound, speech),
        "forgery (4 frames)": made.forgery and partial(made.forgery.judge, four),
        "voice_spoof": made.voice_spoof and partial(made.voice_spoof.judge, sound),
        "challenge: digits": made.digits and partial(made.digits.check, sound, "4071"),
    }
    return acts | {name: act for name, act in optional.items() if act is not None}


def captures(engines: Engines) -> Iterator[list[object]]:
    still = portrait("astronaut")
    voice, pitch = VOICES["astronaut"]
    speech = media.spoken(SENTENCES[0], voice=voice, pitch=pitch)[: 3 * media.RATE]
    live = acting.acted_frames("astronaut", [], media.SECONDS, voice=speech)
    gallery = One(
        {
            "face": embed_sample(Modality.FACE, media.jpeg(still), engines).vector,
            "voice": embed_sample(Modality.VOICE, media.wav(speech), engines).vector,
        }
    )
    login = Policy(gates=wiring.DEFAULT_RULES)
    stills = Policy(liveness_required=False, gates=dict.fromkeys(Gate, Rule.ADVISE))
    for name, sample, policy in (
        ("48 frames", Sample(tuple(live), tuple(media.times_of(live))), login),
        ("48 frames and 3 s of voice", Sample(tuple(live), tuple(media.times_of(live)), speech), login),
        ("one frame and 3 s of voice, liveness not asked for", Sample((still,), (0.0,), speech), stills),
    ):
        cascade = Cascade(engines)
        wholes, insides = [], []
        with models_timed(engines) as inside:
            for _ in range(12):
                inside.clear()
                started = time.perf_counter()
                verdict = cascade.run(sample, Claim(ADA), gallery, policy, lambda result: None)
                wholes.append((time.perf_counter() - started) * 1000)
                insides.append(sum(inside) * 1000)
        whole, raw = np.median(wholes[2:]), np.median(insides[2:])
        yield [name, verdict.outcome.value, f"{whole:.1f}", f"{raw:.1f}", f"{whole / raw:.2f}"]


class One:
    """A gallery of one person."""

    def __init__(self, references: dict[str, np.ndarray]) -> None:
        self._references = references

    def references(self, modality: str, person_ids: list[int]) -> dict[int, np.ndarray]:
        return {ADA: self._references[modality]}

    def search(self, modality: str, probe: np.ndarray, limit: int) -> list:
        return []

    def traces(self, person_id: int) -> list[bytes]:
        return []

    def size(self, modality: str) -> int:
        return 1


@contextmanager
def models_timed(engines: Engines) -> Iterator[list[float]]:
    """Seconds spent inside network calls alone: ONNX Runtime, MediaPipe's graphs, dlib. Not nested, so they add up."""
    import onnxruntime
    from mediapipe.python.solution_base import SolutionBase

    spent: list[float] = []

    def timed(call: Callable) -> Callable:
        def run(*arguments: object, **options: object) -> object:
            started = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                spent.append(time.perf_counter() - started)

        return run

    saved = (onnxruntime.InferenceSession.run, SolutionBase.process)
    onnxruntime.InferenceSession.run = timed(saved[0])
    SolutionBase.process = timed(saved[1])
    dlib_network = getattr(engines.face, "_network", None)
    if dlib_network is not None:
        engines.face._network = Timed(dlib_network, timed)
    try:
        yield spent
    finally:
        onnxruntime.InferenceSession.run, SolutionBase.process = saved
        if dlib_network is not None:
            engines.face._network = dlib_network


class Timed:
    def __init__(self, network: object, timed: Callable) -> None:
        self.compute_face_descriptor = timed(network.compute_face_descriptor)
