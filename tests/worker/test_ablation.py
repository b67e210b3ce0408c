"""``manage.py run_ablation``: one table of variants, which is not made twice."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from models.evaluation.metrics import eer
from models.evaluation.scores import ScoreSet
from models.training.checkpoint import load
from models.training.loop import BEST
from tests.feature_file import write
from tests.features import features
from worker import ablation

COSMIC = """
drawings = 1
[model]
hidden = 16
identity = 8
latent = 8
[sampling]
people = 6
captures = 2
batches = 1
[schedule]
epochs = 1
"""
MIMOP = """
drawings = 1
batches = 2
probes = 16
search_steps = 0
[model]
head = 8
hidden = 8
[schedule]
epochs = 1
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features and two small configurations."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "features.sqlite", features(faces=40, voices=40, recordings=3))
    (folder / "cosmic.toml").write_text(COSMIC)
    (folder / "mimop.toml").write_text(MIMOP)
    return folder


def run(made: Path, out: Path, variants: str, **options: object) -> None:
    call_command(
        "run_ablation",
        **{
            "features": made / "features.sqlite",
            "variants": variants,
            "folds": 1,
            "out": out,
            "cosmic_config": made / "cosmic.toml",
            "mimop_config": made / "mimop.toml",
            "device": "cpu",
            **options,
        },
    )


@pytest.fixture(scope="module")
def done(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablation")
    run(made, out, "B2,B4,B3,MIMOP-edisc")
    return out


def test_the_table_has_a_row_a_variant(done: Path):
    with (done / "table.csv").open(newline="") as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    markdown = (done / "table.md").read_text().splitlines()

    assert list(rows) == ["B2", "B4", "B3", "MIMOP-edisc"]
    assert {row["folds"] for row in rows.values()} == {"1"}
    for setting in ("face+voice", "face", "voice"):
        for row in rows.values():
            assert 0 <= float(row[f"{setting}, all: EER mean"]) <= 1
            assert float(row[f"{setting}, degraded: min C_llr mean"]) <= float(row[f"{setting}, degraded: C_llr mean"])
    assert len(markdown) == 2 + len(rows)
    assert markdown[2].startswith("| B2 | 1 |")


def test_networks_say_how_long_they_trained_and_how_healthy_the_embedding_is(done: Path):
    networks = {
        name: json.loads((done / name / "fold0" / ablation.FIGURES).read_text()) for name in ("B3", "MIMOP-edisc")
    }

    assert all(figures["epochs"] == 1 and figures["seconds"] > 0 for figures in networks.values())
    assert any(name.startswith("health: ") for name in networks["B3"])


def test_a_variant_is_trained_as_its_name_says(done: Path):
    models = {name: load(done / name / "fold0" / BEST).meta["config"]["model"] for name in ("B3", "MIMOP-edisc")}

    assert models["MIMOP-edisc"]["edisc"] is True
    assert models["B3"]["compact"] and models["B3"]["attention"] and not models["B3"]["solver"]


def test_scores_are_kept_for_plots(done: Path):
    figures = json.loads((done / "B4" / "fold0" / ablation.FIGURES).read_text())

    scores = ScoreSet.load(done / "B4" / "fold0" / "face_voice.npz")

    assert scores.name == "B4, face+voice"
    error = eer(scores.genuine_scores(), scores.impostor_scores())
    assert figures["face+voice, all: EER"] == pytest.approx(error, abs=1e-6)
    assert (done / "B4" / "fold0" / "voice.npz").is_file()


def test_all_variants_are_measured_on_the_same_trials(done: Path):
    sets = [ScoreSet.load(done / name / "fold0" / "voice.npz") for name in ("B2", "B3", "B4", "MIMOP-edisc")]

    for one in sets[1:]:
        assert np.array_equal(one.probe_identity, sets[0].probe_identity)
        assert np.array_equal(one.reference_identity, sets[0].reference_identity)


def test_a_second_call_trains_nothing_and_makes_the_same_table(made: Path, done: Path):
    table = (done / "table.md").read_text()
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file() and path.parent != done}

    run(made, done, "B2,B4,B3,MIMOP-edisc")

    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (done / "table.md").read_text() == table


def test_a_variant_that_was_killed_before_its_figures_is_run_and_others_are_not(made: Path, done: Path):
    kept, lost = (done / name / "fold0" / ablation.FIGURES for name in ("B2", "B4"))
    before, figures = kept.stat().st_mtime_ns, lost.read_text()
    lost.unlink()

    run(made, done, "B2,B4")

    assert kept.stat().st_mtime_ns == before
    assert lost.read_text() == figures


def test_a_variant_named_twice_is_one_row():
    assert ablation.chosen_variants("B4,B2,B4") == ("B4", "B2")
    assert ablation.chosen_variants("all") == ablation.VARIANTS


@pytest.mark.parametrize(
    ("variants", "options", "message"),
    [
        ("B2,B9", {}, "no variant B9; there are A1"),
        ("B2", {"folds": 6}, "--folds 6: the split has 5"),
        ("B2", {"folds": 0}, "--folds 0: the split has 5"),
        ("B2", {"features": Path("nowhere.sqlite")}, "there is no nowhere.sqlite"),
        ("B2", {"cosmic_config": Path("nowhere.toml")}, r"nowhere\.toml"),
    ],
)
def test_what_cannot_be_run_is_an_error(made: Path, tmp_path: Path, variants: str, options: dict, message: str):
    with pytest.raises(CommandError, match=message):
        run(made, tmp_path, variants, **options)

    assert not list(tmp_path.iterdir())


def test_families_that_split_the_people_differently_do_not_share_a_table(made: Path, tmp_path: Path):
    other = tmp_path / "other.toml"
    other.write_text("split_seed = 1\n")

    with pytest.raises(CommandError, match="one table takes one split"):
        run(made, tmp_path / "out", "MIMOP", mimop_config=other)


def test_too_few_people_are_an_error(made: Path, tmp_path: Path):
    write(tmp_path / "few.sqlite", features(faces=10, voices=10, recordings=2))

    with pytest.raises(CommandError, match="same-person comparisons: 16 at hand, 50 are needed"):
        run(made, tmp_path / "out", "B2", features=tmp_path / "few.sqlite")


def test_figures_of_another_configuration_do_not_enter_the_table(made: Path, done: Path, tmp_path: Path):
    other = tmp_path / "cosmic.toml"
    other.write_text(COSMIC.replace("batches = 1", "batches = 2"))

    with pytest.raises(CommandError, match="another configuration"):
        run(made, done, "B2", cosmic_config=other)
