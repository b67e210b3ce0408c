"""``manage.py measure_gates``: what the gates' picture cues show on folders of pictures, and what they refuse.

Stills only: blink and motion need moving pictures. One picture is one attempt, so the shares say nothing of people.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from models.deepfake.cues.consistency import SIZE as CONSISTENCY_SIZE
from models.deepfake.cues.consistency import consistency_cues
from models.errors import ModelMissing
from models.liveness.cues.spectrum import SIZE as SPECTRUM_SIZE
from models.liveness.cues.spectrum import spectrum_cues
from worker import wiring
from worker.cascade.crops import grey_crop
from worker.cascade.decode import decode_image
from worker.cascade.stages import deepfake, liveness
from worker.cascade.types import CaptureUnusable
from worker.command_line import PICTURES
from worker.engines.types import Engines, Image

QUANTILES = (0.005, 0.05, 0.5, 0.95, 0.995)
# cue: (lowest allowed, highest allowed)
LIMITS = {
    "regularity": (-np.inf, liveness.LARGEST_REGULARITY),
    "network_score": (liveness.NETWORK_THRESHOLD, np.inf),
    "noise_ratio": (deepfake.SMALLEST_NOISE_RATIO, deepfake.LARGEST_NOISE_RATIO),
    "grid": (-np.inf, deepfake.LARGEST_GRID),
}


class Command(BaseCommand):
    help = "Measure the picture cues of the liveness and the deepfake gate on folders of pictures."

    def add_arguments(self, parser) -> None:
        parser.add_argument("folders", nargs="+", type=Path, help="searched whole")
        parser.add_argument("--most", type=int, default=0, help="pictures of one folder within these; 0: all")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, folders: list[Path], most: int, **options: object) -> None:
        try:
            engines = wiring.engines(settings.ENV.pack)
        except ModelMissing as error:
            raise CommandError(str(error)) from error
        results = {str(folder): measured(folder, most, engines) for folder in folders}
        if options["json"]:
            self.stdout.write(json.dumps(results, indent=2))
        else:
            print_tables(results)


def measured(folder: Path, most: int, engines: Engines) -> dict:
    """Quantiles of each cue over a folder's pictures, and the share that the limits refuse."""
    files = pictures_in(folder, most)
    if not files:
        raise CommandError(f"{folder} holds no pictures")
    rows: list[dict[str, float]] = []
    for path in tqdm(files, desc=folder.name, disable=None):
        try:
            found = cues_of(decode_image(path.read_bytes()), engines)
        except CaptureUnusable:
            continue
        if found is not None:
            rows.append(found)
    summary: dict = {"pictures": len(files), "with_one_face": len(rows), "cues": {}}
    refused = np.zeros(len(rows), bool)
    for name in rows[0] if rows else {}:
        values = np.array([row[name] for row in rows])
        lowest, highest = LIMITS[name]
        outside = (values < lowest) | (values > highest)
        refused |= outside
        summary["cues"][name] = {
            "quantiles": dict(zip(map(str, QUANTILES), np.quantile(values, QUANTILES).round(3).tolist(), strict=True)),
            "refused": round(float(outside.mean()), 4),
        }
    summary["refused_by_any"] = round(float(refused.mean()), 4) if rows else None
    return summary


def pictures_in(folder: Path, most: int) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not most:
        return files
    taken: dict[Path, int] = {}
    chosen = []
    for path in files:
        taken[path.parent] = taken.get(path.parent, 0) + 1
        if taken[path.parent] <= most:
            chosen.append(path)
    return chosen


def cues_of(image: Image, engines: Engines) -> dict[str, float] | None:
    """The cues of a picture with one face; None for others."""
    faces = engines.detector.detect(image)
    if len(faces) != 1:
        return None
    spectrum = spectrum_cues(grey_crop(image, faces[0], sides=1.0, size=SPECTRUM_SIZE))
    consistency = consistency_cues(grey_crop(image, faces[0], sides=2.0, size=CONSISTENCY_SIZE))
    cues = {
        "regularity": spectrum.regularity,
        "noise_ratio": consistency.noise_ratio,
        "grid": consistency.grid,
    }
    if engines.liveness is not None:
        cues["network_score"] = engines.liveness.score(image, faces[0])
    return cues


def print_tables(results: dict[str, dict]) -> None:
    for folder, summary in results.items():
        table = Table(title=f"{folder}: {summary['with_one_face']} of {summary['pictures']} pictures show one face")
        for heading in ("cue", *map(str, QUANTILES), "refused"):
            table.add_column(heading)
        for name, values in summary["cues"].items():
            table.add_row(name, *map(str, values["quantiles"].values()), f"{values['refused']:.2%}")
        Console().print(table)
        Console().print(f"refused by any: {summary['refused_by_any']:.2%}")
