"""One HTML file that says what was measured, on whom, how sure it is, and what it could not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.evaluation import plots
from models.evaluation.ablation import TableRow
from models.evaluation.comparisons import Drawing, System, summaries_of, verification
from models.evaluation.errors import TooFewTrials
from models.evaluation.formats import (
    bits,
    operating_cells,
    percent,
    proportion_cells,
    rate,
    rate_cell,
    spread_cell,
)
from models.evaluation.identification import Identification
from models.evaluation.intervals import DRAWS, wilson
from models.evaluation.pad import PadReport
from models.evaluation.page import Markup, bullets, page, paragraph, section, table, with_small
from models.evaluation.page import plots as figures_of
from models.evaluation.record import CalibrationRecord
from models.evaluation.summary import Summary, too_few

SHARES = (0.10, 0.01)  # FPIR points
RANKS = (1, 5, 10)


class Pairing(StrEnum):
    """How the modalities of one identity belong together (Poh and Bengio 2005)."""

    ONE_MODALITY = "One modality: face and voice were not joined."
    TRUE_PAIRS = "True pairs: face and voice of an identity are of the same person."
    NOT_KEPT = "Whether face and voice of an identity are of the same person was not kept with the scores."
    CHIMERIC = (
        "Chimeric identities: a face of one data set was joined with a voice of another. They carry no association "
        "between face and voice, so nothing here speaks of telling a voice from a face."
    )


@dataclass(frozen=True, slots=True)
class DataSet:
    """A source of samples; numbers that nobody kept are None. ``note`` says licence, or what the samples show."""

    name: str
    identities: int | None
    samples: int | None
    not_usable: int | None = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Attacks:
    """Presentation attack detection by one detector."""

    name: str
    report: PadReport


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a report is made from.

    Arguments:
        protocol: who was compared with whom, and what was fitted where.
        ablation: rows of ``models.evaluation.ablation.table``.
        notes: what a reader has to know beside the figures.
        seed, draws: of the bootstrap over identities.
    """

    title: str
    made_at: str
    command: str
    protocol: str
    pairing: Pairing
    datasets: tuple[DataSet, ...]
    systems: tuple[System, ...] = ()
    searches: tuple[Identification, ...] = ()
    attacks: tuple[Attacks, ...] = ()
    calibrations: tuple[CalibrationRecord, ...] = ()
    ablation: tuple[TableRow, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0
    draws: int = DRAWS

    @property
    def drawing(self) -> Drawing:
        return Drawing(self.seed, self.draws)


def write_report(path: Path, data: ReportData, summaries: Sequence[Summary] | None = None) -> None:
    """Write the report as one file that loads nothing else; the same data give the same file.

    Arguments:
        summaries: of the systems, where they have been computed already.
    """
    path.write_text(as_html(data, summaries), encoding="utf-8")


def as_html(data: ReportData, summaries: Sequence[Summary] | None = None) -> str:
    return page(data.title, _parts(data, summaries))


def _parts(data: ReportData, summaries: Sequence[Summary] | None) -> Iterator[Markup]:
    yield Markup(f"<h1>{with_small(data.title)}</h1>")
    yield section("What was measured", _measured(data))
    if data.systems:
        found = summaries_of(data.systems, data.drawing) if summaries is None else summaries
        yield section("Verification (1:1)", verification(data.systems, found, data.drawing))
    if data.calibrations:
        yield section("Calibrations, measured on other people", _calibrations(data))
    if data.searches:
        yield section("Search (1:N)", _searches(data))
    if data.attacks:
        yield section("Presentation attacks (ISO/IEC 30107-3)", _attacks(data))
    if data.ablation:
        yield section("Ablation", [_ablation(data)])


def _measured(data: ReportData) -> Iterator[Markup]:
    yield paragraph(data.protocol)
    yield paragraph(data.pairing.value)
    yield table(
        ["data set", "identities", "samples", "not usable", "note"],
        [
            (one.name, _counted(one.identities), _counted(one.samples), _counted(one.not_usable), one.note)
            for one in data.datasets
        ],
    )
    if data.notes:
        yield bullets(data.notes)
    yield Markup(f"<p>Made {with_small(data.made_at)} by <code>{with_small(data.command)}</code></p>")


def _counted(number: int | None) -> str:
    return "not kept" if number is None else f"{number:,}"


def _calibrations(data: ReportData) -> Iterator[Markup]:
    for record in data.calibrations:
        measured, known, held_out = record.measured, record.fitted_on, record.measured.trials
        yield paragraph(
            f"{record.name} ({record.score_map.method.value}, {record.made_at}): fitted on {known.identities:,} people "
            f"({known.genuine:,} genuine, {known.impostor:,} impostor trials), measured on {held_out.identities:,} others "
            f"({held_out.genuine:,}, {held_out.impostor:,}). EER {rate(measured.eer)}, C_llr {bits(measured.cllr)}, "
            f"minimum {bits(measured.min_cllr)}. Weights sha256 {record.sha256}."
        )
        decision = measured.decision
        costs = f"{decision.cost_false_match:g} to {decision.cost_false_non_match:g}"
        rows = [(f"FMR {point.chosen_fmr:g}", *operating_cells(point.measured)) for point in measured.thresholds]
        rows.append((f"prior {decision.prior:g}, costs {costs}", *operating_cells(decision.measured)))
        yield table(["set for", "threshold", "FMR", "FNMR"], rows, caption="Log-likelihood ratios, natural")


def _searches(data: ReportData) -> Iterator[Markup]:
    rows = []
    for found in data.searches:
        mated, others = len(found.mate_rank), len(found.top_score)
        ranks = [rate_cell(wilson(int((found.mate_rank <= rank).sum()), mated)) if mated else "" for rank in RANKS]
        rows.append([found.name, f"{found.gallery:,}", f"{mated:,}", f"{others:,}", *ranks, *_fnir(found)])
    yield table(
        ["system", "gallery", "mated probes", "non-mated", *(f"rank {rank}" for rank in RANKS)]
        + [f"FNIR at FPIR {share:g}" for share in SHARES],
        rows,
        caption="Ties count against the system. Intervals are Wilson's, which take probes to be independent.",
    )
    mated_searches = [found for found in data.searches if len(found.mate_rank)]
    if mated_searches:
        yield figures_of([("Cumulative match characteristic.", plots.cmc(mated_searches))])


def _fnir(found: Identification) -> Iterator[str]:
    for share in SHARES:
        if not len(found.mate_rank):
            yield ""
            continue
        try:
            yield percent(found.fnir_at_fpir(share)[0])
        except TooFewTrials as error:
            yield too_few(error)


def _attacks(data: ReportData) -> Iterator[Markup]:
    for one in data.attacks:
        report = one.report
        rows: list[list[object]] = [
            [f"APCER, {kind}" + (" (worst)" if kind == report.worst else ""), *proportion_cells(rate)]
            for kind, rate in report.apcer.items()
        ]
        rows.append(["BPCER", *proportion_cells(report.bpcer)])
        rows.append(["ACER", "", rate(report.acer)])
        for point in report.points:
            note = f"too few trials: needs {point.needed:,}, has {point.attacks:,}"
            rows.append([f"BPCER{1 / point.apcer:.0f} (APCER {point.apcer:.0%})", "", percent(point.bpcer) or note])
        people = "Wilson's intervals, presentations taken to be independent"
        if report.subjects is not None:
            people = f"intervals over {report.subjects} subjects"
        yield table(
            ["rate", "errors", "share"], rows, caption=f"{one.name}, threshold {report.threshold:.4g}; {people}."
        )


def _ablation(data: ReportData) -> Markup:
    names = list(dict.fromkeys(name for row in data.ablation for name in row.figures))
    return table(
        ["variant", "folds", *names],
        [
            [row.variant, row.folds, *(spread_cell(row.figures.get(name), row.folds) for name in names)]
            for row in data.ablation
        ],
        caption="Mean and deviation over folds.",
    )
