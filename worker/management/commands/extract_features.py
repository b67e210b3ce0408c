"""``manage.py extract_features``: folders of people to a feature file, from which the fusion models are trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from models.data.features import FACE, VOICE, FeaturesMismatch, FeatureStore
from models.data.layouts import SampleFile, mavceleb, of_people_with, people_folder
from models.errors import ModelMissing, WrongHash
from worker import runtime, wiring
from worker.engines.context import ContextEngine
from worker.extraction import Event, Extractor, Happened, conditions_of, header_of

FAILURES_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Embed every sample of some folders, clean and degraded, into a feature file. "
        "Run it again to go on after a break: what the file has already is not looked at again."
    )

    def add_arguments(self, parser) -> None:
        folders = {"nargs": "+", "default": [], "metavar": "[NAME=]FOLDER"}
        parser.add_argument("--pack", default=settings.ENV.pack)
        parser.add_argument("--faces", **folders, help="of <person>/<picture> or <person>/<session>/<picture>")
        parser.add_argument("--voices", **folders, help="of recordings, laid out alike; short ones are joined")
        parser.add_argument("--mavceleb", type=Path, help="root of MAV-Celeb's faces/ and voices/")
        parser.add_argument("--out", type=Path, required=True, help="the feature file (SQLite)")
        parser.add_argument("--most", type=int, help="samples used of one person; default: all")
        parser.add_argument("--least", type=int, default=2, help="people with fewer samples are passed over")
        parser.add_argument("--conditions", choices=["all", "clean"], default="all")
        parser.add_argument("--only", choices=[FACE, VOICE], help="default: both")
        parser.add_argument("--failures", action="store_true", help="print every failure that the file knows of")

    def handle(self, **options) -> None:
        files, passed_over = found(options)
        wiring.configure_runtime()
        try:
            engines = runtime.build(options["pack"], runtime.configuration(), calibrated=False)
            store = FeatureStore(options["out"], header_of(engines))
        except (ModelMissing, WrongHash, FeaturesMismatch) as error:
            raise CommandError(str(error)) from error
        context = ContextEngine(engines.landmarks)
        if not context.measures_egemaps and any(file.modality == VOICE for file in files):
            self.stderr.write("openSMILE is not installed: the 88 eGeMAPS values of the context are not measured")
        events: list[Event] = []
        try:
            for event in progress(Extractor(engines, context, store), files, options["conditions"] == "clean"):
                events.append(event)
        except KeyboardInterrupt:
            raise CommandError("stopped; run the same again to go on") from None
        finally:
            print_summary(events, passed_over)
            print_failures(events, store, everything=options["failures"])
            store.close()


def found(options: dict) -> tuple[list[SampleFile], int]:
    """The sample files of all folders, and how many people have too few of them.

    Raises:
        CommandError: there is nothing to do, a folder is not there or another than it should be.
    """
    wanted = [options["only"]] if options["only"] else [FACE, VOICE]
    most = options["most"]
    if most is not None and most < 1:
        raise CommandError("--most has to be 1 or more")
    try:
        files = [
            file
            for modality in wanted
            for name, folder in named(options[f"{modality}s"])
            for file in people_folder(folder, modality, name, most=most)
        ]
        if options["mavceleb"] is not None:
            files += mavceleb(options["mavceleb"], modalities=wanted, most=most)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if not files:
        raise CommandError("give --faces, --voices or --mavceleb")
    return of_people_with(files, options["least"])


def named(folders: Iterable[str]) -> list[tuple[str, Path]]:
    """``NAME=FOLDER`` or ``FOLDER``, whose own name is then the data set's."""
    pairs = []
    for text in folders:
        name, given, folder = text.partition("=")
        path = Path(folder if given and not Path(text).is_dir() else text)
        pairs.append((name if str(path) != text else path.resolve().name, path))
    if len({name for name, _ in pairs}) < len(pairs):
        raise CommandError("two folders of one name; give NAME=FOLDER")
    return pairs


def progress(extractor: Extractor, files: list[SampleFile], clean_only: bool) -> Iterator[Event]:
    conditions = {modality: conditions_of(modality, clean_only=clean_only) for modality in (FACE, VOICE)}
    total = sum(len(conditions[file.modality]) for file in files)
    with tqdm(total=total, desc="samples", unit="sample", disable=None) as bar:
        for file in files:
            for event in extractor.extract(file, conditions[file.modality]):
                bar.update()
                yield event


def print_summary(events: list[Event], passed_over: int) -> None:
    counts = Counter((event.key.modality, event.key.dataset, event.key.condition, event.happened) for event in events)
    table = Table(title=f"{len(events)} samples; {passed_over} people had too few and were passed over")
    for heading in ("modality", "data set", "condition", *(happened.value for happened in Happened)):
        table.add_column(heading, justify="right" if heading in set(Happened) else "left")
    for row in sorted({key[:3] for key in counts}):
        table.add_row(*row, *(str(counts[*row, happened]) for happened in Happened))
    Console().print(table)


def print_failures(events: list[Event], store: FeatureStore, *, everything: bool) -> None:
    """Failures of this run by reason, and the first few; all that the file knows of where ``everything``."""
    failed = [event for event in events if event.happened is Happened.FAILED]
    lines = [(event.key, event.reason) for event in failed[:FAILURES_SHOWN]]
    if everything:
        lines = [(failure.key, failure.reason) for failure in store.failures()]
    console = Console()
    for reason, count in Counter(event.reason for event in failed).most_common():
        console.print(f"failed, {reason}: {count}")
    for key, reason in lines:
        console.print(f"{key.modality} {key.dataset}/{key.source} {key.condition}: {reason}", soft_wrap=True)
    if not everything and len(failed) > len(lines):
        console.print(f"and {len(failed) - len(lines)} more: --failures lists all")
