"""``manage.py evaluate``: one report that holds what was measured, and says what it could not measure."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command

from models.data.folds import identity_folds
from models.evaluation.scores import ScoreSet
from models.mimop.config import MimopConfig
from models.mimop.train import TrainConfig, train_fold
from models.training.experiment import BOTH, Experiment
from models.training.loop import Schedule
from models.training.score_fusion import LogisticFusion
from tests.feature_file import write
from tests.features import FACE_WIDTH, VOICE_WIDTH, features
from worker import evaluation

DATA = features(faces=40, voices=40, recordings=3)
MIMOP = TrainConfig(
    model=MimopConfig(face_width=FACE_WIDTH, voice_width=VOICE_WIDTH, head=8, hidden=8),
    schedule=Schedule(epochs=1),
    batches=2,
    probes=16,
    search_steps=0,
    drawings=2,
)
PATHS = ("features", "pad", "labels")
ATTACKS = [("bona_fide", 0.9)] * 18 + [("bona_fide", 0.1)] * 2 + [("print", 0.2)] * 30
ATTACKS += [("replay", 0.8)] * 9 + [("replay", 0.2)] * 21


def scores_of(fold: int, *, name: str = "B4, face+voice") -> ScoreSet:
    """Eleven people. Of the impostor scores 1 % are 3 and 9 % are 1, of the genuine ones 50 % are 5 and 40 % are 1; the
    others are -1. So EER is 10 %, and at FMR 1 % half of the genuine trials are missed."""
    people = [f"speech/{fold}-{number}" for number in range(11)]
    pairs = [(one, other) for one in people for other in people if one != other] * 20
    impostor = np.repeat([3.0, 1.0, -1.0], [22, 198, 1980])[np.random.default_rng(fold).permutation(2200)]
    genuine = [5.0] * 5 + [1.0] * 4 + [-1.0]
    probes = [one for one in people for _ in genuine] + [one for one, _ in pairs]
    references = [one for one in people for _ in genuine] + [other for _, other in pairs]
    conditions = ["clean" if number % 2 else "noise" for number in range(len(probes))]
    return ScoreSet.of(
        np.concatenate([genuine * 11, impostor]), probes, references, name=name, condition=conditions, fold=fold
    )


@pytest.fixture
def ablation(tmp_path: Path) -> Path:
    """A folder as ``run_ablation`` leaves it."""
    for fold in (0, 1):
        folder = tmp_path / "B4" / f"fold{fold}"
        folder.mkdir(parents=True)
        scores_of(fold).save(folder / "face_voice.npz")
    return tmp_path / "B4"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write(folder / "features.sqlite", DATA)
    return folder


def report(out: Path, **options: object) -> str:
    """The report's text, without markup, one space between words."""
    call_command("evaluate", out=out, **{"draws": 20, **options})
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", out.read_text())).split())


class Loads(HTMLParser):
    """Everything that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "image"):
            self.found.append(tag)
        self.found += [
            str(value) for name, value in attrs if name in ("src", "href", "xlink:href") and value[:1] != "#"
        ]


def test_the_report_of_kept_scores_holds_all_folds_and_the_right_figures(ablation: Path, tmp_path: Path, capsys):
    text = report(tmp_path / "reports" / "report.html", scores=[ablation])

    printed = " ".join(capsys.readouterr().out.split())
    assert "B4 22 220 genuine 4,400 impostor 10.0 %" in text
    assert re.search(r"FMR 0\.01", text)
    assert "50.0 % [" in text
    assert "FNMR at FMR 0.001 (too few trials: needs 30,000, has 4,400)" in text
    costs = [share * np.log2(1 + np.exp(-score)) for share, score in ((0.5, 5), (0.4, 1), (0.1, -1))]
    costs += [share * np.log2(1 + np.exp(score)) for share, score in ((0.01, 3), (0.09, 1), (0.9, -1))]
    assert f"{sum(costs) / 2:.4f} [" in text
    assert "10.0 %" in printed
    assert "50.0 %" in printed
    assert f"{sum(costs) / 2:.3f}" in printed


def test_the_report_says_whom_and_how(ablation: Path, tmp_path: Path):
    text = report(tmp_path / "report.html", scores=[ablation])

    assert "speech 22 not kept" in text
    assert "was not kept with the scores" in text
    for said in ("up to 3 clean samples", "half degraded", "share no identity", "bootstrap over voice identities"):
        assert said in text
    assert f"manage.py evaluate --scores {ablation} --setting face+voice --draws 20" in text
    assert re.search(r"revision ([0-9a-f]{40}(\+changes)?|unknown)", text)


def test_the_report_loads_nothing(ablation: Path, tmp_path: Path):
    report(tmp_path / "report.html", scores=[ablation])

    page = (tmp_path / "report.html").read_text()
    assert Loads(page).found == []
    assert "@import" not in page
    assert not re.search(r"url\((?!#|['\"]#)", page)
    assert page.count("<svg") > 3


def test_folds_that_lack_scores_and_other_trials_are_told(ablation: Path, tmp_path: Path):
    (ablation / "fold2").mkdir()
    scores_of(0, name="MIMOP, face+voice").save(tmp_path / "mimop.npz")

    text = report(tmp_path / "report.html", scores=[ablation, tmp_path / "mimop.npz"])

    assert "B4, face+voice: fold2 holds none of its scores and is left out." in text
    assert "MIMOP, face+voice was not measured on the trials of B4, face+voice: do not compare the two." in text
    assert "Files of scores do not say how their trials came about" in text


def test_scores_that_are_no_ratios_have_no_cllr(ablation: Path, tmp_path: Path):
    text = report(tmp_path / "report.html", scores=[ablation], raw=True)

    assert "C_llr (the scores are no likelihood ratios)" in text


def test_labels_are_the_groups_of_the_breakdown(ablation: Path, tmp_path: Path):
    people = scores_of(0).identities() + scores_of(1).identities()
    rows = [f"{name},{'north' if index < 11 else 'south'}" for index, name in enumerate(people[:-1])]
    (tmp_path / "groups.csv").write_text("\n".join(["identity,group", *rows]))

    text = report(tmp_path / "report.html", scores=[ablation], labels=tmp_path / "groups.csv")

    # Probes of the first fold, of all but one of the second, and of the one whom nobody labelled.
    assert "north 11 110 genuine 2,200 impostor" in text
    assert "south 11 100 genuine 2,000 impostor" in text
    assert "(none) 11 10 genuine 200 impostor" in text


def test_attacks_are_reported_by_instrument(tmp_path: Path):
    rows = [f"{kind},s{index % 10},{score}" for index, (kind, score) in enumerate(ATTACKS)]
    (tmp_path / "pad.csv").write_text("\n".join(["attack_instrument,subject,score", *rows]))

    text = report(tmp_path / "report.html", pad=tmp_path / "pad.csv", pad_threshold=0.5)

    assert "APCER, print 0 of 30 0.000 %" in text
    assert "APCER, replay (worst) 9 of 30 30.0 %" in text
    assert "BPCER 2 of 20 10.0 %" in text
    assert "ACER 20.0 %" in text
    assert "BPCER100 (APCER 1%) too few trials: needs 300, has 30" in text
    assert "intervals over 10 subjects" in text


def test_attacks_are_reported_by_group_where_there_are_several(tmp_path: Path):
    rows = [f"{kind},s{index % 10},{score},phone" for index, (kind, score) in enumerate(ATTACKS)]
    rows += [f"{kind},s{index % 10},{kind == 'bona_fide':d},laptop" for index, (kind, _) in enumerate(ATTACKS)]
    (tmp_path / "pad.csv").write_text("\n".join(["attack_instrument,subject,score,group", *rows]))

    text = report(tmp_path / "report.html", pad=tmp_path / "pad.csv", pad_threshold=0.5)

    whole, laptop, phone = re.findall(r"APCER, replay (?:\(worst\) )?(\d+ of \d+)", text)
    assert (whole, laptop, phone) == ("9 of 60", "0 of 30", "9 of 30")
    assert re.search(r"pad, laptop, threshold 0\.5", text)


def test_a_voice_alone_has_the_condition_of_the_voice(tmp_path: Path):
    scores = scores_of(0, name="B4, voice")
    conditions = np.where(scores.condition == "clean", "blur+far", np.where(scores.genuine, "clean+far", "clean"))
    replace(scores, condition=conditions).save(tmp_path / "voice.npz")

    text = report(tmp_path / "report.html", scores=[tmp_path / "voice.npz"])

    assert "far 11 110 genuine" in text
    assert "blur" not in text


def test_a_label_with_few_genuine_trials_has_no_figures(tmp_path: Path):
    scores = scores_of(0)
    rare = np.where(np.arange(len(scores)) % 40 == 1, "rare", "usual")
    replace(scores, condition=rare).save(tmp_path / "some.npz")

    text = report(tmp_path / "report.html", scores=[tmp_path / "some.npz"])

    assert "rare 11 3 genuine 55 impostor too few genuine trials: needs 30, has 3 usual" in text


def test_a_method_is_fitted_calibrated_and_searched_now(made: Path, tmp_path: Path, monkeypatch):
    fewer = replace(evaluation.TrainConfig(), drawings=2)
    monkeypatch.setattr(evaluation, "TrainConfig", lambda: fewer)

    text = report(tmp_path / "b4.html", features=made / "features.sqlite", method="B4", fold=1)

    experiment = Experiment(DATA, identity_folds(DATA, count=5, seed=0)[1], drawings=2)
    trials = experiment.test[0]
    similarity = LogisticFusion(experiment.train).scores(trials.probes, trials.references)
    kept = ScoreSet.load(tmp_path / "b4-face_voice.npz")
    assert len(kept) == 2 * similarity.size
    order = np.argsort(similarity.ravel(), kind="stable")
    assert (np.diff(kept.score[: similarity.size][order]) >= -1e-9).all()
    assert set(kept.identities()) == set(trials.people.tolist())
    assert (tmp_path / "b4-voice.npz").is_file()
    assert "Chimeric identities" in text
    # Eight test people, of whom four are in the gallery: eight probes each.
    gallery = np.sort(np.random.default_rng(0).permutation(8)[:4])
    mated = np.isin(trials.owner, gallery)
    own = similarity[np.flatnonzero(mated), trials.owner[mated]]
    first = ((similarity[mated][:, gallery] >= own[:, None]).sum(1) == 1).mean()
    found = evaluation.search(LogisticFusion(experiment.train), trials, BOTH, seed=0)
    assert found.rank_rate(1) == first
    assert re.search(r"B4, face\+voice 4 32 32 ", text)
    assert "too few trials: needs 300, has 32" in text
    assert "speech 8 " in text


def test_scores_made_now_are_read_again(made: Path, tmp_path: Path):
    path = made / "features.sqlite"
    first = report(tmp_path / "voice.html", features=path, method="voice")
    second = report(tmp_path / "again.html", scores=[tmp_path / "voice-voice.npz"], features=path)

    def row(text: str) -> str | None:
        found = re.search(r"voice 8 \S+ genuine \S+ impostor \S+ % \[[^]]+\]", text)
        return found and found.group()

    assert row(first)
    assert row(first) == row(second)
    assert "Chimeric identities" in second


def test_a_checkpoint_is_measured_on_its_own_fold(made: Path, tmp_path: Path):
    train_fold(MIMOP, DATA, 1, tmp_path / "fold1", torch.device("cpu"), quiet=True)
    options = {"features": made / "features.sqlite", "checkpoint": tmp_path / "fold1" / "best.safetensors"}

    text = report(tmp_path / "report.html", method="mimop", **options)

    test = identity_folds(DATA, count=5, seed=0)[1].test
    assert set(ScoreSet.load(tmp_path / "report-face_voice.npz").identities()) <= test.voices
    assert "Fold 1, 2 drawings" in text
    with pytest.raises(CommandError, match="was trained on fold 1"):
        report(tmp_path / "other.html", method="mimop", fold=0, **options)
    with pytest.raises(CommandError, match="holds mimop, not cosmic"):
        report(tmp_path / "other.html", method="cosmic", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to report on"),
        ({"scores": ["nowhere"]}, "there is no nowhere"),
        ({"scores": ["empty"]}, r"empty holds no fold\*/face_voice.npz"),
        ({"scores": ["wrong.npz"]}, "wrong.npz holds no set of scores"),
        ({"scores": ["wrong.csv"]}, "wrong.csv is no folder of run_ablation and no .npz"),
        ({"method": "B4"}, "--method needs --features"),
        ({"features": "nowhere.sqlite"}, "--features needs --method"),
        ({"features": "nowhere.sqlite", "method": "B4"}, "there is no nowhere.sqlite"),
        ({"features": "nowhere.sqlite", "method": "mimop"}, "--checkpoint goes with --method mimop or cosmic"),
        ({"pad": "wrong.csv"}, "--pad and --pad-threshold"),
        ({"pad": "wrong.csv", "pad_threshold": 0.5}, "lacks the column attack_instrument, score"),
        ({"pad": "text.csv", "pad_threshold": 0.5}, "line 2: 'high' is no number"),
        ({"pad": "alone.csv", "pad_threshold": 0.5}, "bona fide presentations and attacks are both needed"),
        ({"scores": ["good.npz"], "labels": "nowhere.csv"}, "there is no nowhere.csv"),
        ({"scores": ["good.npz"], "labels": "wrong.csv"}, "lacks the column identity, group"),
        ({"scores": ["good.npz"], "labels": "two.csv"}, "ann is in two groups"),
        ({"scores": ["good.npz"], "labels": "strangers.csv"}, "names nobody of"),
    ],
)
def test_what_cannot_be_reported_on_is_an_error(tmp_path: Path, monkeypatch, options: dict, message: str):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("wrong.npz").write_text("no archive")
    Path("wrong.csv").write_text("a,b\n1,2\n")
    Path("text.csv").write_text("attack_instrument,score\nprint,high\n")
    Path("alone.csv").write_text("attack_instrument,score\nprint,0.5\n")
    Path("two.csv").write_text("identity,group\nann,a\nann,b\n")
    Path("strangers.csv").write_text("identity,group\nann,a\n")
    scores_of(0).save(Path("good.npz"))
    paths = {
        name: [Path(one) for one in value] if name == "scores" else Path(value) if name in PATHS else value
        for name, value in options.items()
    }

    with pytest.raises(CommandError, match=message):
        report(Path("report.html"), **paths)

    assert not Path("report.html").exists()


def test_features_of_other_people_than_the_scores_are_refused(ablation: Path, made: Path, tmp_path: Path):
    with pytest.raises(CommandError, match="knows nothing of 22 people of the scores"):
        report(tmp_path / "report.html", scores=[ablation], features=made / "features.sqlite")
