"""The report says what was measured and what could not be, holds everything itself, and believes no name."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from models.evaluation import metrics
from models.evaluation.ablation import AblationRow, table
from models.evaluation.calibration import fit, measure, trial_counts
from models.evaluation.decision import Stakes
from models.evaluation.formats import percent
from models.evaluation.identification import identification
from models.evaluation.pad import pad_table
from models.evaluation.record import CalibrationRecord
from models.evaluation.report import Attacks, DataSet, Pairing, ReportData, System, as_html, write_report
from models.evaluation.summary import CLLR, EER, breakdown, fnmr_name, summarise, threshold_table
from tests.models.evaluation.made import made

SCORES = made()
HOSTILE = '<script>alert("x")</script>'


def calibrated() -> CalibrationRecord:
    fold = SCORES.fold == 0
    known, unseen = SCORES.where(fold), SCORES.where(~fold)
    calibrator = fit(known)
    return CalibrationRecord(
        name="model/our data",
        model="model",
        sha256="ab" * 32,
        modality="face",
        score_map=calibrator.score_map,
        fitted_on=trial_counts(known),
        measured=measure(calibrator, known, unseen, stakes=Stakes(0.02, 5.0), draws=10),
        data=("ours",),
        not_usable=0,
        enrolled=3,
        made_at="2026-01-01",
        command="manage.py calibrate",
    )


def report() -> ReportData:
    similarity = np.random.default_rng(0).normal(size=(40, 8))
    attacks = pad_table(
        np.r_[np.linspace(0.3, 1, 50), np.linspace(0, 0.6, 50)], ["bona_fide"] * 50 + ["print"] * 50, None, 0.5
    )
    return ReportData(
        title="Fusion",
        made_at="2026-01-01",
        command="manage.py evaluate",
        protocol="Everybody against everybody.",
        pairing=Pairing.CHIMERIC,
        datasets=(DataSet("lfw & co", 48, 192, 3, HOSTILE),),
        systems=(System(SCORES, llr=True), System(made(HOSTILE, d_prime=2.0), llr=False)),
        searches=(identification(similarity, np.r_[np.arange(20) % 8, np.full(20, -1)], name="search"),),
        attacks=(Attacks("detector", attacks),),
        calibrations=(calibrated(),),
        ablation=tuple(table([AblationRow("A1", fold, {"EER": 0.1 + fold / 100}) for fold in (0, 1)])),
        notes=("A note.",),
        draws=20,
    )


@pytest.fixture(scope="module")
def written() -> str:
    return as_html(report())


class Page(HTMLParser):
    """Tags in balance, addresses, and the text outside of drawings."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if "svg" not in self.open else ""


def test_the_page_is_whole_and_loads_nothing(written: str):
    page = Page(written)

    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe", "form"}
    assert all(address.startswith("#") for address in page.addresses)
    assert "@import" not in written and "url(http" not in written


def test_names_from_outside_are_shown_as_text(written: str):
    assert HOSTILE not in written
    assert HOSTILE in Page(written).text
    assert "lfw & co" in Page(written).text


def test_it_says_what_was_measured_on_whom(written: str):
    text = Page(written).text

    for said in ("Everybody against everybody.", "Chimeric identities", "manage.py evaluate", "A note.", "4,416"):
        assert said in text


def test_every_figure_stands_with_its_interval_or_says_why_it_is_missing(written: str):
    text = Page(written).text
    summary = summarise(SCORES, llr=True, seed=0, draws=20)

    for figure in summary.figures:
        if figure.interval is not None and figure.name == EER:
            assert percent(figure.estimate) in text
            assert f"[{percent(figure.interval.low)} to {percent(figure.interval.high)}]" in text
    assert "too few trials: needs 30,000, has 4,416" in text
    assert "the scores are no likelihood ratios" in text
    assert "2 folds" in text


@pytest.mark.parametrize(
    "title",
    [
        "Verification (1:1)",
        "By condition",
        "By group",
        "Thresholds",
        "Search (1:N)",
        "Presentation attacks",
        "Ablation",
    ],
)
def test_every_part_is_there(written: str, title: str):
    assert title in Page(written).text


def test_calibrations_attacks_and_searches_show_their_figures(written: str):
    text = Page(written).text

    for said in ("prior 0.02, costs 5 to 1", "ab" * 32, "APCER, print (worst)", "BPCER100", "needs 300, has 50"):
        assert said in text
    assert "too few trials: needs 3,000, has 20" in text  # FPIR 0.01
    assert "0.1050" in text and "± 0.0071" in text


def test_the_same_data_give_the_same_file(tmp_path: Path, written: str):
    write_report(tmp_path / "report.html", report())

    assert (tmp_path / "report.html").read_text(encoding="utf-8") == written


def test_without_anything_but_a_protocol_it_is_still_a_page():
    bare = ReportData("Bare", "2026-01-01", "none", "Nothing yet.", Pairing.ONE_MODALITY, ())

    assert Page(as_html(bare)).open == []


def test_a_summary_holds_what_the_metrics_say_and_spreads_over_folds():
    genuine, impostor = SCORES.genuine_scores(), SCORES.impostor_scores()
    figures = {figure.name: figure for figure in summarise(SCORES, llr=True, seed=0, draws=20).figures}
    folds = [SCORES.where(SCORES.fold == fold) for fold in (0, 1)]
    each = [metrics.eer(fold.genuine_scores(), fold.impostor_scores()) for fold in folds]

    assert figures[EER].estimate == metrics.eer(genuine, impostor)
    assert figures[CLLR].estimate == pytest.approx(metrics.cllr(genuine, impostor))
    assert figures[fnmr_name(0.01)].estimate == metrics.fnmr_at_fmr(genuine, impostor, 0.01)[0]
    assert (figures[EER].mean, figures[EER].deviation) == pytest.approx((np.mean(each), np.std(each, ddof=1)))
    assert figures[fnmr_name(0.01)].folds == 0  # 2,208 impostor trials in a fold, 3,000 needed


def test_a_perfect_system_is_not_reported_as_certain():
    perfect = SCORES.with_scores(SCORES.genuine.astype(float))

    figures = {figure.name: figure for figure in summarise(perfect, llr=False, seed=0, draws=10).figures}

    for name in (EER, fnmr_name(0.01)):
        assert (figures[name].estimate, figures[name].interval.low) == (0.0, 0.0)
        assert figures[name].interval.high == pytest.approx(1 - 0.05 ** (1 / 48))  # 48 people


def test_a_breakdown_has_a_row_a_label_and_none_where_there_is_only_one():
    clean, noise = breakdown(SCORES, "condition", llr=True, seed=0, draws=20)

    assert (clean.name, noise.name) == ("clean", "noise")
    assert clean.figures[0].estimate < noise.figures[0].estimate
    assert breakdown(SCORES.where(SCORES.condition == "clean"), "condition", llr=True, seed=0) == ()


def test_a_label_that_cannot_be_measured_stays_with_its_reason():
    lonely = replace(SCORES, group=np.where(SCORES.genuine & (np.arange(len(SCORES)) < 400), "lonely", "others"))

    found = {one.name: one for one in breakdown(lonely, "group", llr=True, seed=0, draws=20)}

    assert found["lonely"].figures == ()
    assert "no impostor trials" in found["lonely"].note
    assert found["others"].figures


def test_the_threshold_table_keeps_its_promise_on_these_trials():
    first, second, _ = threshold_table(SCORES)

    assert first.fmr <= 0.01
    assert first.fnmr == metrics.fnmr(SCORES.genuine_scores(), first.threshold)
    assert (second.threshold, second.note) == (None, "too few trials: needs 30,000, has 4,416")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.000"), (1.0, "100.0"), (0.226, "22.6"), (0.0512, "5.12"), (0.00031, "0.031"), (2e-7, "2e-05")],
)
def test_rates_are_written_with_the_digits_that_count(share: float, text: str):
    assert percent(share) == f"{text}\u00a0%"
