"""Make a voice gate: ``python -m worker.training.voice_spoof --data DIR [--aasist AASIST.onnx]``.

Two steps, as hearing takes minutes and fitting seconds: ``--cues FILE`` keeps what was heard and takes it up again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.evaluation.pad import BONA_FIDE
from models.gates import SHIPPED, write_gate
from models.training.gate import GateTable, fit_gate
from models.voice_spoof.cues.voice import WEIGHED, voice_cues
from models.voice_spoof.measure import figures, measured
from models.voice_spoof.presentations import Presentation, presentations
from worker.engines.sessions import SessionOptions
from worker.engines.voice_spoof import AASIST, AasistNetwork

GATE, GATE_AASIST = "voice_spoof", "voice_spoof_aasist"
BPCER_SET = 0.05  # of the worst corpus; over all of them it is about a fifth of that
STRENGTH = 0.1


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.training.voice_spoof", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds speech, digits and voice_spoof")
    parser.add_argument("--aasist", type=Path, help="AASIST, exported to ONNX: the gate with it is made")
    parser.add_argument("--cues", type=Path, help="a .npz that keeps the cues; read where it is there")
    parser.add_argument("--into", type=Path, default=SHIPPED, help="folder of gates")
    parser.add_argument("--jobs", type=int, default=1, help="processes that listen")
    parser.add_argument("--share", type=float, default=1.0, help="of the attacks, drawn; AASIST takes its time")
    parser.add_argument("--bpcer", type=float, default=BPCER_SET)
    parser.add_argument("--strength", type=float, default=STRENGTH)
    chosen = parser.parse_args(arguments)
    if chosen.cues is not None and chosen.cues.is_file():
        table = read_table(chosen.cues)
    else:
        table = hear(chosen.data, chosen.aasist, share=chosen.share, jobs=chosen.jobs)
        if chosen.cues is not None:
            write_table(table, chosen.cues)
    name, names = GATE, WEIGHED
    if AASIST in table.names:
        name, names = GATE_AASIST, (*WEIGHED, AASIST)
        for alone in (WEIGHED, (AASIST,)):
            print(json.dumps({"alone": alone, **rates(table.only(alone), chosen)}))
    part = table.only(names)
    command = command_of(chosen, name)
    card = fit_gate(part, name=name, command=command, bpcer_set=chosen.bpcer, strength=chosen.strength)
    card = replace(card, measured=rates(part, chosen))
    print(json.dumps({name: card.measured}))
    write_gate(card, chosen.into)


def command_of(chosen: argparse.Namespace, name: str) -> str:
    """What makes this gate again, without the folders of one machine."""
    network = f" --aasist AASIST.onnx --share {chosen.share:g}" if name == GATE_AASIST else ""
    return f"python -m worker.training.voice_spoof --data DIR{network} --bpcer {chosen.bpcer:g} --strength {chosen.strength:g}"


def rates(table: GateTable, chosen: argparse.Namespace) -> dict[str, object]:
    return measured(table, figures(table, bpcer_set=chosen.bpcer, strength=chosen.strength))


def hear(data: Path, aasist: Path | None, *, share: float, jobs: int) -> GateTable:
    """Cues of every presentation; what cannot be measured is counted and left out, as the gate refuses it anyway."""
    rows, unmeasured = [], Counter[str]()
    draw = np.random.default_rng(0)
    listened = (one for one in presentations(data) if draw.random() < share or one.instrument == BONA_FIDE)
    with multiprocessing.get_context("spawn").Pool(jobs, _start, (aasist,)) as pool:
        for one, cues in pool.imap(_heard, listened, chunksize=4):
            if cues is None:
                unmeasured[f"{one.instrument}/{one.dataset}"] += 1
            else:
                rows.append((cues, one.instrument, one.subject, one.dataset))
    print(json.dumps({"heard": Counter(f"{kind}/{dataset}" for _, kind, _, dataset in rows)}))
    print(json.dumps({"could not be measured": unmeasured}), flush=True)
    values = np.array([list(cues.values()) for cues, *_ in rows])
    columns = (np.array(column) for column in zip(*(row[1:] for row in rows), strict=True))
    return once(GateTable(tuple(rows[0][0]), values, *columns))


def once(table: GateTable) -> GateTable:
    """A speaker of few recordings may be drawn with the same one again; it counts once."""
    first = np.zeros(len(table.values), bool)
    first[np.unique(table.values, axis=0, return_index=True)[1]] = True
    return table.rows(first)


_network: AasistNetwork | None = None  # of a listening process


def _start(aasist: Path | None) -> None:
    global _network
    _network = AasistNetwork(aasist, SessionOptions(threads=1)) if aasist is not None else None


def _heard(one: Presentation) -> tuple[Presentation, dict[str, float] | None]:
    try:
        cues = voice_cues(one.voice)
    except ValueError:
        return one, None
    if _network is not None:
        cues[AASIST] = _network.score(one.voice)
    return one, cues


def write_table(table: GateTable, path: Path) -> None:
    np.savez(
        path,
        names=np.array(table.names),
        values=table.values,
        instrument=table.instrument,
        subject=table.subject,
        dataset=table.dataset,
    )


def read_table(path: Path) -> GateTable:
    with np.load(path) as held:
        names = tuple(str(name) for name in held["names"])
        return GateTable(names, held["values"], held["instrument"], held["subject"], held["dataset"])


if __name__ == "__main__":
    main()
