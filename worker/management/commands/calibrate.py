"""``manage.py calibrate``: what a cosine of the pack's models is worth, from folders of people."""

from __future__ import annotations

import datetime
import json
import random
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from models.errors import ModelMissing
from models.evaluation.calibration import TooFewTrials, Trials, fit, measure, trials_from
from models.registry import CALIBRATIONS
from worker import runtime, wiring
from worker.cascade.decode import decode_audio, decode_image
from worker.cascade.types import CaptureUnusable
from worker.engines.types import Engines, Vector

ENROLLED = 3
SEED = 20_260_101
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
SOUNDS = (".wav", ".flac", ".ogg")
SHORTEST_SECONDS = 3.0


class Command(BaseCommand):
    help = "Fit and measure the calibration of a pack's face and voice model on disjoint halves of the people given."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--pack", default=settings.ENV.pack)
        parser.add_argument("--faces", type=Path, nargs="*", default=[], help="folders of <person>/<picture>")
        parser.add_argument("--voices", type=Path, nargs="*", default=[], help="folders of <person>/<recording>")
        parser.add_argument("--name", default="", help="what the data are called in the model card")
        parser.add_argument("--most", type=int, default=8, help="files used of one person")
        parser.add_argument("--ship", action="store_true", help="write beside the model cards that come with COSMIC")

    def handle(self, **options) -> None:
        wiring.configure_runtime()
        try:
            engines = runtime.build(options["pack"], runtime.configuration(), calibrated=False)
        except ModelMissing as error:
            raise CommandError(str(error)) from error
        if not options["faces"] and not options["voices"]:
            raise CommandError("give --faces, --voices or both")
        folder = CALIBRATIONS if options["ship"] else runtime.configuration().places.calibrations
        for modality in ("face", "voice"):
            if options[f"{modality}s"]:
                self._calibrate(modality, engines, folder, options)

    def _calibrate(self, modality: str, engines: Engines, folder: Path, options: dict) -> None:
        """Each folder is a set of its own: people of different sets are never compared, since their recordings differ."""
        halves: list[list[Trials]] = [[], []]
        failed = 0
        for source in options[f"{modality}s"]:
            people, unusable = self._embed_people(modality, source, engines, options["most"])
            failed += unusable
            names = sorted(people)
            random.Random(SEED).shuffle(names)  # noqa: S311  (a split, not a secret)
            for half in (0, 1):
                chosen = {name: people[name] for name in names[half::2]}
                if len(chosen) > 1:
                    halves[half].append(trials_from(chosen, enrolled=ENROLLED))
        try:
            fitted, held_out = (_all(half) for half in halves)
            slope, offset = fit(fitted)
        except TooFewTrials as error:
            raise CommandError(f"{modality}: {error}") from error
        card = engines.face.card if modality == "face" else engines.voice.card
        values = {
            "name": f"{card.name}/{options['name'] or ','.join(path.name for path in options[f'{modality}s'])}",
            "sha256": card.sha256,
            "slope": slope,
            "offset": offset,
            "identities": fitted.identities,
            "trials": len(fitted.genuine) + len(fitted.impostor),
            "measured": measure(held_out, slope, offset, prior=settings.ENV.prior),
            "method": f"logistic; reference of up to {ENROLLED} samples; people split in two disjoint halves",
            "data": [path.name for path in options[f"{modality}s"]],
            "not_usable": failed,
            "command": f"manage.py calibrate --pack {options['pack']} --{modality}s ... --most {options['most']}",
            "made_at": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{card.name}.json"
        path.write_text(json.dumps(values, indent=2) + "\n")
        self.stdout.write(f"{path}\n{json.dumps(values['measured'], indent=2)}")

    def _embed_people(
        self, modality: str, source: Path, engines: Engines, most: int
    ) -> tuple[dict[str, np.ndarray], int]:
        people: dict[str, np.ndarray] = {}
        unusable = 0
        suffixes = PICTURES if modality == "face" else SOUNDS
        folders = sorted(path for path in source.iterdir() if path.is_dir())
        for folder in tqdm(folders, desc=f"{modality} {source.name}", unit="person"):
            files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes]
            vectors, failed = (
                _face_vectors(files, engines, most) if modality == "face" else _voice_vectors(files, engines, most)
            )
            unusable += failed
            if len(vectors) > 1:
                people[folder.name] = np.stack(vectors)
        return people, unusable


def _face_vectors(files: list[Path], engines: Engines, most: int) -> tuple[list[Vector], int]:
    """Embeddings of the largest face of each picture; a person with one picture is passed over, nothing compares."""
    if len(files) < 2:
        return [], 0
    vectors, failed = [], 0
    for path in files[:most]:
        try:
            picture = decode_image(path.read_bytes())
        except CaptureUnusable:
            failed += 1
            continue
        faces = engines.detector.detect(picture)
        if not faces:
            failed += 1
            continue
        vectors.append(engines.face.embed(picture, faces[0]))
    return vectors, failed


def _voice_vectors(files: list[Path], engines: Engines, most: int) -> tuple[list[Vector], int]:
    """Embeddings of utterances; short recordings are joined until they last SHORTEST_SECONDS."""
    vectors: list[Vector] = []
    joined = np.zeros(0, np.float32)
    failed = 0
    for path in files:
        try:
            joined = np.concatenate([joined, decode_audio(path.read_bytes())])
        except CaptureUnusable:
            failed += 1
            continue
        if len(joined) >= SHORTEST_SECONDS * 16_000:
            vectors.append(engines.voice.embed(joined))
            joined = np.zeros(0, np.float32)
        if len(vectors) == most:
            break
    return vectors, failed


def _all(parts: list[Trials]) -> Trials:
    if not parts:
        raise TooFewTrials("fewer than two people with two usable samples each")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.joined(part)
    return whole
