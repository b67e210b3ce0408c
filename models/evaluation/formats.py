"""How figures are written in a report: rates in percent, likelihood costs in bits, intervals in brackets."""

from __future__ import annotations

from models.evaluation.ablation import Spread
from models.evaluation.figures import Interval
from models.evaluation.pad import Proportion
from models.evaluation.page import Markup, with_figures, with_small
from models.evaluation.record import Operating
from models.evaluation.summary import AUC, CLLR, MIN_CLLR, Figure

PLAIN = {AUC, CLLR, MIN_CLLR}  # shown as numbers, not as percentages


def figure_cell(figure: Figure) -> Markup:
    """The estimate with its interval and its spread over folds below, or why there is none."""
    if figure.estimate is None:
        return with_small("", figure.note)
    show = plain if figure.name in PLAIN else percent
    interval = f"[{show(figure.interval.low)} to {show(figure.interval.high)}]" if figure.interval else "no interval"
    if figure.mean is None or figure.deviation is None:
        return with_figures(show(figure.estimate), interval)
    over_folds = f"{show(figure.mean)} ± {show(figure.deviation)}"
    return with_figures(show(figure.estimate), interval, over_folds, f"over {figure.folds} folds")


def spread_cell(spread: Spread | None, folds: int) -> Markup:
    """Mean with deviation below, and from how many folds where that is not all of them."""
    if spread is None:
        return with_small("")
    deviation = "" if spread.deviation is None else f"± {plain(spread.deviation)}"
    fewer = f"{spread.folds} of {folds} folds" if spread.folds < folds else ""
    return with_figures(plain(spread.mean), deviation, fewer)


def proportion_cells(proportion: Proportion) -> tuple[str, str]:
    return f"{proportion.errors:,} of {proportion.trials:,}", rate(proportion.interval)


def operating_cells(operating: Operating) -> tuple[str, str, str]:
    """Threshold, FMR, FNMR."""
    return f"{operating.llr:.3f}", rate(operating.fmr), rate(operating.fnmr)


def rate(interval: Interval) -> str:
    return f"{percent(interval.estimate)} [{percent(interval.low)} to {percent(interval.high)}]"


def rate_cell(interval: Interval) -> Markup:
    """The rate with its interval below."""
    return with_figures(percent(interval.estimate), f"[{percent(interval.low)} to {percent(interval.high)}]")


def bits(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f} to {interval.high:.3f}]"


def percent(share: float | None) -> str:
    """Three digits that count, but never a hair of a thousandth of a percent; empty for None."""
    if share is None:
        return ""
    digits = 1 if share >= 0.1 else 2 if share >= 0.01 else 3
    text = f"{100 * share:.{digits}f}"
    return f"{text if float(text) or not share else f'{100 * share:.1g}'}\u00a0%"


def plain(value: float) -> str:
    return f"{round(value, 4) + 0.0:.4f}"  # never minus zero
