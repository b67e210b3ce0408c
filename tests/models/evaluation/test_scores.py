"""A set of scores keeps who was compared with whom, and refuses what would falsify a figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.evaluation.scores import ScoreSet


def small(**changes) -> ScoreSet:
    columns = {
        "score": [0.9, 0.2, 0.8, 0.4],
        "probe_identity": ["ada", "ada", "bob", "bob"],
        "reference_identity": ["ada", "bob", "bob", "ada"],
        "condition": ["clean", "clean", "noisy", "noisy"],
        "fold": [0, 0, 1, 1],
        "name": "test",
    }
    return ScoreSet.of(**{**columns, **changes})


def test_a_trial_is_genuine_where_both_are_the_same_person():
    scores = small()

    assert scores.genuine_scores().tolist() == [0.9, 0.8]
    assert scores.impostor_scores().tolist() == [0.2, 0.4]
    assert scores.identities() == ["ada", "bob"]
    assert scores.group.tolist() == [""] * 4


def test_a_mask_chooses_trials_with_all_their_columns():
    noisy = small().where(small().condition == "noisy")

    assert noisy.score.tolist() == [0.8, 0.4]
    assert noisy.fold.tolist() == [1, 1]


def test_joining_appends_trials_and_keeps_the_name():
    both = small().joined(small(name="other", score=[1.0, 2.0, 3.0, 4.0]))

    assert both.name == "test"
    assert both.score.tolist() == [0.9, 0.2, 0.8, 0.4, 1.0, 2.0, 3.0, 4.0]
    assert len(both.identities()) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"score": [0.9, np.nan, 0.8, 0.4]}, "1 scores are not finite"),
        ({"score": [0.9, np.inf, 0.8, 0.4]}, "not finite"),
        ({"score": [0.9, 0.2, 0.8]}, "scores"),
        ({"score": [[0.9, 0.2, 0.8, 0.4]]}, "scores"),
        ({"condition": ["clean"]}, "condition has shape"),
        ({"fold": [0, 1]}, "fold has shape"),
        ({"reference_identity": ["x", "y", "z", "w"]}, "no genuine trials"),
        ({"reference_identity": ["ada", "ada", "bob", "bob"]}, "no impostor trials"),
        (
            {"score": [], "probe_identity": [], "reference_identity": [], "condition": [], "fold": []},
            "no genuine trials",
        ),
    ],
)
def test_what_would_falsify_a_figure_is_refused(changes: dict, says: str):
    with pytest.raises(ValueError, match=says):
        small(**changes)


def test_identities_that_contradict_the_label_are_refused():
    scores = small()

    with pytest.raises(ValueError, match="genuine exactly where"):
        ScoreSet(
            "test",
            scores.score,
            ~scores.genuine,
            scores.probe_identity,
            scores.reference_identity,
            scores.condition,
            scores.group,
            scores.fold,
        )


def test_a_choice_that_leaves_a_class_empty_is_refused():
    with pytest.raises(ValueError, match="no impostor trials"):
        small().where(small().genuine)


def test_what_is_saved_is_loaded(tmp_path: Path):
    saved = small(group=["f", "f", "m", "m"])

    saved.save(tmp_path / "scores.npz")
    loaded = ScoreSet.load(tmp_path / "scores.npz")

    assert loaded.name == "test"
    for column in ("score", "genuine", "probe_identity", "reference_identity", "condition", "group", "fold"):
        assert getattr(loaded, column).tolist() == getattr(saved, column).tolist()


def test_a_file_that_holds_no_scores_is_refused(tmp_path: Path):
    wrong, strange, text = (tmp_path / name for name in ("wrong.npz", "strange.npz", "text.npz"))
    np.savez(wrong, score=np.zeros(3))
    np.savez(strange, score=np.array([{}], dtype=object), name=np.array("x"))
    text.write_text("nothing")

    for path in (wrong, strange, text):
        with pytest.raises(ValueError, match="holds no set of scores"):
            ScoreSet.load(path)
