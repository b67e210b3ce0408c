"""Plots of stored scores: nothing here runs a model. Each function gives one ``<svg>`` element, the same for the same scores.

DET: Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997. Tippett and
reliability (PAV) plots of likelihood ratios: Bruemmer and du Preez, "The BOSARIS toolkit", 2013.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.special import ndtri

from models.evaluation.counts import count
from models.evaluation.drawing import GENUINE, IMPOSTOR, INK, blank, line_style, styled, svg, thinned
from models.evaluation.identification import Identification
from models.evaluation.metrics import Rule, det_points
from models.evaluation.pav import fit_pav
from models.evaluation.scores import ScoreSet

PERCENTS = (1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.4)
BINS = 60
LAST_RANK = 20
THIN = 0.7


def det(score_sets: Sequence[ScoreSet]) -> str:
    """FNMR against FMR on normal deviate axes; thin where either rate rests on fewer than 30 errors.

    Raises:
        ValueError: there is nothing to plot.
    """
    _some(score_sets)
    curves = [_det_curve(scores) for scores in score_sets]
    fmr_low = min(float(fmr.min()) for fmr, _, _ in curves)
    fnmr_low = min(float(fnmr.min()) for _, fnmr, _ in curves)
    limits = (ndtri(min(fmr_low, 0.01)), ndtri(0.5)), (ndtri(min(fnmr_low, 0.01)), ndtri(0.5))

    def draw(axes: Axes) -> None:
        for index, (fmr, fnmr, supported) in enumerate(curves):
            x, y = ndtri(fmr), ndtri(fnmr)
            style = line_style(index)
            _line(axes, x, y, limits, lw=THIN, **style)
            _line(axes, x[supported], y[supported], limits, label=score_sets[index].name, **style)
        axes.plot(limits[0], limits[0], color=INK, lw=0.6, alpha=0.4)
        _percent_ticks(axes.set_xticks, limits[0])
        _percent_ticks(axes.set_yticks, limits[1])
        axes.set(xlim=limits[0], ylim=limits[1], xlabel="false match rate", ylabel="false non-match rate")
        axes.legend(loc="best")

    return _drawn(draw, "DET curve")


def roc(score_sets: Sequence[ScoreSet]) -> str:
    """True match rate against FMR on a logarithmic axis, from one false match in all impostor trials on.

    Raises:
        ValueError: there is nothing to plot.
    """
    _some(score_sets)
    lowest = min(1 / len(scores.impostor_scores()) for scores in score_sets)

    def draw(axes: Axes) -> None:
        limits = (np.log10(lowest), 0.0), (0.0, 1.0)
        for index, scores in enumerate(score_sets):
            rates = det_points(scores.genuine_scores(), scores.impostor_scores())
            some = rates.fmr > 0
            x, y = thinned(np.log10(rates.fmr[some]), 1 - rates.fnmr[some], width=-limits[0][0], height=1.0)
            axes.plot(10**x, y, label=scores.name, **line_style(index))
        axes.set(xscale="log", xlim=(lowest, 1), ylim=(0, 1.01))
        axes.set(xlabel="false match rate", ylabel="true match rate (1 - FNMR)")
        axes.legend(loc="lower right")

    return _drawn(draw, "ROC curve")


def histogram(scores: ScoreSet, *, thresholds: Sequence[float] = (), label: str = "score") -> str:
    """How genuine and impostor scores are spread, each class to area one; ``thresholds`` as upright lines."""
    edges = np.linspace(scores.score.min(), scores.score.max(), BINS + 1)
    if edges[0] == edges[-1]:
        edges = edges[0] + np.linspace(-0.5, 0.5, BINS + 1)

    def draw(axes: Axes) -> None:
        for values, name, colour, dash in (
            (scores.impostor_scores(), "impostor", IMPOSTOR, "--"),
            (scores.genuine_scores(), "genuine", GENUINE, "-"),
        ):
            heights, _ = np.histogram(values, edges, density=True)
            axes.stairs(heights, edges, fill=True, color=colour, alpha=0.2)
            axes.stairs(heights, edges, color=colour, ls=dash, lw=1.5, label=f"{name} ({len(values):,})")
        for threshold in thresholds:
            axes.axvline(threshold, color=INK, lw=1, ls=":")
        axes.set(xlabel=label, ylabel="density", xlim=(edges[0], edges[-1]))
        axes.legend(loc="best")

    return _drawn(draw, f"Scores of {scores.name}")


def tippett(llrs: ScoreSet) -> str:
    """Share of trials whose log-likelihood ratio lies at or above each value. Misleading evidence is what genuine
    trials have left of zero and impostor trials right of it."""
    counts = count(llrs.genuine_scores(), llrs.impostor_scores())
    at = counts.thresholds

    def draw(axes: Axes) -> None:
        low, high = _llr_limits(llrs)
        for share, name, colour, dash in (
            (1 - counts.fnmr[:-1], "genuine", GENUINE, "-"),
            (counts.fmr[:-1], "impostor", IMPOSTOR, "--"),
        ):
            x, y = thinned(at, share, width=high - low, height=1.0)
            axes.plot(x, y, color=colour, ls=dash, label=name)
        axes.axvline(0, color=INK, lw=0.8)
        axes.set(xlabel="log-likelihood ratio (natural)", ylabel="share at or above", xlim=(low, high), ylim=(0, 1.01))
        axes.legend(loc="center right")

    return _drawn(draw, f"Tippett plot of {llrs.name}")


def reliability(llrs: Sequence[ScoreSet]) -> str:
    """What the ratios are worth on these trials, by pool adjacent violators, against what they say; the thin line is right.

    Raises:
        ValueError: there is nothing to plot.
    """
    _some(llrs)

    def draw(axes: Axes) -> None:
        limits = [_llr_limits(one) for one in llrs]
        low, high = min(one[0] for one in limits), max(one[1] for one in limits)
        axes.plot([low, high], [low, high], color=INK, lw=0.8)
        for index, one in enumerate(llrs):
            curve = fit_pav(one.genuine_scores(), one.impostor_scores())
            axes.plot(curve.scores, curve.llrs, label=one.name, **line_style(index))
        axes.set(xlabel="log-likelihood ratio as said", ylabel="as measured (PAV)", xlim=(low, high))
        axes.legend(loc="upper left")

    return _drawn(draw, "Reliability of log-likelihood ratios")


def cmc(searches: Sequence[Identification]) -> str:
    """Share of mated probes whose own reference comes among the first so many.

    Raises:
        ValueError: there is nothing to plot.
    """
    _some(searches)

    def draw(axes: Axes) -> None:
        lowest = 1.0
        for index, found in enumerate(searches):
            rates = found.cmc(min(LAST_RANK, found.gallery))
            lowest = min(lowest, float(rates[0]))
            label = f"{found.name} (gallery of {found.gallery:,})"
            axes.plot(np.arange(1, len(rates) + 1), rates, marker="o", ms=3.5, label=label, **line_style(index))
        last = min(LAST_RANK, max(found.gallery for found in searches))
        axes.set(xlabel="rank", ylabel="identification rate", xlim=(0.8, last + 0.2))
        axes.set(ylim=(max(0.0, lowest - 0.25 * (1.02 - lowest) - 0.01), 1.005))
        axes.set_xticks([rank for rank in (1, 5, 10, 15, 20) if rank <= last])
        axes.legend(loc="lower right")

    return _drawn(draw, "Cumulative match characteristic")


def _drawn(draw: Callable[[Axes], None], title: str) -> str:
    with styled():
        figure, axes = blank()
        draw(axes)
        return svg(figure, title)


def _some(things: Sequence[object]) -> None:
    if not things:
        raise ValueError("there is nothing to plot")


def _det_curve(scores: ScoreSet) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """FMR, FNMR where neither is 0 or 1, and whether both rest on 30 errors; a perfect system is drawn at its limit."""
    counts = count(scores.genuine_scores(), scores.impostor_scores())
    inside = (counts.matched > 0) & (counts.missed > 0) & (counts.fmr < 1) & (counts.fnmr < 1)
    if not inside.any():
        return np.array([1 / counts.impostor]), np.array([1 / counts.genuine]), np.array([False])
    supported = (counts.matched >= Rule.THIRTY) & (counts.missed >= Rule.THIRTY)
    return counts.fmr[inside], counts.fnmr[inside], supported[inside]


def _line(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    limits: tuple[tuple[float, float], tuple[float, float]],
    **style: Any,
) -> None:
    (left, right), (bottom, top) = limits
    axes.plot(*thinned(x, y, width=right - left, height=top - bottom), **style)


def _percent_ticks(set_ticks: Callable, limits: tuple[float, float]) -> None:
    shares = [share for share in PERCENTS if limits[0] <= ndtri(share) <= limits[1]]
    set_ticks([float(ndtri(share)) for share in shares], [f"{100 * share:g} %" for share in shares])


def _llr_limits(llrs: ScoreSet) -> tuple[float, float]:
    """Where all but a thousandth of the ratios lie, zero included."""
    low, high = np.quantile(llrs.score, [0.0005, 0.9995])
    low, high = min(float(low), -1.0), max(float(high), 1.0)
    return low - 0.03 * (high - low), high + 0.03 * (high - low)
