"""The gates that look at a capture, from what is at hand.

A gate whose calibration or network is missing is left out and said so in the log; what that means for a capture is
policy's word, by default that it is refused. Published networks that only sharpen a gate (AASIST, Light-ASD) are used
where their weights are at hand, and such a gate has a card of its own; MiniFASNet is a gate beside the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from models.errors import ModelMissing
from models.gates import GateCard, load_gate
from models.registry import HERE, Places, locate
from worker.engines.digits import DigitRecogniser
from worker.engines.face_pad import FlatnessGate, PictureGate
from worker.engines.forgery import FaceForgeryGate
from worker.engines.gates import MiniFasNetPair
from worker.engines.lips import LipSyncGate, light_asd_network
from worker.engines.sessions import SessionOptions, exported
from worker.engines.types import GateEngines
from worker.engines.vit_pad import VitPad
from worker.engines.voice_spoof import VoiceSpoofGate

log = logging.getLogger(__name__)
T = TypeVar("T")
MINIFASNET = ("minifasnet_v2", "minifasnet_v1se")
VIT = "vit_pad.onnx"  # in the operator's own folder of gates; none ships (docs/gates-vit.md)
DIGITS = HERE / "weights" / "digits"
# A gate's card, and the one that is used where these networks are at hand.
CARDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "picture": ("face_picture", "face_picture", ()),
    "minifasnet": ("face_picture_minifasnet", "face_picture_minifasnet", ()),
    "flat": ("face_flat", "face_flat", ()),
    "lips": ("lips", "lips_light_asd", ("light_asd",)),
    "forgery": ("face_forgery", "face_forgery", ()),
    "voice_spoof": ("voice_spoof", "voice_spoof_aasist", ("aasist",)),
}


def gate_card(gate: str, places: Places) -> GateCard:
    """The card that ``gate`` runs on with what is at hand.

    Raises:
        ModelMissing: it was never calibrated.
        WrongHash: a network's file is not what the manifest says.
    """
    plain, sharpened, networks = CARDS[gate]
    return load_gate(sharpened if _all_here(networks, places) else plain, places)


def build_gates(places: Places, options: SessionOptions) -> GateEngines:
    """Every gate that can be built.

    Raises:
        models.errors.WrongHash: a network's file is not what the manifest says.
        ValueError: the operator's vision transformer is none.
    """
    return GateEngines(
        picture=_at_hand(lambda: PictureGate(gate_card("picture", places), None)),
        minifasnet=_at_hand(lambda: _minifasnet_gate(places, options)) if _all_here(MINIFASNET, places) else None,
        vit=VitPad(vit, options) if (vit := places.state_dir / "gates" / VIT).is_file() else None,
        flat=_at_hand(lambda: FlatnessGate(gate_card("flat", places))),
        lips=_at_hand(lambda: _lips(places, options)),
        forgery=_at_hand(
            lambda: FaceForgeryGate(gate_card("forgery", places), locate("face_forgery", places), options)
        ),
        voice_spoof=_at_hand(lambda: _voice_spoof(places, options)),
        digits=_at_hand(lambda: DigitRecogniser(DIGITS, options)),
    )


def _at_hand(build: Callable[[], T]) -> T | None:
    try:
        return build()
    except ModelMissing as error:
        log.warning("a gate is left out: %s", error)
        return None


def _minifasnet_gate(places: Places, options: SessionOptions) -> PictureGate:
    return PictureGate(gate_card("minifasnet", places), MiniFasNetPair(minifasnet(places), options))


def _lips(places: Places, options: SessionOptions) -> LipSyncGate:
    card = gate_card("lips", places)
    if card.name == CARDS["lips"][0]:
        return LipSyncGate(card, None, options)
    return LipSyncGate(card, light_asd_network(places), options)


def _voice_spoof(places: Places, options: SessionOptions) -> VoiceSpoofGate:
    card = gate_card("voice_spoof", places)
    if card.name == CARDS["voice_spoof"][0]:
        return VoiceSpoofGate(card, None, options)
    return VoiceSpoofGate(card, exported("aasist", places, _aasist, (2, 64_600)), options)


def minifasnet(places: Places) -> tuple[Path, Path]:
    """Both networks of the pair as ONNX.

    Raises:
        ModelMissing: not at hand.
    """
    example = (2, 3, 80, 80)
    first = exported("minifasnet_v2", places, _minifasnet, example)
    return first, exported("minifasnet_v1se", places, _minifasnet, example)


def _all_here(names: tuple[str, ...], places: Places) -> bool:
    try:
        for name in names:
            locate(name, places)
    except ModelMissing:
        return False
    return True


def _minifasnet(state):
    from models.liveness.minifasnet import MiniFASNet

    return MiniFASNet(state)


def _aasist(state):
    from models.voice_spoof.aasist import Aasist

    return Aasist(state)
