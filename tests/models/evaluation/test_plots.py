"""Plots are made from stored scores alone, and what they draw is what the metrics say."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.special import ndtri

from models.evaluation import metrics, plots
from models.evaluation.drawing import line_style, thinned
from models.evaluation.identification import identification
from models.evaluation.scores import ScoreSet
from tests.models.evaluation.made import made

SCORES = made()
SEARCH = identification(np.eye(4) + 0.1 * np.arange(16).reshape(4, 4), np.arange(4), name="search")
DRAWN = {
    "det": lambda: plots.det([SCORES, made("face", d_prime=2.0)]),
    "roc": lambda: plots.roc([SCORES]),
    "histogram": lambda: plots.histogram(SCORES, thresholds=[1.0]),
    "tippett": lambda: plots.tippett(SCORES),
    "reliability": lambda: plots.reliability([SCORES]),
    "cmc": lambda: plots.cmc([SEARCH]),
}


@pytest.fixture(scope="module")
def drawings() -> dict[str, str]:
    return {name: draw() for name, draw in DRAWN.items()}


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  (our own)


def texts(svg: str) -> set[str]:
    return {"".join(element.itertext()).strip() for element in parsed(svg).iter() if "text" in element.tag}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_one_svg_element_that_loads_nothing_and_says_what_it_is(drawings, name: str):
    root = parsed(drawings[name])

    assert root.tag.endswith("svg")
    assert root.attrib["role"] == "img" and root.attrib["aria-label"]
    links = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert "<script" not in drawings[name] and "<image" not in drawings[name]
    assert len(drawings[name]) < 150_000


def test_the_same_scores_give_the_same_plot_whether_or_not_they_were_saved(drawings, tmp_path: Path):
    SCORES.save(tmp_path / "scores.npz")

    assert plots.roc([ScoreSet.load(tmp_path / "scores.npz")]) == drawings["roc"]


def test_plots_on_one_page_share_no_ids_and_find_their_own(drawings):
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in drawings.values()]

    assert sum(map(len, ids)) == len(set.union(*ids))
    for svg, own in zip(drawings.values(), ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= own


def test_axes_are_named_and_lines_have_their_systems_name(drawings):
    assert {"fused", "face", "false match rate", "false non-match rate", "1 %", "10 %"} <= texts(drawings["det"])
    assert {"fused", "true match rate (1 - FNMR)"} <= texts(drawings["roc"])
    assert {"genuine (192)", "impostor (4,416)", "density"} <= texts(drawings["histogram"])
    assert "search (gallery of 4)" in texts(drawings["cmc"])


def test_ink_follows_the_page(drawings):
    assert all("currentColor" in svg and "#123456" not in svg for svg in drawings.values())


def test_a_name_is_escaped():
    svg = plots.histogram(made("<b>&\"'"))

    assert "<b>" not in svg
    assert parsed(svg).attrib["aria-label"] == "Scores of <b>&\"'"


def test_the_det_curve_goes_through_the_equal_error_rate():
    fmr, fnmr, _ = plots._det_curve(SCORES)

    at = np.argmin(np.abs(fmr - fnmr))
    assert (fmr[at] + fnmr[at]) / 2 == pytest.approx(metrics.eer(SCORES.genuine_scores(), SCORES.impostor_scores()))


def test_systems_without_errors_and_scores_without_spread_are_drawn_too():
    perfect = SCORES.with_scores(SCORES.genuine.astype(float))
    constant = SCORES.with_scores(np.zeros(len(SCORES)))

    for scores in (perfect, constant):
        for draw in (plots.det, plots.roc, plots.reliability):
            parsed(draw([scores]))
        for draw in (plots.histogram, plots.tippett):
            parsed(draw(scores))


@pytest.mark.parametrize("draw", [plots.det, plots.roc, plots.reliability, plots.cmc])
def test_nothing_is_no_plot(draw):
    with pytest.raises(ValueError, match="nothing to plot"):
        draw([])


def test_twenty_four_lines_can_be_told_apart():
    assert len({str(line_style(index)) for index in range(24)}) == 24


def test_thinning_keeps_the_shape_of_a_line():
    x = np.linspace(0, 1, 200_000)
    y = ndtri(0.001 + 0.998 * x)

    few = thinned(x, y, width=1.0, height=6.2)

    assert len(few[0]) < 3_000
    assert (few[0][0], few[0][-1]) == (0.0, 1.0)
    assert np.abs(np.interp(x, *few) - y).max() < 6.2 / 300
