"""Fusing by scores: B2, B4 and B4q on planted scores, and the figures that every method is judged by."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.features import CLEAN, CONTEXT
from models.data.folds import identity_folds
from models.data.trials import Side, Trials
from models.evaluation import metrics
from models.evaluation.calibration import fit
from models.training.calibrated import calibrated
from models.training.experiment import BOTH, FACE_ONLY, SETTINGS, VOICE_ONLY, Experiment, Modalities, score_set
from models.training.figures import fold_figures, set_figures
from models.training.score_fusion import CosineMethod, LogisticFusion, SumOfScores, compared, cosines
from models.training.validation import validation_cost
from tests.features import features

PEOPLE, PROBES, WIDTH = 60, 6, 16


def planted(seed: int, *, face: float = 0.35, voice: float = 0.35, poor: float = 1.0) -> Trials:
    """People on a sphere, probes scattered around them; of each person's probes the second half is ``poor`` times as
    scattered in the face alone, and their quality says so."""
    draw = np.random.default_rng(seed)
    owner = np.repeat(np.arange(PEOPLE), PROBES)
    second = np.tile(np.arange(PROBES) >= PROBES // 2, PEOPLE)
    centres = [_unit(draw.standard_normal((PEOPLE, WIDTH))) for _ in range(2)]
    spread = np.where(second, face * poor, face)[:, None], voice
    probes = [
        _unit(one[owner] + by * draw.standard_normal((len(owner), WIDTH)))
        for one, by in zip(centres, spread, strict=True)
    ]
    quality = np.stack([np.where(second, 0.2, 0.9), np.full(len(owner), 0.9)], 1)
    return Trials(
        references=_side(*centres, np.ones((PEOPLE, 2))),
        probes=_side(*probes, quality),
        owner=owner,
        people=np.array([f"{seed}/{index}" for index in range(PEOPLE)]),
        condition=np.where(second, "blur", CLEAN),
        group=np.full(len(owner), "planted"),
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _side(face: np.ndarray, voice: np.ndarray, quality: np.ndarray) -> Side:
    context = np.full((len(face), CONTEXT), np.nan, np.float32)
    there = np.ones((len(face), 2), bool)
    return Side(face.astype(np.float32), voice.astype(np.float32), context, quality.astype(np.float32), there)


def eer(method: object, trials: list[Trials], setting: Modalities = BOTH) -> float:
    scores = score_set(method, trials, setting)  # type: ignore[arg-type]
    return metrics.eer(scores.genuine_scores(), scores.impostor_scores())


TRAIN, TEST = [planted(1), planted(2)], [planted(3), planted(4)]
B4 = LogisticFusion(TRAIN)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
@pytest.mark.parametrize("quality", [False, True])
def test_ratios_are_calibrated_on_people_that_were_never_seen(setting: Modalities, quality: bool):
    scores = score_set(LogisticFusion(TRAIN, quality=quality), TEST, setting)

    again = fit(scores).logistic

    assert again.slope == pytest.approx(1.0, abs=0.2)
    assert again.offset == pytest.approx(0.0, abs=0.35)
    genuine, impostor = scores.genuine_scores(), scores.impostor_scores()
    assert metrics.cllr(genuine, impostor) < metrics.min_cllr(genuine, impostor) + 0.03


def test_both_modalities_beat_either_alone():
    face, voice = CosineMethod("face", 0), CosineMethod("voice", 1)

    alone = min(eer(face, TEST, FACE_ONLY), eer(voice, TEST, VOICE_ONLY))

    assert eer(B4, TEST) < 0.6 * alone
    assert eer(SumOfScores(TRAIN), TEST) < 0.6 * alone


def test_a_poor_modality_weighs_less_in_b4_and_as_much_as_the_other_in_b2():
    train, test = [planted(1, face=1.2), planted(2, face=1.2)], [planted(3, face=1.2), planted(4, face=1.2)]

    assert eer(LogisticFusion(train), test) < eer(SumOfScores(train), test)


@pytest.mark.parametrize(("setting", "column"), [(FACE_ONLY, 0), (VOICE_ONLY, 1)])
@pytest.mark.parametrize("method", [B4, SumOfScores(TRAIN)], ids=lambda one: one.name)
def test_a_missing_modality_leaves_the_other_alone(method: LogisticFusion, setting: Modalities, column: int):
    probes = TEST[0].probes.only(face=setting.face, voice=setting.voice)

    scores = method.scores(probes, TEST[0].references)

    cosine = cosines(TEST[0].probes, TEST[0].references)[column]
    slope, offset = np.polyfit(cosine.ravel(), scores.ravel(), 1)
    assert slope > 0
    assert scores == pytest.approx(slope * cosine + offset, abs=1e-6)


def test_it_does_not_matter_which_side_lacks_the_modality():
    faces = TEST[0].references.only(face=True, voice=False)

    there = compared(TEST[0].probes, faces)

    assert there[0].all()
    assert not there[1].any()
    probes = TEST[0].probes.only(face=True, voice=False)
    assert np.array_equal(B4.scores(TEST[0].probes, faces), B4.scores(probes, TEST[0].references))


@pytest.mark.parametrize("method", [B4, LogisticFusion(TRAIN, quality=True), SumOfScores(TRAIN)], ids=lambda m: m.name)
def test_no_score_is_nan_not_even_where_nothing_was_compared(method: LogisticFusion):
    probes, references = TEST[0].probes, TEST[0].references
    nothing = probes.only(face=False, voice=False)

    assert not method.scores(nothing, references).any()
    assert not method.scores(probes.only(face=True, voice=False), references.only(face=False, voice=True)).any()
    for setting in SETTINGS:
        assert np.isfinite(method.scores(probes.only(face=setting.face, voice=setting.voice), references)).all()


def test_b4q_beats_b4_where_quality_tells_a_good_sample_from_a_poor_one():
    train, test = [planted(5, poor=6.0), planted(6, poor=6.0)], [planted(7, poor=6.0), planted(8, poor=6.0)]
    known, unknown = LogisticFusion(train, quality=True), LogisticFusion(train)

    assert eer(known, test) < 0.9 * eer(unknown, test)
    assert eer(known, test, FACE_ONLY) < eer(unknown, test, FACE_ONLY)


def test_the_weights_say_the_scores_from_the_cosines():
    probes, references = TEST[0].probes, TEST[0].references
    face, voice = cosines(probes, references)
    weights = B4.weights()

    for setting, name in ((BOTH, "fused"), (FACE_ONLY, "face"), (VOICE_ONLY, "voice")):
        offset, of_face, of_voice = weights[name]
        scores = B4.scores(probes.only(face=setting.face, voice=setting.voice), references)
        assert scores == pytest.approx(offset + of_face * face + of_voice * voice, abs=1e-9)
    assert weights["face"][2] == weights["voice"][1] == 0.0


def test_there_are_no_such_weights_with_quality():
    with pytest.raises(ValueError, match="not linear"):
        LogisticFusion(TRAIN, quality=True).weights()


def test_nobody_calibrates_themselves():
    scores = score_set(B4, TEST, BOTH)

    with pytest.raises(ValueError, match="120 people are in both parts"):
        calibrated(scores, scores)


def test_calibration_comes_from_the_other_part():
    test, validation = score_set(CosineMethod("face", 0), TEST, FACE_ONLY), score_set(B4, TRAIN, FACE_ONLY)
    validation = validation.with_scores(score_set(CosineMethod("face", 0), TRAIN, FACE_ONLY).score)

    found = calibrated(test, validation)

    assert np.array_equal(found.score, fit(validation)(test.score))
    assert np.array_equal(found.genuine, test.genuine)


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    data = features(faces=45, voices=45)
    return Experiment(data, identity_folds(data)[2], drawings=2)


def test_figures_of_a_fold_are_those_of_its_calibrated_test_scores(experiment: Experiment):
    method = LogisticFusion(experiment.train)

    figures, sets = fold_figures(method, experiment)

    assert set(sets) == {"face+voice", "face", "voice"}
    for setting in SETTINGS:
        raw = score_set(method, experiment.test, setting, fold=2)
        llr = fit(score_set(method, experiment.validation, setting))(raw.score)
        assert np.array_equal(sets[setting.name].score, llr)
        assert set(sets[setting.name].fold) == {2}
        for state, rows in (
            ("all", llr > -np.inf),
            ("clean", raw.condition == CLEAN),
            ("degraded", raw.condition != CLEAN),
        ):
            mine, others = llr[rows & raw.genuine], llr[rows & ~raw.genuine]
            for name, value in (
                ("EER", metrics.eer(mine, others)),
                ("AUC", metrics.auc(mine, others)),
                ("C_llr", metrics.cllr(mine, others)),
                ("min C_llr", metrics.min_cllr(mine, others)),
            ):
                assert figures[f"{setting.name}, {state}: {name}"] == pytest.approx(value, abs=1e-6)


def test_a_rate_that_the_trials_do_not_support_is_left_out():
    scores = score_set(B4, TEST, FACE_ONLY)
    few = scores.where(np.arange(len(scores)) < 2000)

    # Rule of 30: 3,000 impostor trials for an FMR of 1 %, 30,000 for one of 0.1 %.
    assert {"FNMR@0.01", "FNMR@0.001"} <= set(set_figures(scores))
    assert not [name for name in set_figures(few) if "FNMR" in name]
    found = metrics.fnmr_at_fmr(scores.genuine_scores(), scores.impostor_scores(), 0.01)[0]
    assert set_figures(scores)["FNMR@0.01"] == pytest.approx(found, abs=1e-6)


def test_a_method_of_one_modality_has_figures_of_that_alone(experiment: Experiment):
    figures, sets = fold_figures(CosineMethod("voice", 1), experiment)

    assert set(sets) == {"voice"}
    assert all(name.startswith("voice, ") for name in figures)


def test_the_cost_of_validation_is_the_mean_of_three_minimum_costs():
    costs = []
    for setting in SETTINGS:
        scores = score_set(B4, TEST, setting)
        costs.append(metrics.min_cllr(scores.genuine_scores(), scores.impostor_scores()))

    assert len(set(costs)) == 3
    assert validation_cost(B4, TEST) == pytest.approx(np.mean(costs), rel=1e-9)


def test_trials_know_who_was_compared_and_how(experiment: Experiment):
    scores = score_set(CosineMethod("face", 0), experiment.test, FACE_ONLY)

    assert len(scores) == sum(one.genuine.size for one in experiment.test)
    assert np.array_equal(scores.genuine, scores.probe_identity == scores.reference_identity)
    assert set(scores.condition) == {CLEAN, "blur+noise_0"}


def test_test_people_are_drawn_as_chimeras_again_and_again_and_true_pairs_once():
    chimeric, true = features(faces=30, voices=30), features(faces=30, voices=30, true_pairs=True)
    first, second = Experiment(chimeric, identity_folds(chimeric)[0], drawings=2).test

    assert set(first.people) == set(second.people)
    faces = [
        {name: face.tobytes() for name, face in zip(one.people, one.references.face, strict=True)}
        for one in (first, second)
    ]
    assert faces[0] != faces[1]
    assert len(Experiment(true, identity_folds(true)[0], drawings=2).test) == 1
