"""``manage.py calibrate`` from a feature file, and how its record comes back as the calibration of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from models.data.features import FACE, FACE_CONTEXT, VOICE, VOICE_CONTEXT, FeatureStore, Header, Key, Sample
from models.errors import ModelMissing
from models.evaluation.record import CalibrationRecord
from models.registry import Places, models, pack
from worker import runtime, wiring
from worker.engines.types import Calibration

BUILTIN = pack("builtin")
FACE_MODEL, VOICE_MODEL = models()[BUILTIN.face], models()[BUILTIN.voice]
HEADER = Header(
    pack="builtin",
    face_model=FACE_MODEL.name,
    face_sha256=FACE_MODEL.sha256,
    face_width=FACE_MODEL.width,
    voice_model=VOICE_MODEL.name,
    voice_sha256=VOICE_MODEL.sha256,
    voice_width=VOICE_MODEL.width,
)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A state folder of the test's own, where the command leaves its record."""
    wiring.configure_runtime()
    own = runtime.Configuration(Places(models_dir=None, state_dir=tmp_path), runtime.configuration().options)
    monkeypatch.setattr(runtime, "_configuration", own)
    return own.places


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return feature_file(tmp_path_factory.mktemp("made") / "features")


def feature_file(path: Path, *, header: Header = HEADER, people: int = 60, modality: str = FACE) -> Path:
    """People as directions, five samples around each; one degraded and one refused, which must not be used."""
    random = np.random.default_rng(0)
    store = FeatureStore(path, header)
    width, context = (header.face_width, FACE_CONTEXT) if modality == FACE else (header.voice_width, VOICE_CONTEXT)
    for person in range(people):
        centre = random.normal(size=width)
        for sample in range(7):
            vector = centre + random.normal(size=width) * (0.9 if sample < 5 else 40.0)
            store.add(
                Sample(
                    key=Key(
                        modality, "made", f"{person}/{sample}", "blur" if sample == 5 else "clean", f"{person}-{sample}"
                    ),
                    identity=f"p{person:03d}",
                    session="",
                    quality=1.0,
                    refused="face_blurred" if sample == 6 else "",
                    embedding=(vector / np.linalg.norm(vector)).astype(np.float32),
                    context=np.zeros(context, np.float32),
                )
            )
    store.close()
    return path


def calibrate(path: Path, **options: object) -> None:
    call_command("calibrate", features=path, pack="builtin", **options)


def written(places: Places) -> CalibrationRecord:
    return CalibrationRecord.from_json(json.loads((places.calibrations / f"{FACE_MODEL.name}.json").read_text()))


def test_a_feature_file_is_calibrated_on_its_clean_accepted_samples(places: Places, made: Path):
    calibrate(made)

    record = written(places)
    assert (record.name, record.sha256, record.modality) == ("dlib_resnet/made", FACE_MODEL.sha256, "face")
    assert (record.data, record.not_usable) == (("made",), 60)
    assert (record.fitted_on.identities, record.fitted_on.genuine) == (30, 60)  # five samples, three of them enrolled
    assert record.measured.trials.impostor == 60 * 29
    assert record.measured.eer.estimate < 0.05
    assert record.measured.thresholds == ()  # 1,740 impostor trials support none
    assert record.measured.decision.prior == 0.01


@pytest.mark.parametrize("method", ["logistic", "pav"])
def test_the_record_comes_back_as_the_models_calibration_and_is_synced_whole(places: Places, made: Path, method: str):
    calibrate(made, method=method, name="mine", fmr=[0.02])

    calibration = runtime.card(FACE_MODEL.name, "face", "builtin", places).calibration

    record = written(places)
    assert calibration.record == record
    assert calibration.name == "dlib_resnet/mine"
    assert record.score_map.method.value == method
    assert calibration.llr(0.9) == record.score_map.llr(0.9) > 0 > calibration.llr(0.1)
    assert wiring.calibration_values(calibration) == record.to_json()
    assert [point.chosen_fmr for point in record.measured.thresholds] == [0.02]
    assert "--method " + method in record.command


def test_a_rate_that_the_data_do_not_support_is_refused_with_the_number_needed(places: Places, made: Path):
    with pytest.raises(CommandError, match=r"face: impostor trials .* 1,740 at hand, 30,000 are needed"):
        calibrate(made, fmr=[0.001])

    assert not places.calibrations.exists()


@pytest.mark.parametrize("rate", [0.0, 2.0, float("nan")])
def test_what_is_no_rate_is_refused(places: Places, made: Path, rate: float):
    with pytest.raises(CommandError, match="a rate lies in"):
        calibrate(made, fmr=[rate])


def test_too_few_people_are_refused(places: Places, tmp_path: Path):
    with pytest.raises(CommandError, match="face: people with two usable samples: 3 at hand, 4 are needed"):
        calibrate(feature_file(tmp_path / "few", people=3))
    with pytest.raises(CommandError, match="face: same-person comparisons: 10 at hand, 50 are needed"):
        calibrate(feature_file(tmp_path / "more", people=10))


def test_features_of_other_models_are_refused(places: Places, tmp_path: Path):
    other = replace(HEADER, face_sha256="f" * 64)

    with pytest.raises(CommandError, match=f"made with pack builtin and {FACE_MODEL.name} f"):
        calibrate(feature_file(tmp_path / "other", header=other, people=2))


def test_a_file_that_holds_no_features_and_a_missing_one_are_refused(places: Places, tmp_path: Path):
    (tmp_path / "text").write_text("nothing")

    for path in (tmp_path / "text", tmp_path / "none"):
        with pytest.raises(CommandError, match=path.name):
            calibrate(path)


def test_folders_or_a_feature_file_but_not_both_nor_neither(places: Places, made: Path, tmp_path: Path):
    with pytest.raises(CommandError, match="not both"):
        calibrate(made, faces=[tmp_path])
    with pytest.raises(CommandError, match="give --faces"):
        call_command("calibrate", pack="builtin")


def test_voices_of_a_feature_file_calibrate_the_voice(places: Places, tmp_path: Path):
    calibrate(feature_file(tmp_path / "features", modality=VOICE))

    assert [path.name for path in places.calibrations.iterdir()] == [f"{VOICE_MODEL.name}.json"]


def test_a_calibration_of_the_first_version_still_answers(places: Places):
    places.calibrations.mkdir(parents=True)
    values = {"sha256": FACE_MODEL.sha256, "name": "old", "slope": 2, "offset": -1, "identities": 5, "trials": 9}
    (places.calibrations / f"{FACE_MODEL.name}.json").write_text(json.dumps(values))

    calibration = runtime.card(FACE_MODEL.name, "face", "builtin", places).calibration

    assert calibration == Calibration("old", 2.0, -1.0, 5, 9)
    assert calibration.llr(0.75) == 0.5
    assert wiring.calibration_values(calibration)["trials"] == 9


@pytest.mark.parametrize("wrong", [{"version": 2}, {"version": 9}, {"name": "old", "slope": "steep"}])
def test_a_calibration_that_cannot_be_read_names_the_model(places: Places, wrong: dict):
    places.calibrations.mkdir(parents=True)
    path = places.calibrations / f"{FACE_MODEL.name}.json"
    path.write_text(json.dumps({"sha256": FACE_MODEL.sha256, **wrong}))

    with pytest.raises(ModelMissing, match=f"{FACE_MODEL.name}: its calibration cannot be read"):
        runtime.card(FACE_MODEL.name, "face", "builtin", places)


@pytest.mark.parametrize("cosine", [float("nan"), float("inf")])
def test_a_cosine_that_is_no_number_matches_nobody(cosine: float):
    with pytest.raises(ValueError, match="must match nobody"):
        Calibration("test", 1.0, 0.0, 1, 1).llr(cosine)
