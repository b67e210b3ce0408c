"""How well cues, alone and fused, tell each instrument from bona fide pictures of the same sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import Interval
from models.evaluation.intervals import multiplicities, percentiles
from models.training.gate import GateTable, fit_gate, llrs_of

DRAWS = 400
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Separation:
    """AUC of one instrument against bona fide pictures, with its interval over people."""

    instrument: str
    auc: Interval
    attacks: int
    bona_fide: int

    def plain(self) -> dict[str, object]:
        ends = [round(float(end), 4) for end in (self.auc.low, self.auc.high)]
        auc = round(float(self.auc.estimate), 4)
        return {"auc": auc, "interval": ends, "attacks": self.attacks, "bona_fide": self.bona_fide}


def separations(table: GateTable, scores: NDArray[np.float64], *, seed: int = 0) -> list[Separation]:
    """Of every instrument; ``scores`` (n,), higher is more bona fide. An instrument meets the data sets it came from.

    Raises:
        ValueError: an instrument has no bona fide picture of its data sets beside it.
    """
    found = []
    for instrument in np.unique(table.instrument[~table.bona_fide]):
        attack = table.instrument == instrument
        beside = table.bona_fide & np.isin(table.dataset, np.unique(table.dataset[attack]))
        if not beside.any():
            raise ValueError(f"{instrument}: no bona fide pictures of its data sets are beside it")
        used = attack | beside
        real, score, people = beside[used], scores[used], table.subject[used]
        auc = _interval(real, score, people, seed)
        found.append(Separation(str(instrument), auc, int(attack.sum()), int(beside.sum())))
    return found


def ablation(train: GateTable, test: GateTable) -> dict[str, dict[str, object]]:
    """AUC on ``test`` by instrument: of a gate fitted on ``train`` to each cue alone, to all but the network, to all."""
    sets: dict[str, tuple[str, ...]] = {name: (name,) for name in train.names}
    sets["all but " + train.names[0]] = train.names[1:]
    sets["all"] = train.names
    found: dict[str, dict[str, object]] = {}
    for called, names in sets.items():
        card = fit_gate(train.only(names), name="measured", command="")
        few = test.only(names)
        found[called] = {one.instrument: one.plain() for one in separations(few, llrs_of(card, few))}
    return found


def _interval(real: NDArray[np.bool_], scores: NDArray[np.float64], people: NDArray[np.str_], seed: int) -> Interval:
    names, person = np.unique(people, return_inverse=True)
    _, rank = np.unique(scores, return_inverse=True)
    draw = np.random.default_rng(seed)
    drawn: list[float] = []
    while len(drawn) < DRAWS:
        times = multiplicities(len(names), draw)[person]
        if times[real].any() and times[~real].any():
            drawn.append(_auc(real, rank, times))
    return percentiles(np.array(drawn), _auc(real, rank, np.ones(len(rank))), level=LEVEL)


def _auc(real: NDArray[np.bool_], rank: NDArray[np.int64], times: NDArray[np.float64]) -> float:
    """Probability that a bona fide picture scores higher than a forgery, ties counting one half."""
    bona_fide, forged = (np.bincount(rank, weights=times * one, minlength=rank.max() + 1) for one in (real, ~real))
    below = np.cumsum(forged) - forged / 2
    return float(bona_fide @ below / (bona_fide.sum() * forged.sum()))
