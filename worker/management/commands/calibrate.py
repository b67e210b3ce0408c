"""``manage.py calibrate``: what a cosine of the pack's models is worth, from folders of people or a feature file; or,
with ``--gate``, what a gate's ratio is worth, from attempts that operators have labelled."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from models.data.features import CLEAN, FACE, VOICE, ModalityFeatures, read
from models.errors import ModelMissing, WrongHash
from models.evaluation.calibration import fit, measure, trial_counts, trials_from
from models.evaluation.decision import Stakes
from models.evaluation.errors import TooFewTrials
from models.evaluation.record import CalibrationRecord, Method
from models.evaluation.scores import ScoreSet
from models.gates import write_gate
from models.registry import CALIBRATIONS
from worker import runtime, wiring
from worker.cascade.types import Gate
from worker.engines.building import gate_card
from worker.engines.types import Engines, ModelCard
from worker.folders import embed_people
from worker.gate_calibration import STAGES, recalibrated

ENROLLED = 3
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Source:
    """The people of one data set: unit embeddings by "data set/person", and how many samples could not be used."""

    dataset: str
    people: dict[str, np.ndarray]
    not_usable: int = 0


class Command(BaseCommand):
    help = "Fit and measure the calibration of a pack's face and voice model on disjoint halves of the people given."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--pack", default=settings.ENV.pack)
        parser.add_argument("--faces", type=Path, nargs="*", default=[], help="folders of <person>/<picture>")
        parser.add_argument("--voices", type=Path, nargs="*", default=[], help="folders of <person>/<recording>")
        parser.add_argument("--features", type=Path, help="a file of extract_features, instead of folders")
        parser.add_argument("--name", default="", help="what the data are called in the model card")
        parser.add_argument("--most", type=int, default=8, help="samples used of one person")
        parser.add_argument("--method", choices=[method.value for method in Method], default="logistic")
        parser.add_argument(
            "--fmr",
            type=float,
            nargs="+",
            help="false match rates to set thresholds for; default: those of 0.01, 0.001, 0.0001 that the data support",
        )
        parser.add_argument(
            "--gate",
            choices=[*STAGES, *(gate.value for gates in STAGES.values() for gate in gates)],
            help="instead: fit a gate, or all of a stage, to the attempts that operators have labelled",
        )
        parser.add_argument("--ship", action="store_true", help="write beside the model cards that come with COSMIC")

    def handle(self, **options) -> None:
        wiring.configure_runtime()
        if options["gate"]:
            self._calibrate_gates(options["gate"])
            return
        try:
            found = from_features(options) if options["features"] else from_folders(options)
            for card, sources in found:
                self._calibrate(card, sources, options)
        except (ModelMissing, WrongHash, OSError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _calibrate_gates(self, chosen: str) -> None:
        """A stage's gates are each fitted where there are labels enough; one that is named has to be."""
        places = wiring.places()
        done = []
        for gate in STAGES.get(chosen, (Gate(chosen),) if chosen not in STAGES else ()):
            try:
                card = gate_card(gate.value, places)
                fitted = recalibrated(gate, card, command=f"manage.py calibrate --gate {gate.value}")
            except (ModelMissing, TooFewTrials, ValueError) as error:
                self.stdout.write(f"{gate.value}: not calibrated: {error}")
                continue
            path = write_gate(fitted.card, places.state_dir / "gates")
            done.append(gate)
            self.stdout.write(f"{gate.value}: {path}, from {fitted.attempts} labelled attempts")
            self.stdout.write(json.dumps(fitted.card.measured, indent=2))
        if not done:
            raise CommandError("no gate was calibrated; the shipped ones stay in force")
        self.stdout.write("Workers use it once they are restarted.")

    def _calibrate(self, card: ModelCard, sources: list[Source], options: dict) -> None:
        """Each data set is a set of its own: people of different ones are never compared, their recordings differ."""
        env = settings.ENV
        try:
            fitted_on, held_out = halves(sources, card.name)
            calibrator = fit(fitted_on, Method(options["method"]))
            measured = measure(
                calibrator,
                fitted_on,
                held_out,
                stakes=Stakes(env.prior, env.cost_false_match, env.cost_false_non_match),
                fmrs=options["fmr"],
                seed=SEED,
            )
        except TooFewTrials as error:
            raise CommandError(f"{card.modality}: {error}") from error
        data = tuple(source.dataset for source in sources)
        record = CalibrationRecord(
            name=f"{card.name}/{options['name'] or ','.join(data)}",
            model=card.name,
            sha256=card.sha256,
            modality=card.modality,
            score_map=calibrator.score_map,
            fitted_on=trial_counts(fitted_on),
            measured=measured,
            data=data,
            not_usable=sum(source.not_usable for source in sources),
            enrolled=ENROLLED,
            made_at=datetime.datetime.now(datetime.UTC).date().isoformat(),
            command=command_line(card, options),
        )
        folder = CALIBRATIONS if options["ship"] else runtime.configuration().places.calibrations
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{card.name}.json"
        path.write_text(json.dumps(record.to_json(), indent=2) + "\n")
        self.stdout.write(f"{path}\n{json.dumps(record.to_json()['measured'], indent=2)}")


def from_folders(options: dict) -> Iterator[tuple[ModelCard, list[Source]]]:
    """Models with people, embedded now.

    Raises:
        CommandError: no folder was given.
        models.errors.ModelMissing: the pack is not at hand.
    """
    if not options["faces"] and not options["voices"]:
        raise CommandError("give --faces, --voices or both, or --features")
    engines: Engines = runtime.build(options["pack"], runtime.configuration(), calibrated=False)
    for modality, card in ((FACE, engines.face.card), (VOICE, engines.voice.card)):
        folders = options[f"{modality}s"]
        if folders:
            yield card, [Source(one.name, *embed_people(modality, one, engines, options["most"])) for one in folders]


def from_features(options: dict) -> Iterator[tuple[ModelCard, list[Source]]]:
    """Models with people from a feature file, whose clean samples a login would take; no network runs.

    Raises:
        CommandError: folders were given too, or the file is of other models than the pack's.
        ValueError, FileNotFoundError: it is no feature file.
    """
    if options["faces"] or options["voices"]:
        raise CommandError("give --features or folders, not both")
    features = read(options["features"])
    header, places = features.header, runtime.configuration().places
    pack = runtime.recognising(options["pack"])
    for modality, name, made_by in (
        (FACE, pack.face, (header.face_model, header.face_sha256)),
        (VOICE, pack.voice, (header.voice_model, header.voice_sha256)),
    ):
        card = runtime.card(name, modality, options["pack"], places, calibrated=False)
        if (card.name, card.sha256) != made_by or header.pack != options["pack"]:
            raise CommandError(f"{options['features']} was made with pack {header.pack} and {made_by[0]} {made_by[1]}")
        if len(features.of(modality)):
            yield card, sources_of(features.of(modality), options["most"])


def sources_of(samples: ModalityFeatures, most: int) -> list[Source]:
    """The people of each data set who have two usable clean samples at least, each with ``most`` at most."""
    clean = samples.condition == CLEAN
    usable = clean & (samples.refused == "")
    sources = []
    for dataset in np.unique(samples.dataset[clean]):
        here = np.flatnonzero(usable & (samples.dataset == dataset))
        rows = {person: here[samples.identity[here] == person] for person in np.unique(samples.identity[here])}
        people = {str(person): samples.embeddings[found[:most]] for person, found in rows.items() if len(found) > 1}
        sources.append(Source(str(dataset), people, int((clean & ~usable & (samples.dataset == dataset)).sum())))
    return sources


def halves(sources: list[Source], name: str) -> tuple[ScoreSet, ScoreSet]:
    """The trials of two disjoint halves of the people, each data set split by itself.

    Raises:
        TooFewTrials: no data set has two people in both halves.
    """
    parts: tuple[list[ScoreSet], list[ScoreSet]] = ([], [])
    for source in sources:
        names = sorted(source.people)
        random.Random(SEED).shuffle(names)  # noqa: S311  (a split, not a secret)
        for half in (0, 1):
            chosen = {one: source.people[one] for one in names[half::2]}
            if len(chosen) > 1:
                parts[half].append(trials_from(chosen, enrolled=ENROLLED, name=name, group=source.dataset))
    if not all(parts):
        people = sum(len(source.people) for source in sources)
        raise TooFewTrials("people with two usable samples", available=people, needed=4)
    return _joined(parts[0]), _joined(parts[1])


def command_line(card: ModelCard, options: dict) -> str:
    """How to make the calibration again; the folders' places are the operator's own business."""
    given = "--features ..." if options["features"] else f"--{card.modality}s ..."
    points = f" --fmr {' '.join(f'{fmr:g}' for fmr in options['fmr'])}" if options["fmr"] else ""
    return (
        f"manage.py calibrate --pack {options['pack']} {given} --most {options['most']} "
        f"--method {options['method']}{points}"
    )


def _joined(parts: list[ScoreSet]) -> ScoreSet:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.joined(part)
    return whole
