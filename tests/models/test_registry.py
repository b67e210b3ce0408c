"""The manifest, and where files are looked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models import registry
from models.errors import ModelMissing, WrongHash
from models.registry import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(models_dir=tmp_path / "own", state_dir=tmp_path / "state")


@pytest.mark.parametrize("entry", registry.models().values(), ids=lambda entry: entry.name)
def test_every_entry_says_what_it_is(entry: registry.ModelEntry):
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.size > 0
    assert entry.role and entry.licence and entry.licence_url and entry.input
    assert entry.package or entry.source or entry.note
    assert entry.source == "" or entry.source.startswith("https://")


@pytest.mark.parametrize("pack", registry.packs().values(), ids=lambda pack: pack.name)
def test_every_pack_names_models_that_exist(pack: registry.Pack):
    named = {*pack.models, *filter(None, (pack.detector, pack.face, pack.voice))}

    assert named <= registry.models().keys()
    assert pack.description
    if pack.recognises:
        assert registry.models()[pack.face].width and registry.models()[pack.voice].width


def test_the_builtin_pack_comes_from_pip_packages_alone(places: Places):
    for name in registry.pack("builtin").models:
        assert registry.locate(name, places).is_file()
    for name in (registry.pack("builtin").face, registry.pack("builtin").voice):
        assert registry.calibration_values(name, places)["fitted_on"]["impostor"] > 1000


def test_a_missing_model_says_how_to_get_it(places: Places):
    with pytest.raises(ModelMissing, match="fetch_models open"):
        registry.locate("sface", places)


def test_the_operators_folder_is_searched_by_hash(places: Places):
    entry = registry.models()["silero_vad"]
    content = registry.locate("silero_vad", places).read_bytes()
    (places.models_dir / "deep").mkdir(parents=True)
    (places.models_dir / "deep" / "any name.bin").write_bytes(content)
    (places.models_dir / "deep" / "decoy.bin").write_bytes(b"\0" * entry.size)

    assert registry.find_by_hash(places.models_dir, entry).name == "any name.bin"


def test_a_wrong_file_under_the_right_name_is_an_error_that_names_both_hashes(places: Places):
    places.downloads.mkdir(parents=True)
    wrong = places.downloads / registry.models()["sface"].file
    wrong.write_bytes(b"not a model")

    with pytest.raises(WrongHash) as error:
        registry.locate("sface", places)
    assert registry.models()["sface"].sha256 in str(error.value)
    assert registry.sha256_of(wrong) in str(error.value)


def test_an_uncalibrated_model_cannot_answer(places: Places):
    with pytest.raises(ModelMissing, match="calibrate"):
        registry.calibration_values("arcface_r50", places)
