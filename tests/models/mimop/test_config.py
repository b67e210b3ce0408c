"""The configuration and the cell as plain values."""

from __future__ import annotations

import tomllib

import pytest

from models.mimop.choices import Cell, Features, Network, Quality, Rule, space
from models.mimop.config import MimopConfig

CELL = Cell(Features.RAW, Features.RAW, Network.GATED, Quality.BOTH, Rule.AVERAGE)


def test_a_configuration_comes_back_from_its_values():
    config = MimopConfig(face_width=128, voice_width=256, head=32, hidden=16, cell=CELL, edisc=True)

    assert MimopConfig.from_dict(config.to_dict()) == config


def test_a_configuration_can_be_read_from_toml():
    text = """
    face_width = 512
    voice_width = 192
    [cell]
    face = "identity"
    voice = "raw"
    network = "linear"
    quality = "none"
    rule = "discounted"
    """

    config = MimopConfig.from_dict(tomllib.loads(text))

    assert config.cell == Cell(Features.IDENTITY, Features.RAW, Network.LINEAR, Quality.NONE, Rule.DISCOUNTED)
    assert config.head == MimopConfig(512, 192).head


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"face_width": 128, "voice_width": 256, "haed": 64}, "haed"),
        ({"face_width": 128}, "voice_width"),
        ({"face_width": 128, "voice_width": 0}, "voice_width"),
        ({"face_width": 128, "voice_width": 256, "head": 200}, "head"),
        ({"face_width": 128, "voice_width": 256, "hidden": "32"}, "hidden"),
        ({"face_width": 128, "voice_width": 256, "edisc": "yes"}, "edisc"),
        ({"face_width": 128, "voice_width": 256, "cell": {"face": "raw"}}, "network"),
        ({"face_width": 128, "voice_width": 256, "cell": CELL.to_dict() | {"rule": "vote"}}, "vote"),
        ({"face_width": 128, "voice_width": 256, "cell": CELL.to_dict() | {"depth": "2"}}, "depth"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(values, named):
    with pytest.raises(ValueError, match=named):
        MimopConfig.from_dict(values)


def test_evidence_discounting_is_added_to_what_the_cell_does_with_quality():
    feature = MimopConfig(128, 192, cell=Cell(quality=Quality.FEATURE), edisc=True)
    none = MimopConfig(128, 192, cell=Cell(quality=Quality.NONE), edisc=True)

    assert feature.built_cell.quality is Quality.BOTH
    assert none.built_cell.quality is Quality.DISCOUNT
    assert MimopConfig(128, 192).built_cell == Cell()


def test_the_space_holds_every_valid_cell_once():
    cells = space()

    # 3 x 3 features x 3 rules x (3 networks x 4 qualities + 1 gated network x 3 qualities)
    assert len(cells) == len(set(cells)) == 3 * 3 * 3 * (3 * 4 + 3)
    assert all(Cell.from_dict(cell.to_dict()) == cell for cell in cells)


def test_a_gate_on_quality_without_quality_is_refused():
    with pytest.raises(ValueError, match="gated"):
        Cell(network=Network.GATED, quality=Quality.NONE)
