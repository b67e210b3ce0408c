"""What ``manage.py evaluate`` does: scores that are kept, or a method that scores now, and attacks, as one report."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.cosmic.config import TrainConfig
from models.data.features import Features
from models.data.folds import TooFewIdentities
from models.data.load import load
from models.data.trials import Trials
from models.evaluation.comparisons import System, summaries_of
from models.evaluation.identification import NOBODY, Identification, identification
from models.evaluation.pad import PadReport, pad_table
from models.evaluation.report import Attacks, DataSet, Pairing, ReportData, write_report
from models.evaluation.scores import ScoreSet
from models.evaluation.summary import Summary
from models.training.calibrated import calibrated
from models.training.checkpoint import git_revision
from models.training.command import chosen_folds
from models.training.experiment import SETTINGS, Experiment, Method, Modalities, score_set
from models.training.fold import experiment_of
from models.training.score_fusion import CosineMethod, LogisticFusion, SumOfScores
from worker.evaluation_conditions import by_own_modality
from worker.evaluation_files import Presentations, read_labels, read_presentations
from worker.evaluation_people import in_scores, pairing_of, tested
from worker.evaluation_request import Request
from worker.fusion_export import trained_cosmic, trained_mimop

LOAD = {"mimop": trained_mimop, "cosmic": trained_cosmic}
PROTOCOL = (
    "Every probe is compared with every reference of its fold. A reference is the mean of up to 3 clean samples of a "
    "person; probes are other recordings of theirs, half of them clean, half degraded. Folds share no identity, neither "
    "a face nor a voice: training people fit the method, validation people the calibration to likelihood ratios, and "
    "test people alone are counted. Chimeric people are drawn several times, each time with other faces for the same "
    "voices, and all drawings are pooled, so that trials hang together: intervals come from a bootstrap over voice "
    "identities, not over trials. Faces, which the drawings share, are not drawn anew by it."
)
UNKNOWN = "Files of scores do not say how their trials came about. Those that COSMIC writes come about like this. "


@dataclass(frozen=True, slots=True)
class Measured:
    """Scores, searches, whom they are of, and what a reader has to know of them."""

    systems: tuple[System, ...] = ()
    searches: tuple[Identification, ...] = ()
    datasets: tuple[DataSet, ...] = ()
    pairing: Pairing = Pairing.ONE_MODALITY
    protocol: str = ""
    notes: tuple[str, ...] = ()


def evaluate(request: Request) -> list[tuple[System, Summary]]:
    """Write the report, and beside it the scores where they are made now; give what a table on a terminal shows.

    Raises:
        ValueError: a file is not what it should be, or they do not belong together.
        OSError: a file is not there.
        models.evaluation.errors.TooFewTrials: too few people to calibrate on.
    """
    attacks, presentations = _attacks(request)
    measured = Measured(protocol="Presentation attacks alone.")
    if request.scores:
        measured = _kept(request)
    elif request.method:
        measured = _scored(request)
    if request.labels is not None:
        measured = _labelled(measured, request.labels)
    data = ReportData(
        title=f"Evaluation: {_title(measured.systems)}",
        made_at=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, code of revision {git_revision()},",
        command=request.command,
        protocol=measured.protocol,
        pairing=measured.pairing,
        datasets=(*measured.datasets, *presentations),
        systems=tuple(by_own_modality(one) for one in measured.systems),
        searches=measured.searches,
        attacks=attacks,
        notes=measured.notes,
        seed=request.seed,
        draws=request.draws,
    )
    summaries = summaries_of(data.systems, data.drawing)
    request.out.parent.mkdir(parents=True, exist_ok=True)
    if request.method:
        for system in measured.systems:
            name = f"{request.out.stem}-{system.setting.replace('+', '_')}.npz"
            system.scores.save(request.out.with_name(name))
    write_report(request.out, data, summaries)
    return list(zip(data.systems, summaries, strict=True))


def _title(systems: tuple[System, ...]) -> str:
    return ", ".join(dict.fromkeys(one.label for one in systems)) or "presentation attacks"


def _kept(request: Request) -> Measured:
    systems: list[System] = []
    notes: list[str] = []
    for source in request.scores:
        if source.is_dir():
            for setting in request.settings:
                scores, without = joined_folds(source, setting)
                systems.append(System(scores, request.ratios, setting))
                notes += [f"{scores.name}: {fold} holds none of its scores and is left out." for fold in without]
        elif not source.exists():
            raise ValueError(f"there is no {source}")
        elif source.suffix == ".npz":
            scores = ScoreSet.load(source)
            ending = scores.name.rpartition(", ")[2]
            known = ending in {one.name for one in SETTINGS}
            systems.append(System(scores, request.ratios, ending if known else ""))
        else:
            raise ValueError(f"{source} is no folder of run_ablation and no .npz of scores")
    features = None if request.features is None else load(request.features)
    datasets, people = in_scores(systems, features)
    return Measured(
        systems=tuple(systems),
        datasets=datasets,
        pairing=Pairing.NOT_KEPT if features is None else pairing_of(features),
        protocol=PROTOCOL if all(source.is_dir() for source in request.scores) else UNKNOWN + PROTOCOL,
        notes=(people, *notes, *_different_trials(systems)),
    )


def joined_folds(folder: Path, setting: str) -> tuple[ScoreSet, list[str]]:
    """The scores of all folds of a variant, and the names of folds that have none of this setting.

    Raises:
        ValueError: no fold has any, or a file holds no scores.
    """
    name = f"{setting.replace('+', '_')}.npz"
    folds = sorted(path for path in folder.glob("fold*") if path.is_dir())
    parts = [ScoreSet.load(path / name) for path in folds if (path / name).is_file()]
    if not parts:
        raise ValueError(f"{folder} holds no fold*/{name}, as run_ablation writes it")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.joined(part)
    return whole, [path.name for path in folds if not (path / name).is_file()]


def _different_trials(systems: list[System]) -> list[str]:
    """Figures of different trials are no comparison of systems, and a reader has to be told."""
    first: dict[str, ScoreSet] = {}
    notes = []
    for one in systems:
        other = first.setdefault(one.setting, one.scores)
        columns = ("probe_identity", "reference_identity", "condition", "fold")
        if not all(np.array_equal(getattr(one.scores, name), getattr(other, name)) for name in columns):
            notes.append(f"{one.scores.name} was not measured on the trials of {other.name}: do not compare the two.")
    return notes


def _scored(request: Request) -> Measured:
    assert request.features is not None  # noqa: S101  (Request has checked)
    features = load(request.features)
    method, experiment = fitted(request, features)
    systems, searches = [], []
    for setting in method.settings:
        test = score_set(method, experiment.test, setting, fold=experiment.fold.index)
        scores = calibrated(test, score_set(method, experiment.validation, setting))
        systems.append(System(scores, llr=True, setting=setting.name))
        searches.append(search(method, experiment.test[0], setting, seed=request.seed))
    note = (
        f"Fold {experiment.fold.index}, {experiment.drawings} drawing{'s' * (experiment.drawings > 1)} of its people. "
        "Searches are of one drawing: the gallery holds half of its people, and probes of the others have no mate."
    )
    datasets, people = tested(features, experiment)
    return Measured(
        systems=tuple(systems),
        searches=tuple(searches),
        datasets=datasets,
        pairing=pairing_of(features),
        protocol=PROTOCOL,
        notes=(people, note),
    )


def fitted(request: Request, features: Features) -> tuple[Method, Experiment]:
    """The method, fitted on the training people of the fold or read from a checkpoint, and the data of its fold.

    Raises:
        ValueError: there is no such fold, too few people, or a checkpoint of something else.
    """
    if request.checkpoint is not None:
        trained = LOAD[request.method](request.checkpoint, features)
        own = trained.experiment.fold.index
        if request.fold not in (None, own):
            raise ValueError(f"{request.checkpoint} was trained on fold {own}: people of others have trained it")
        return trained.method, trained.experiment
    config = TrainConfig()
    (fold,) = chosen_folds(request.fold or 0, config.folds)
    try:
        experiment = experiment_of(config, features, fold)
    except TooFewIdentities as error:
        raise ValueError(f"{request.features}: {error}") from error
    return _by_scores(request.method, experiment), experiment


def _by_scores(name: str, experiment: Experiment) -> Method:
    if name in ("face", "voice"):
        return CosineMethod(name, ("face", "voice").index(name))
    if name == "B2":
        return SumOfScores(experiment.train)
    return LogisticFusion(experiment.train, quality=name == "B4q")


def search(method: Method, trials: Trials, setting: Modalities, *, seed: int) -> Identification:
    """A gallery of half of the people, searched by everybody's probes."""
    people = len(trials.references)
    gallery = np.sort(np.random.default_rng(seed).permutation(people)[: people // 2])
    place = np.full(people, NOBODY)
    place[gallery] = np.arange(len(gallery))
    similarity = method.scores(
        trials.probes.only(face=setting.face, voice=setting.voice), trials.references.take(gallery)
    )
    return identification(similarity, place[trials.owner], name=f"{method.name}, {setting.name}")


def _labelled(measured: Measured, path: Path) -> Measured:
    """Groups of the file in place of those of the scores, by the person of the probe."""
    groups = read_labels(path)
    systems = []
    for one in measured.systems:
        names = one.scores.probe_identity.tolist()
        if not groups.keys() & set(names):
            raise ValueError(f"{path} names nobody of {one.scores.name}, such as {names[0]}")
        group = np.array([groups.get(name, "") for name in names], np.str_)
        systems.append(dataclasses.replace(one, scores=dataclasses.replace(one.scores, group=group)))
    note = f"Groups are those that {path.name} gives the person of the probe."
    return dataclasses.replace(measured, systems=tuple(systems), notes=(*measured.notes, note))


def _attacks(request: Request) -> tuple[tuple[Attacks, ...], tuple[DataSet, ...]]:
    """Rates over all presentations, then over those of each group."""
    if request.pad is None:
        return (), ()
    found = read_presentations(request.pad)
    names = sorted(set(found.group))
    parts = {request.pad.stem: np.ones(len(found.score), np.bool_)}
    if len(names) > 1:
        groups = np.array(found.group)
        parts |= {f"{request.pad.stem}, {name or '(no group)'}": groups == name for name in names}
    tables = tuple(Attacks(name, _pad_report(request, found, mask, name)) for name, mask in parts.items())
    people = 0 if found.subject is None else len(set(found.subject))
    note = "presentations" if people else "presentations, subjects not known"
    return tables, (DataSet(request.pad.name, people, len(found.score), 0, note),)


def _pad_report(request: Request, found: Presentations, mask: NDArray[np.bool_], name: str) -> PadReport:
    assert request.pad_threshold is not None  # noqa: S101  (Request has checked)
    subjects = None if found.subject is None else np.array(found.subject)[mask]
    instruments = np.array(found.instrument)[mask]
    try:
        return pad_table(
            np.array(found.score)[mask],
            instruments,
            subjects,
            request.pad_threshold,
            seed=request.seed,
            draws=request.draws,
        )
    except ValueError as error:
        raise ValueError(f"{request.pad}, {name}: {error}") from error
