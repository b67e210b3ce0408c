"""The part of a report that speaks of comparisons (1:1): a table and plots for each setting, and each system by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from models.evaluation import plots
from models.evaluation.formats import figure_cell, percent, plain
from models.evaluation.metrics import Rule
from models.evaluation.page import Markup, folded, paragraph, subsection, table, with_figures, with_small
from models.evaluation.page import plots as figures_of
from models.evaluation.scores import ScoreSet
from models.evaluation.summary import EER, Summary, ThresholdRow, breakdown, summarise, threshold_table

MOST_LINES = 8  # that a plot can hold
TIPPETT = "Tippett plot. Misleading is what genuine trials have left of zero and impostor trials right of it."
UNFOLDED = 2  # systems that are shown whole


@dataclass(frozen=True, slots=True)
class System:
    """Scores of one system.

    Arguments:
        llr: whether they are natural-log likelihood ratios.
        setting: what probes show ("face+voice"); systems of one setting stand together.
    """

    scores: ScoreSet
    llr: bool
    setting: str = ""

    @property
    def label(self) -> str:
        """The name without the setting, which stands above."""
        return self.scores.name.removesuffix(f", {self.setting}")


@dataclass(frozen=True, slots=True)
class Drawing:
    """Seed and number of draws of the bootstrap over identities."""

    seed: int
    draws: int


def summaries_of(systems: Sequence[System], drawing: Drawing) -> list[Summary]:
    """All figures of every system, in order, by the system's label."""
    return [
        summarise(one.scores, llr=one.llr, seed=drawing.seed, draws=drawing.draws, name=one.label) for one in systems
    ]


def verification(systems: Sequence[System], summaries: Sequence[Summary], drawing: Drawing) -> Iterator[Markup]:
    """One part a setting, then one a system, folded where there are more than a few."""
    for setting in dict.fromkeys(one.setting for one in systems):
        chosen = [(one, found) for one, found in zip(systems, summaries, strict=True) if one.setting == setting]
        parts = _together([one for one, _ in chosen], [found for _, found in chosen], drawing)
        yield from [subsection(f"Probes with {setting}", parts)] if setting else parts
    for one in systems:
        yield folded(f"{one.scores.name} in detail", _alone(one, drawing), unfolded=len(systems) <= UNFOLDED)


def _together(systems: list[System], summaries: list[Summary], drawing: Drawing) -> Iterator[Markup]:
    yield figures_table(
        "system",
        summaries,
        f"In brackets the 95 % interval over identities (bootstrap, {drawing.draws:,} draws, seed {drawing.seed}); below "
        "it mean and deviation over identity-disjoint folds, where there are several. C_llr in bits.",
    )
    yield from (paragraph(f"{one.name}: {one.note}") for one in summaries if one.note)
    best = sorted(range(len(systems)), key=lambda index: _eer(summaries[index]))[:MOST_LINES]
    shown = [systems[index] for index in sorted(best)]
    only = f" The {MOST_LINES} systems of lowest EER." if len(shown) < len(systems) else ""
    scores = [one.scores.named(one.label) for one in shown]
    ratios = [one.scores.named(one.label) for one in shown if one.llr]
    drawings = [
        (f"DET. Thin: fewer than 30 errors of either kind.{only}", plots.det(scores)),
        (f"ROC, the false match rate on a logarithmic axis.{only}", plots.roc(scores)),
    ]
    if ratios:
        text = f"What the likelihood ratios are worth here against what they say.{only}"
        drawings.append((text, plots.reliability(ratios)))
    yield figures_of(drawings)


def _alone(system: System, drawing: Drawing) -> Iterator[Markup]:
    scores = system.scores
    drawings = [("How the scores are spread.", plots.histogram(scores))]
    if system.llr:
        drawings.append((TIPPETT, plots.tippett(scores)))
    yield figures_of(drawings)
    for column in ("condition", "group"):
        found = breakdown(scores, column, llr=system.llr, seed=drawing.seed, draws=drawing.draws)
        if found:
            yield figures_table(column, [_if_enough(one) for one in found], f"By {column}")
    yield table(
        ["FMR at most", "threshold", "FMR", "FNMR"],
        [(f"{row.chosen_fmr:g}", *_threshold(row)) for row in threshold_table(scores)],
        caption="Thresholds"
        + (", natural-log likelihood ratios" if system.llr else "")
        + ". Set on these very trials, so that the rates flatter a little: other people will bring others.",
    )


def figures_table(column: str, found: Sequence[Summary], caption: str) -> Markup:
    """A row a summary; a figure that none of them supports has no column, and the caption says why."""
    every = {figure.name: figure.note for one in found for figure in one.figures}
    shown = [
        name
        for name in every
        if any(figure.name == name and figure.estimate is not None for one in found for figure in one.figures)
    ]
    rows = []
    for one in found:
        trials = one.trials
        counts = with_figures(f"{trials.identities:,}", f"{trials.genuine:,} genuine", f"{trials.impostor:,} impostor")
        cells: list[object] = [figure_cell(figure) for figure in one.figures if figure.name in shown]
        instead = bool(shown) and not one.figures  # the reason stands where the figures would
        if instead:
            cells = [with_small("", one.note), *[""] * (len(shown) - 1)]
        rows.append([with_small(one.name, "" if instead else one.note), counts, *cells])
    left_out = "; ".join(f"{name} ({note})" for name, note in every.items() if name not in shown)
    return table(
        [column, "people, trials", *shown],
        rows,
        caption=f"{caption.rstrip('.')}. Left out: {left_out}." if left_out else caption,
    )


def _eer(summary: Summary) -> float:
    return next((one.estimate for one in summary.figures if one.name == EER and one.estimate is not None), 1.0)


def _if_enough(found: Summary) -> Summary:
    """Without figures where a label has too few genuine trials: an EER of one of them says nothing."""
    if found.trials.genuine >= Rule.THIRTY:
        return found
    return replace(found, figures=(), note=f"too few genuine trials: needs {Rule.THIRTY:d}, has {found.trials.genuine}")


def _threshold(row: ThresholdRow) -> tuple[str, str, str]:
    threshold = with_small("", row.note) if row.threshold is None else plain(row.threshold)
    return threshold, percent(row.fmr), percent(row.fnmr)
