"""The recogniser with the weights that come with COSMIC, on digits that espeak-ng reads.

Its voices are synthetic and partly trained on: these tests say that the parts work together, not how people fare.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelMissing, WrongHash
from models.registry import HERE
from tests import media
from worker.engines.digits import DigitCheck, DigitRecogniser
from worker.engines.sessions import SessionOptions

WEIGHTS = HERE / "weights" / "digits"
RATE = 16_000


@pytest.fixture(scope="module")
def recogniser() -> DigitRecogniser:
    return DigitRecogniser(WEIGHTS, SessionOptions(threads=1))


@pytest.fixture(scope="module")
def reading() -> np.ndarray:
    return media.spoken("three, one, four, one")


def test_the_string_that_was_read_is_accepted(recogniser: DigitRecogniser, reading: np.ndarray):
    check = recogniser.check(reading, "3141")

    assert check.accepted
    assert check.heard == "3141"
    assert check.score > check.threshold


@pytest.mark.parametrize("expected", ["2718", "3142", "1341", "1413", "314", "31415"])
def test_another_string_is_refused(recogniser: DigitRecogniser, reading: np.ndarray, expected: str):
    check = recogniser.check(reading, expected)

    assert not check.accepted
    assert math.isfinite(check.score)


def test_digits_lie_where_they_were_read(recogniser: DigitRecogniser, reading: np.ndarray):
    late = np.concatenate([reading[: RATE // 4].repeat(8), reading])  # two seconds of quiet before

    first, second = recogniser.check(reading, "3141"), recogniser.check(late, "3141")

    assert first.first is not None and first.last is not None and second.first is not None
    assert 0.4 < first.first < first.last < len(reading) / RATE
    assert second.first - first.first == pytest.approx(2.0, abs=0.2)


def test_words_that_are_no_digits_are_refused(recogniser: DigitRecogniser):
    sound = media.spoken("the weather is lovely in the morning")

    assert not any(recogniser.check(sound, expected).accepted for expected in ("3141", "2718", "9054"))


def test_loud_and_quiet_readings_score_alike(recogniser: DigitRecogniser, reading: np.ndarray):
    loud, quiet = (recogniser.check(level * reading, "3141").score for level in (1.0, 0.02))

    assert loud == pytest.approx(quiet, abs=0.1)


def test_noise_alone_is_refused(recogniser: DigitRecogniser):
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE).astype(np.float32)

    check = recogniser.check(noise, "3141")

    assert not check.accepted


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(4 * RATE, np.float32),
        np.full(4 * RATE, np.nan, np.float32),
        np.ones(RATE // 2, np.float32),
        np.ones(16 * RATE, np.float32),
    ],
    ids=["silent", "no_number", "short", "long"],
)
def test_what_cannot_be_measured_is_no_pass(recogniser: DigitRecogniser, sound: np.ndarray):
    with pytest.raises(ValueError):
        recogniser.check(sound, "3141")


@pytest.mark.parametrize("expected", ["", "three", "31 41"])
def test_only_strings_of_digits_can_be_asked_for(recogniser: DigitRecogniser, reading: np.ndarray, expected: str):
    with pytest.raises(ValueError):
        recogniser.check(reading, expected)


def test_a_score_that_is_no_number_is_no_pass():
    assert not DigitCheck("3141", "3141", math.nan, 0.0, 0.5, 1.5).accepted
    assert not DigitCheck("3141", "", 5.0, 0.0, None, None).accepted


def test_weights_other_than_the_cards_are_not_used(tmp_path: Path):
    shutil.copytree(WEIGHTS, tmp_path / "digits")
    with (tmp_path / "digits" / "digits.onnx").open("ab") as file:
        file.write(b"\0")

    with pytest.raises(WrongHash):
        DigitRecogniser(tmp_path / "digits", SessionOptions())
    with pytest.raises(ModelMissing):
        DigitRecogniser(tmp_path, SessionOptions())


@pytest.mark.shared
def test_people_who_say_no_digits_are_refused(recogniser: DigitRecogniser, shared: Path):
    soundfile = pytest.importorskip("soundfile")
    paths = sorted((shared / "data" / "speech" / "ravdess" / "Actor_24").glob("*.flac"))[:12]

    accepted = [recogniser.check(soundfile.read(path, dtype="float32")[0], "3141").accepted for path in paths]

    assert len(accepted) == 12
    assert not any(accepted)


@pytest.mark.shared
def test_a_person_reading_digits_is_told_from_another_string(recogniser: DigitRecogniser, shared: Path):
    soundfile = pytest.importorskip("soundfile")
    home, gap = shared / "data" / "digits" / "fsdd" / "george", np.zeros(RATE // 4, np.float32)
    takes = [soundfile.read(home / f"{digit}_george_5.flac", dtype="float32")[0] for digit in "3141"]
    noise = np.random.default_rng(0).normal(0, 0.002, sum(map(len, takes)) + 5 * len(gap)).astype(np.float32)
    voice = np.concatenate([gap, *(part for take in takes for part in (take, gap))]) + noise

    assert recogniser.check(voice, "3141").accepted
    assert not recogniser.check(voice, "3149").accepted
