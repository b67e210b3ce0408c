"""The search of the cell: uniform single paths, an honest ranking, and a file that brings the cell back."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
import torch

from models.mimop.cell import CebsCell
from models.mimop.choices import Cell, Features, Network, Quality, Rule, space
from models.mimop.paths import Comparison
from models.mimop.search import Scored, SearchResult, Supernet, read_cell, search, write_cell

FEW = space()[:6]


def comparison(n: int) -> Comparison:
    return Comparison(torch.rand(n), torch.rand(n), torch.rand(n), torch.ones(n, dtype=torch.bool))


def test_paths_are_drawn_uniformly_and_followed():
    supernet, taken = Supernet(FEW), Counter()

    def step(cell):
        assert supernet.active == cell
        taken[cell] += 1

    search(supernet, step, lambda cell: 0.0, steps=1200)

    # 200 expected of each; the standard deviation of a count is 13
    assert set(taken) == set(FEW)
    assert all(abs(count - 200) < 65 for count in taken.values())


def test_the_best_of_all_cells_wins_and_all_scores_are_kept():
    wanted = Cell(Features.IDENTITY, Features.IDENTITY, Network.GATED, Quality.BOTH, Rule.DISCOUNTED)
    supernet = Supernet()

    result = search(supernet, lambda cell: None, lambda cell: float(cell == wanted), steps=1)

    assert (result.cell, result.score) == (wanted, 1.0)
    assert [one.cell for one in result.history] == list(space())
    assert supernet.active == wanted


def test_of_equal_cells_the_simplest_wins():
    result = search(Supernet(), lambda cell: None, lambda cell: 0.5, steps=1)

    assert result.cell == Cell(Features.RAW, Features.RAW, Network.LINEAR, Quality.NONE, Rule.REDUCED)


def test_the_same_seed_takes_the_same_paths():
    def paths(seed):
        taken = []
        search(Supernet(FEW), taken.append, lambda cell: 0.0, steps=20, seed=seed)
        return taken

    assert paths(3) == paths(3) != paths(4)


def test_a_step_moves_the_weights_of_its_path_alone():
    torch.manual_seed(0)
    linear = Cell(Features.RAW, Features.RAW, Network.LINEAR, Quality.NONE, Rule.REDUCED)
    supernet = Supernet()
    supernet.choose(linear)

    supernet(comparison(4), comparison(4)).log_odds.sum().backward()

    moved = {name for name, one in supernet.named_parameters() if one.grad is not None and one.grad.any()}
    assert moved == {
        f"{side}.networks.raw_linear_plain.comparison.{part}" for side in ("face", "voice") for part in ("raw", "bias")
    }


@pytest.mark.parametrize("cell", [space()[0], space()[70], space()[-1]])
def test_a_cell_built_alone_computes_what_its_path_in_the_supernet_computes(cell):
    torch.manual_seed(0)
    supernet, alone = Supernet(), CebsCell(cell)
    own = alone.state_dict().keys()
    alone.load_state_dict({name: one for name, one in supernet.state_dict().items() if name in own})
    supernet.choose(cell)
    face, voice = comparison(5), comparison(5)

    assert torch.equal(supernet(face, voice).log_odds, alone(face, voice).log_odds)


def test_a_score_that_is_no_number_stops_the_search():
    with pytest.raises(ValueError, match="nan"):
        search(Supernet(FEW), lambda cell: None, lambda cell: math.nan, steps=1)


def test_an_untrained_supernet_and_foreign_cells_are_refused():
    with pytest.raises(ValueError, match="not trained"):
        search(Supernet(FEW), lambda cell: None, lambda cell: 0.0, steps=0)
    with pytest.raises(ValueError, match="no path"):
        Supernet(FEW).choose(space()[-1])
    with pytest.raises(ValueError, match="at least one"):
        Supernet([])


def test_the_found_cell_is_written_down_and_read_again(tmp_path):
    result = SearchResult(FEW[1], 0.75, (Scored(FEW[0], 0.5), Scored(FEW[1], 0.75)))

    write_cell(tmp_path / "cell.json", result)

    assert read_cell(tmp_path / "cell.json") == FEW[1]
    assert [one["score"] for one in json.loads((tmp_path / "cell.json").read_text())["history"]] == [0.5, 0.75]


@pytest.mark.parametrize("text", ["[]", "{}", '{"cell": "raw"}', '{"cell": {"face": "raw"}}', "cell = 1"])
def test_a_file_without_a_cell_is_refused(tmp_path, text):
    (tmp_path / "cell.json").write_text(text)

    with pytest.raises(ValueError):
        read_cell(tmp_path / "cell.json")
