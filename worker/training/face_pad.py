"""``python -m worker.training.face_pad``: make and measure the gates of the face, and write their cards.

Pictures give ``face_picture`` (no network) and ``face_picture_minifasnet``; moving captures give ``face_flat``. Screens,
bent paper, moved photographs and most turning heads are SIMULATED; models/weights/gates/face_pad.md says what that is worth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.gates import GateCard, write_gate
from models.liveness.cues.picture import GROUPS
from models.registry import Places
from models.training.gate import GateTable, fit_gate, llrs_of
from worker.engines.building import minifasnet
from worker.engines.detection import MediaPipeDetector
from worker.engines.face_pad import NETWORK, SURELY_FLAT
from worker.engines.gates import MiniFasNetPair
from worker.engines.landmarks import MediaPipeMesh
from worker.engines.sessions import SessionOptions
from worker.training import face_pad_flat as flat
from worker.training import face_pad_measure as measure
from worker.training import face_pad_pictures as pictures

PICTURE, WITH_NETWORK, FLAT = "face_picture", "face_picture_minifasnet", "face_flat"
COMMAND = (
    "python -m worker.training.face_pad --data <data> --models <models> --kept <folder> --out models/weights/gates"
)
BPCER_SET = 0.03
STRENGTH = 0.1  # of the prior on weights: there are far more cues than people with prints
MARGIN = 0.1  # natural logarithms above the flattest-looking attack of the training data
NUAA = "nuaa"
# Where MiniFASNet's word is heard: it calls nearly every press photograph of LFW a fake.
HEARD = (NUAA, "grid", "celebdf", "ffhq")
BESIDE_NETWORK = ("moire_",)  # screens, which the network was not seen to stop; more cues only drown its word on prints
COMMAND = (
    "python -m worker.training.face_pad --data <data> --models <models> --kept <folder> --out models/weights/gates"
)
BPCER_SET = 0.03
STRENGTH = 0.1  # of the prior on weights: there are far more cues than people with prints
MARGIN = 0.1  # natural logarithms above the flattest-looking attack of the training data
NUAA = "nuaa"
# Where MiniFASNet's word is heard: camera streams. It calls nearly every press photograph of LFW a fake.
STREAMS = (NUAA, "grid", "celebdf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--models", type=Path, required=True, help="folder where MiniFASNet's weights lie")
    parser.add_argument("--kept", type=Path, required=True, help="folder for cues and meshes, used again when there")
    parser.add_argument("--out", type=Path, required=True, help="folder for the cards and figures.json")
    parser.add_argument("--only", choices=("pictures", "flat"))
    chosen = parser.parse_args()
    chosen.kept.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    if chosen.only != "flat":
        figures |= make_picture_gates(picture_cues_of(chosen.data, chosen.models, chosen.kept), chosen.out)
    if chosen.only != "pictures":
        figures |= make_flat_gate(meshes_of(chosen.data, chosen.kept), chosen.out)
    for name, values in figures.items():
        (chosen.kept / f"figures-{name}.json").write_text(json.dumps(values, indent=1) + "\n")


def picture_cues_of(data: Path, models_dir: Path, kept: Path) -> GateTable:
    """Cues of every picture, MiniFASNet's among them; read from ``kept`` where they lie there."""
    path = kept / "pictures.npz"
    if not path.is_file():
        places = Places(models_dir=models_dir, state_dir=kept / "state")
        network = MiniFasNetPair(minifasnet(places), SessionOptions(threads=1))
        table, lost = pictures.picture_table(pictures.sources(data), MediaPipeDetector(), network)
        print(f"{len(table.values)} presentations; {lost} showed no face large enough")
        np.savez(
            path,
            names=np.array(table.names),
            values=table.values,
            instrument=table.instrument,
            subject=table.subject,
            dataset=table.dataset,
        )
    found = np.load(path)
    names = tuple(str(name) for name in found["names"])
    return GateTable(names, found["values"], found["instrument"], found["subject"], found["dataset"])


def make_picture_gates(table: GateTable, out: Path) -> dict[str, Any]:
    """Both picture gates, written to ``out``; their figures by name."""
    plain = table.only([name for name in table.names if name != NETWORK])
    heard = np.isin(table.dataset, HEARD)
    sharpened = table.only([name for name in table.names if name.startswith((NETWORK, *BESIDE_NETWORK))])
    others = measure.on_unseen(sharpened.rows(heard), sharpened.rows(~heard), bpcer_set=BPCER_SET, strength=STRENGTH)
    beside = {group: GROUPS[group] for group in GROUPS if set(GROUPS[group]) & set(BESIDE_NETWORK)}
    return {
        PICTURE: _made(PICTURE, plain, GROUPS, out),
        WITH_NETWORK: _made(WITH_NETWORK, sharpened.rows(heard), {**beside, NETWORK: (NETWORK,)}, out, unheard=others),
    }


def _made(
    name: str, table: GateTable, groups: Mapping[str, Sequence[str]], out: Path, **further: dict[str, object]
) -> dict[str, Any]:
    nuaa = table.dataset == NUAA
    figures: dict[str, Any] = {
        "five_folds": measure.over_folds(table, bpcer_set=BPCER_SET, strength=STRENGTH),
        "nuaa_one_subject_out": measure.one_subject_out(table, NUAA, bpcer_set=BPCER_SET, strength=STRENGTH),
        "made_without_nuaa": measure.on_unseen(
            table.rows(~nuaa), table.rows(nuaa), bpcer_set=BPCER_SET, strength=STRENGTH
        ),
        **further,
    }
    card = fit_gate(table, name=name, command=COMMAND, bpcer_set=BPCER_SET, strength=STRENGTH)
    write_gate(replace(card, measured=figures), out)
    return figures | {"ablation": measure.ablation(table, groups, bpcer_set=BPCER_SET, strength=STRENGTH)}


def meshes_of(data: Path, kept: Path) -> list[flat.Meshed]:
    """The meshes of every moving capture; read from ``kept`` where they lie there."""
    path = kept / "meshes.npz"
    if not path.is_file():
        detector, landmarks = MediaPipeDetector(), MediaPipeMesh()
        flat.keep(flat.meshed(flat.captures(data, detector, landmarks), detector, landmarks), path)
    return flat.read_kept(path)


def make_flat_gate(found: Sequence[flat.Meshed], out: Path) -> dict[str, Any]:
    """The flatness gate, written to ``out``; its figures."""
    table, told = flat.flat_table(found)
    trained = table.instrument != flat.SCREEN  # a screen shows a live head's depth: it would teach that heads are flat
    unseen = partial(measure.one_out_answers, table, fitted=trained, surely_attack=SURELY_FLAT)
    figures: dict[str, Any] = {"one_subject_out": flat.verdicts(found, told, unseen(fit=fit_flat))}
    card = fit_flat(table.rows(trained))
    write_gate(replace(card, measured=figures), out)
    alone = {cue: unseen(fit=partial(fit_flat, weighed=(cue,))) for cue in table.names}
    return {FLAT: figures | {"ablation": {cue: flat.verdicts(found, told, answers) for cue, answers in alone.items()}}}


def fit_flat(table: GateTable, weighed: Sequence[str] = flat.WEIGHED) -> GateCard:
    """A gate whose threshold no attack of its training data reaches: a flat face that passes costs more than a live one
    that is asked to turn its head."""
    table = table.only(weighed)
    card = fit_gate(table, name=FLAT, command=COMMAND)
    llrs = llrs_of(card, table)
    threshold = float(llrs[~table.bona_fide].max()) + MARGIN
    refused = float(np.mean(llrs[table.bona_fide] < threshold))
    return replace(card, threshold=round(threshold, 6), bpcer_set=round(refused, 4))


if __name__ == "__main__":
    main()
