"""``manage.py evaluate --scores runs/ablation/B4 runs/ablation/MIMOP --out report.html``: one report, in one file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from models.evaluation.comparisons import System
from models.evaluation.errors import TooFewTrials
from models.evaluation.formats import percent
from models.evaluation.summary import CLLR, EER, MIN_CLLR, Figure, Summary, fnmr_name
from models.training.experiment import SETTINGS
from worker.evaluation import evaluate
from worker.evaluation_request import METHODS, Request

SHOWN = (EER, fnmr_name(1e-2), fnmr_name(1e-3), CLLR, MIN_CLLR)


class Command(BaseCommand):
    help = "Report on kept scores, or on a method that scores the test people of a fold now, and on spoofing attacks."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--scores", type=Path, nargs="+", default=[], help="folders of run_ablation, .npz files")
        names = [one.name for one in SETTINGS]
        parser.add_argument("--setting", nargs="+", choices=names, default=["face+voice"], help="of folders")
        parser.add_argument("--raw", action="store_true", help="the --scores are no log-likelihood ratios")
        parser.add_argument("--features", type=Path, help="to score now; with --scores: what data these are of")
        parser.add_argument("--method", choices=METHODS, default="")
        parser.add_argument("--checkpoint", type=Path, help="best.safetensors of mimop or cosmic")
        parser.add_argument("--fold", type=int, help="default: 0, or the checkpoint's own")
        parser.add_argument(
            "--pad", type=Path, help='CSV: attack_instrument ("bona_fide" for none), score, subject, group'
        )
        parser.add_argument("--pad-threshold", type=float, help="bona fide at or above it; chosen on other data")
        parser.add_argument("--labels", type=Path, help="CSV: identity, group")
        parser.add_argument("--draws", type=int, default=300, help="of the bootstrap over identities")
        parser.add_argument("--seed", type=int, default=0, help="of the bootstrap, and of who is in the gallery")
        parser.add_argument("--out", type=Path, required=True, help="the report, an HTML file")

    def handle(self, **options) -> None:
        try:
            found = evaluate(
                Request(
                    out=options["out"],
                    command=" ".join(["manage.py evaluate", *given(options)]),
                    scores=tuple(options["scores"]),
                    settings=tuple(dict.fromkeys(options["setting"])),
                    ratios=not options["raw"],
                    features=options["features"],
                    method=options["method"],
                    checkpoint=options["checkpoint"],
                    fold=options["fold"],
                    pad=options["pad"],
                    pad_threshold=options["pad_threshold"],
                    labels=options["labels"],
                    draws=options["draws"],
                    seed=options["seed"],
                )
            )
        except (ValueError, OSError, TooFewTrials) as error:
            raise CommandError(str(error)) from error
        if found:
            Console().print(table(found))
        self.stdout.write(f"{options['out']}")


def given(options: dict) -> Iterator[str]:
    """The options of this command as they would be typed again."""
    names = ("scores", "setting", "features", "method", "checkpoint", "fold", "pad", "pad_threshold", "labels")
    for name in (*names, "draws", "seed", "out"):
        value = options[name]
        if value is None or value in ("", []) or (name == "setting" and not options["scores"]):
            continue
        values = value if isinstance(value, list) else [value]
        yield " ".join([f"--{name.replace('_', '-')}", *(shlex.quote(str(one)) for one in values)])
    if options["raw"]:
        yield "--raw"


def table(found: list[tuple[System, Summary]]) -> Table:
    made = Table(show_lines=True)
    for heading in ("system", EER, "FNMR at\nFMR 0.01", "FNMR at\nFMR 0.001", CLLR, "min.\nC_llr"):
        made.add_column(heading, overflow="fold", no_wrap=heading in ("system", EER))
    for system, summary in found:
        figures = {one.name: one for one in summary.figures}
        name = "\n".join(filter(None, (system.label, system.setting, f"{summary.trials.identities:,} people")))
        made.add_row(name, *(cell(figures[one]) for one in SHOWN))
    return made


def cell(figure: Figure) -> str:
    if figure.estimate is None:
        return figure.note.removeprefix("too few trials: ")
    if figure.name in (CLLR, MIN_CLLR):
        return f"{figure.estimate:.3f}"
    if figure.name != EER or figure.interval is None:
        return percent(figure.estimate)
    return f"{percent(figure.estimate)}\n[{percent(figure.interval.low)} to {percent(figure.interval.high)}]"
