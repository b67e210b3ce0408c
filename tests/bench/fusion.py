"""Fusion models on one thread, their share of a login's cascade, and the solver of COSMIC against one solve a sample."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from models.cosmic.cge import ConvexEnergySolver
from models.cosmic.config import CosmicConfig
from models.cosmic.export import export
from models.cosmic.model import Cosmic
from models.fusion import CARD, SHIPPED, FusionCard, FusionMethod
from tests.bench.numbers import milliseconds, table
from worker.engines.fusion import CosmicFusion, FusionEngine, MimopFusion
from worker.engines.sessions import SessionOptions

ROUNDS = 300
SIZES = (1, 64, 4096)
HIDDEN, IDENTITY = 64, 64
ONE_THREAD = SessionOptions(threads=1)
PACKS = ("builtin", "edgeface")
WIDTHS = {"builtin": {"face": 128, "voice": 256}, "edgeface": {"face": 512, "voice": 256}}


def report(folder: Path) -> None:
    torch.set_num_threads(1)
    rows = []
    for name in PACKS:
        card = FusionCard.from_json(json.loads((SHIPPED / name / "mimop" / CARD).read_text()))
        engines: dict[str, FusionEngine] = {"MIMOP": MimopFusion(SHIPPED / name / "mimop", card, ONE_THREAD)}
        for compact in (False, True):
            engines["COSMIC compact" if compact else "COSMIC"] = _cosmic(
                folder / f"{name}{compact}", name, compact, card
            )
        for label, engine in engines.items():
            rows.append([f"{label}, {name}", *_latencies(engine, WIDTHS[name])])
    headings = ["one probe, one thread (ms, median)", "face and voice", "face", "voice", "face and voice, 10 people"]
    table("Fusion models in ONNX Runtime; COSMIC with random weights, which cost the same", headings, rows)
    table(
        f"Solver of COSMIC, identity {IDENTITY}, hidden {HIDDEN}, one thread (ms, median)",
        [
            "identities",
            "shared factor, quality 1",
            "a factor each, any quality",
            "torch.linalg.solve a sample",
            "ratio",
        ],
        [_solves(size) for size in SIZES],
    )


def _cosmic(folder: Path, name: str, compact: bool, card: FusionCard) -> CosmicFusion:
    widths = WIDTHS[name]
    config = CosmicConfig(
        face_width=widths["face"], voice_width=widths["voice"], hidden=HIDDEN, identity=IDENTITY, compact=compact
    )
    export(Cosmic(config), folder)
    return CosmicFusion(folder, dataclasses.replace(card, method=FusionMethod.COSMIC), ONE_THREAD)


def _latencies(engine: FusionEngine, widths: dict[str, int]) -> list[str]:
    probe = {name: _unit(width, 1)[0] for name, width in widths.items()}
    quality = dict.fromkeys(widths, 0.8)
    found = []
    for shown, people in ((("face", "voice"), 1), (("face",), 1), (("voice",), 1), (("face", "voice"), 10)):
        references = {name: _unit(widths[name], people) for name in shown}
        times = milliseconds(lambda held=references: engine.compare(probe, quality, held), times=ROUNDS, warm=20)
        found.append(f"{np.median(times):.2f}")
    return found


def _solves(size: int) -> list[str]:
    torch.manual_seed(0)
    solver = ConvexEnergySolver(HIDDEN, IDENTITY).eval()
    target, face, voice = torch.randn(size, IDENTITY), torch.randn(size, HIDDEN), torch.randn(size, HIDDEN)
    quality, present = torch.rand(size, 2) * 0.9 + 0.1, torch.ones(size, 2, dtype=torch.bool)
    with torch.inference_mode():
        weights = solver.weights(torch.ones(size, 2), present)
        systems, rights = solver.system(weights), solver.right_side(target, face, voice, weights)

        def one_by_one() -> object:
            return [torch.linalg.solve(system, right) for system, right in zip(systems, rights, strict=True)]

        def median(act: Callable[[], object]) -> float:
            return float(np.median(milliseconds(act, times=5 if size > 1000 else 50)))

        shared = median(lambda: solver.solve_shared(target, face, voice, (True, True)))
        each = median(lambda: solver(target, face, voice, quality, present))
        baseline = median(one_by_one)
    return [str(size), f"{shared:.3f}", f"{each:.2f}", f"{baseline:.2f}", f"{baseline / shared:.0f}"]


def _unit(width: int, rows: int) -> np.ndarray:
    drawn = np.random.default_rng(width + rows).standard_normal((rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
