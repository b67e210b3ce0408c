"""One table from figures by variant and fold, and a file that a killed run goes on with."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from models.evaluation.ablation import AblationRow, append_row, as_csv, as_markdown, known, read_rows, table

ROWS = [
    AblationRow("A1", 0, {"EER": 0.10, "FNMR@0.01": 0.5}),
    AblationRow("A1", 1, {"EER": 0.12}),
    AblationRow("A1", 2, {"EER": 0.17}),
    AblationRow("B4, plain", 0, {"EER": 0.2, "seconds": 3.0}),
]


def test_mean_and_deviation_by_hand():
    first, second = table(ROWS)

    assert (first.variant, first.folds) == ("A1", 3)
    assert first.figures["EER"].mean == pytest.approx(0.13)
    # Deviations -0.03, -0.01, 0.04: their squares over n - 1 are 0.0013.
    assert first.figures["EER"].deviation == pytest.approx(0.0013**0.5)
    assert (first.figures["FNMR@0.01"].folds, first.figures["FNMR@0.01"].deviation) == (1, None)
    assert second.figures["seconds"].mean == 3.0


def test_markdown_says_which_figures_rest_on_fewer_folds():
    assert as_markdown(table(ROWS), digits=2).splitlines() == [
        "| variant | folds | EER | FNMR@0.01 | seconds |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| A1 | 3 | 0.13 ± 0.04 | 0.50 (1 of 3) |  |",
        "| B4, plain | 1 | 0.20 |  | 3.00 |",
    ]


def test_csv_holds_the_same_with_full_precision():
    first, second = csv.DictReader(io.StringIO(as_csv(table(ROWS))))

    assert float(first["EER mean"]) == table(ROWS)[0].figures["EER"].mean
    assert (first["FNMR@0.01 folds"], first["FNMR@0.01 deviation"], first["seconds mean"]) == ("1", "", "")
    assert second["variant"] == "B4, plain"


def test_rows_come_back_from_the_file_as_they_were_added(tmp_path: Path):
    path = tmp_path / "rows.csv"

    for row in ROWS:
        append_row(path, row)

    assert read_rows(path) == ROWS
    assert known(read_rows(path)) == {("A1", 0), ("A1", 1), ("A1", 2), ("B4, plain", 0)}
    assert [one.name for one in tmp_path.iterdir()] == ["rows.csv"]


def test_without_a_file_nothing_is_known(tmp_path: Path):
    assert read_rows(tmp_path / "none.csv") == []


def test_a_fold_is_never_added_or_counted_twice(tmp_path: Path):
    append_row(tmp_path / "rows.csv", ROWS[0])

    with pytest.raises(ValueError, match="A1, fold 0 already"):
        append_row(tmp_path / "rows.csv", AblationRow("A1", 0, {"EER": 0.5}))
    with pytest.raises(ValueError, match="fold 0 twice"):
        table([ROWS[0], ROWS[0]])


def test_what_is_no_number_is_no_figure(tmp_path: Path):
    with pytest.raises(ValueError, match="EER is no number"):
        AblationRow("A1", 0, {"EER": float("nan")})
    with pytest.raises(ValueError, match="no figures"):
        append_row(tmp_path / "rows.csv", AblationRow("A1", 0, {}))


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "variant,fold,figure,value\nA1,zero,EER,0.1\n", "variant,fold,figure,value\nA1,0\n"]
)
def test_another_file_is_refused(tmp_path: Path, text: str):
    (tmp_path / "rows.csv").write_text(text)

    with pytest.raises(ValueError, match=r"rows\.csv"):
        read_rows(tmp_path / "rows.csv")
