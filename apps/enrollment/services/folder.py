"""Enrolment of a folder of people: ``<username>/*.jpg`` and ``<username>/voice/*.wav``. Safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from apps.captures.bundle import Bundle
from apps.enrollment.models import EnrolmentJob
from apps.enrollment.services.start import start_enrolment
from apps.enrollment.services.work_off import Embed, LogLikelihoodRatio, work_off
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.consent import record_consent
from apps.identities.services.people import create_person
from apps.identities.services.templates import fingerprint_of

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
SOUNDS = {".wav", ".flac", ".ogg"}


@dataclass(slots=True)
class FolderReport:
    """What became of one folder. ``refused`` is (file, code)."""

    username: str
    status: str = ""
    accepted: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def people_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def enrol_folder(
    *,
    folders: Iterable[Path],
    embed: Embed,
    llr: LogLikelihoodRatio,
    actor_id: object,
    on_done: Callable[[FolderReport], object],
) -> list[FolderReport]:
    """Enrol each folder as the person it is named after; ``on_done`` hears of each one."""
    reports = []
    for folder in folders:
        report = FolderReport(folder.name)
        try:
            _enrol_one(folder, report, embed, llr, actor_id)
        except CosmicError as error:
            report.status = error.code.value
        reports.append(report)
        on_done(report)
    return reports


def _enrol_one(folder: Path, report: FolderReport, embed: Embed, llr: LogLikelihoodRatio, actor_id: object) -> None:
    person = Person.objects.filter(user__username=folder.name).first()
    known = set(person.samples.values_list("fingerprint", flat=True)) if person else set()
    pictures = _read(folder, PICTURES, known, report)
    sounds = _read(folder / "voice", SOUNDS, known, report)
    _name_other_files(folder, report)
    if not pictures and not sounds:
        report.status = "nothing_new" if report.known else ErrorCode.NOTHING_USABLE.value
        return
    if person is None:
        person = create_person(username=folder.name, actor_id=actor_id)
    if not person.consents.filter(withdrawn_at=None).exists():
        record_consent(person=person, actor_id=actor_id)
    bundle = Bundle(frames=[content for _, content in pictures], voices=[content for _, content in sounds])
    job = start_enrolment(
        person=person, bundle=bundle, source=EnrolmentJob.Source.FOLDER, actor_id=actor_id, dispatched=False
    )
    work_off(str(job.public_id), embed, llr)
    job.refresh_from_db()
    names = {f"picture {index + 1}": path.name for index, (path, _) in enumerate(pictures)}
    names |= {f"recording {index + 1}": f"voice/{path.name}" for index, (path, _) in enumerate(sounds)}
    report.refused += [(names.get(entry["file"], entry["file"]), entry["code"]) for entry in job.refusals]
    report.status, report.accepted = job.status, job.accepted


def _read(folder: Path, suffixes: set[str], known: set[str], report: FolderReport) -> list[tuple[Path, bytes]]:
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.suffix.lower() not in suffixes:
            continue
        content = path.read_bytes()
        if not content:
            report.refused.append((path.name, ErrorCode.EMPTY_FILE.value))
        elif fingerprint_of(content) in known:
            report.known += 1
        else:
            found.append((path, content))
    return found


def _name_other_files(folder: Path, report: FolderReport) -> None:
    """What is neither picture nor recording is said, not passed over in silence."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() not in PICTURES and not path.name.startswith("."):
            report.refused.append((path.name, ErrorCode.UNSUPPORTED_MEDIA.value))
