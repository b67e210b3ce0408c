"""One HTML file that says what was measured, on whom, how sure it is, and what it could not say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.evaluation import plots
from models.evaluation.ablation import TableRow
from models.evaluation.errors import TooFewTrials
from models.evaluation.formats import (
    bits,
    figure_cell,
    operating_cells,
    percent,
    plain,
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
from models.evaluation.scores import ScoreSet
from models.evaluation.summary import Summary, ThresholdRow, breakdown, summarise, threshold_table, too_few

SHARES = (0.10, 0.01)  # FPIR points
RANKS = (1, 5, 10)


class Pairing(StrEnum):
    """How the modalities of one identity belong together (Poh and Bengio 2005)."""

    ONE_MODALITY = "One modality: face and voice were not joined."
    TRUE_PAIRS = "True pairs: face and voice of an identity are of the same person."
    CHIMERIC = (
        "Chimeric identities: a face of one data set was joined with a voice of another. They carry no association "
        "between face and voice, so nothing here speaks of telling a voice from a face."
    )


@dataclass(frozen=True, slots=True)
class DataSet:
    """A source of samples. ``note`` says licence, and whether any model here was trained on it."""

    name: str
    identities: int
    samples: int
    not_usable: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """Scores of one system; ``llr`` says that they are natural-log likelihood ratios."""

    scores: ScoreSet
    llr: bool


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


def write_report(path: Path, data: ReportData) -> None:
    """Write the report as one file that loads nothing else; the same data give the same file."""
    path.write_text(as_html(data), encoding="utf-8")


def as_html(data: ReportData) -> str:
    return page(data.title, _parts(data))


def _parts(data: ReportData) -> Iterator[Markup]:
    yield Markup(f"<h1>{with_small(data.title)}</h1>")
    yield section("What was measured", _measured(data))
    if data.systems:
        summaries = [summarise(one.scores, llr=one.llr, seed=data.seed, draws=data.draws) for one in data.systems]
        yield section("Verification (1:1)", _verification(data, summaries))
        yield from (_broken_down(data, column) for column in ("condition", "group") if _labels(data, column))
        yield section("Thresholds", _thresholds(data))
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
            (one.name, f"{one.identities:,}", f"{one.samples:,}", f"{one.not_usable:,}", one.note)
            for one in data.datasets
        ],
    )
    if data.notes:
        yield bullets(data.notes)
    yield Markup(f"<p>Made {with_small(data.made_at)} by <code>{with_small(data.command)}</code></p>")


def _verification(data: ReportData, summaries: list[Summary]) -> Iterator[Markup]:
    rows: list[list[object]] = [
        ["identities", *(f"{one.trials.identities:,}" for one in summaries)],
        ["genuine trials", *(f"{one.trials.genuine:,}" for one in summaries)],
        ["impostor trials", *(f"{one.trials.impostor:,}" for one in summaries)],
    ]
    for figures in zip(*(one.figures for one in summaries), strict=True):
        rows.append([figures[0].name, *map(figure_cell, figures)])
    yield table(
        ["", *(one.name for one in summaries)],
        rows,
        caption=f"In brackets the 95 % interval over identities (bootstrap, {data.draws:,} draws, seed {data.seed}); "
        "below it mean and deviation over identity-disjoint folds. C_llr in bits.",
    )
    yield from (paragraph(f"{one.name}: {one.note}") for one in summaries if one.note)
    scores = [one.scores for one in data.systems]
    ratios = [one.scores for one in data.systems if one.llr]
    drawings = [
        ("DET. Thin: fewer than 30 errors of either kind.", plots.det(scores)),
        ("ROC, the false match rate on a logarithmic axis.", plots.roc(scores)),
    ]
    drawings += [(f"Scores of {one.name}.", plots.histogram(one)) for one in scores]
    if ratios:
        drawings.append(("What the likelihood ratios are worth here against what they say.", plots.reliability(ratios)))
    drawings += [(f"Tippett plot of {one.name}.", plots.tippett(one)) for one in ratios]
    yield figures_of(drawings)


def _labels(data: ReportData, column: str) -> bool:
    return any(len(set(getattr(one.scores, column).tolist())) > 1 for one in data.systems)


def _broken_down(data: ReportData, column: str) -> Markup:
    parts: list[Markup] = []
    for system in data.systems:
        found = breakdown(system.scores, column, llr=system.llr, seed=data.seed, draws=data.draws)
        if found:
            parts.append(_breakdown_table(found, column, system.scores.name))
    return section(f"By {column}", parts)


def _breakdown_table(found: tuple[Summary, ...], column: str, name: str) -> Markup:
    """A row a label; a figure that no label supports has no column, and the caption says so."""
    every = list(dict.fromkeys(figure.name for one in found for figure in one.figures))
    shown = [
        name
        for name in every
        if any(figure.name == name and figure.estimate is not None for one in found for figure in one.figures)
    ]
    rows = []
    for one in found:
        counts = with_small(
            f"{one.trials.identities:,} people", f"{one.trials.genuine:,} genuine, {one.trials.impostor:,} impostor"
        )
        cells = [figure_cell(figure) for figure in one.figures if figure.name in shown]
        rows.append([with_small(one.name, one.note), counts, *(cells or [with_small("")] * len(shown))])
    left_out = ", ".join(name for name in every if name not in shown)
    caption = f"{name}. Nowhere to be had: {left_out}." if left_out else name
    return table([column, "trials", *shown], rows, caption=caption)


def _thresholds(data: ReportData) -> Iterator[Markup]:
    yield paragraph("Set on these very trials, so that the rates flatter a little: other people will bring others.")
    for system in data.systems:
        yield table(
            ["FMR at most", "threshold", "FMR", "FNMR"],
            [(f"{row.chosen_fmr:g}", *_threshold(row)) for row in threshold_table(system.scores)],
            caption=system.scores.name + (", natural-log likelihood ratios" if system.llr else ""),
        )


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
        ["", "gallery", "mated probes", "non-mated", *(f"rank {rank}" for rank in RANKS)]
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


def _threshold(row: ThresholdRow) -> tuple[str, str, str]:
    return row.note if row.threshold is None else plain(row.threshold), percent(row.fmr), percent(row.fnmr)
