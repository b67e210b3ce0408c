"""Training on sounds that stand for digits, the exported network, and the whole command."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch

from models.digits import train
from models.digits.card import CARD, NETWORK, read_card
from models.digits.clips import Clip, drawn_digits, joined
from models.digits.export import ParityBroken, export
from models.digits.features import BANDS, RATE
from models.digits.fit import Choices, fit
from models.digits.folds import listener
from models.digits.measured import figures, thresholds
from models.digits.network import DigitNetwork
from models.digits.other_speech import ACTORS, MEASURED_WITH, NOISE_OF_TRIALS, TRAINED_ON
from models.digits.rooms import Conditions
from models.digits.score import SYMBOLS, odds
from models.digits.trials import speaker_trials
from models.errors import ModelMissing, WrongHash
from tests.models.digits.tones import murmur, tone_digit, tone_speaker

EASY = Conditions(
    noise_db=(25.0, 30.0), babble=0.0, pace=(0.97, 1.03), reverberant=0.0, gap=(0.02, 0.1), around=(0.05, 0.2)
)


def clips(speakers: int, count: int, seed: int) -> list[Clip]:
    generator = np.random.default_rng(seed)
    people = [tone_speaker(str(number), 0.95 + 0.05 * number) for number in range(speakers)]
    return [
        joined(people[index % speakers], drawn_digits(generator, int(generator.integers(1, 4))), [], EASY, generator)
        for index in range(count)
    ]


def test_a_network_learns_to_tell_strings_apart():
    network = fit(clips(2, 96, 0), Choices(epochs=8, batch=16, rate=6e-3, width=32))

    listen, unheard = listener(network), clips(3, 24, 1)[2::3]
    right = [odds(listen(clip.features), clip.digits) for clip in unheard]
    wrong = [odds(listen(clip.features), str((int(clip.digits[0]) + 3) % 10) + clip.digits[1:]) for clip in unheard]
    assert np.mean(right) > 0
    assert np.mean(np.array(right) > np.array(wrong)) > 0.9


def test_training_is_the_same_with_the_same_seed():
    few = clips(1, 32, 0)

    first, second = (fit(few, Choices(epochs=1, batch=16, width=16)) for _ in range(2))

    assert all(
        torch.equal(one, other)
        for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_too_few_clips_are_refused():
    with pytest.raises(ValueError, match="do not fill"):
        fit(clips(1, 3, 0), Choices(batch=16))


def test_the_exported_network_says_the_same_at_any_length(tmp_path: Path):
    network = DigitNetwork().eval()

    difference = export(network, tmp_path / NETWORK)

    session = onnxruntime.InferenceSession(str(tmp_path / NETWORK), providers=["CPUExecutionProvider"])
    inputs = torch.randn(2, 333, BANDS)
    with torch.inference_mode():
        expected = network(inputs).numpy()
    (found,) = session.run(None, {"input": inputs.numpy()})
    assert difference < 1e-4
    assert found.shape == (2, 84, SYMBOLS)
    assert np.abs(found - expected).max() < 1e-4
    assert np.exp(found).sum(2) == pytest.approx(1.0, abs=1e-4)


def test_a_network_that_says_no_number_is_not_exported(tmp_path: Path):
    network = DigitNetwork().eval()
    torch.nn.init.constant_(network.symbols.bias, float("nan"))

    with pytest.raises(ParityBroken):
        export(network, tmp_path / NETWORK)

    assert not (tmp_path / NETWORK).exists()


def test_each_speaker_is_judged_at_a_threshold_of_the_others():
    listen = listener(DigitNetwork().eval())
    trials = {
        name: speaker_trials(listen, tone_speaker(name, 1.0 + number / 10), [], strings=4, seed=number)
        for number, name in enumerate(("ada", "bob", "cyd"))
    }

    at = thresholds(trials, 0.05)
    found = figures(trials, at)

    assert len(set(at.values())) > 1
    assert set(found["by_speaker"]) == {"ada", "bob", "cyd"}
    assert found["subjects"] == 3
    with pytest.raises(ValueError, match="nobody"):
        thresholds({"ada": trials["ada"]}, 0.05)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Folders as the command expects them, with a little of everything in them."""
    for (name, height), digit, take in itertools.product((("ada", 1.0), ("bob", 1.1)), range(10), range(2)):
        _write(tmp_path / "fsdd" / name / f"{digit}_{name}_{take}.flac", tone_digit(digit, height, 0.3 + 0.02 * take))
    for number, name in enumerate((*TRAINED_ON, NOISE_OF_TRIALS, MEASURED_WITH)):
        _write(tmp_path / "speech" / name / "one" / "a.flac", murmur(3.0, number))
    for actor in ("Actor_01", "Actor_02"):
        _write(tmp_path / "speech" / ACTORS / actor / "a.flac", murmur(3.0, 9))
    return tmp_path


def _write(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, RATE)


def test_the_command_writes_a_network_and_its_card(recordings: Path):
    folder = recordings / "out"
    amounts = ["--spoken", "24", "--synthetic", "8", "--epochs", "1", "--strings", "3"]

    train.main(
        ["--digits", f"{recordings / 'fsdd'}", "--speech", f"{recordings / 'speech'}", "--out", f"{folder}", *amounts]
    )

    card = read_card(folder)
    assert card.network(folder) == folder / NETWORK
    assert card.wrong_set == train.WRONG_SET
    assert set(card.measured["4_digits"]["by_speaker"]) == {"ada", "bob"}
    assert card.measured["ravdess_accepted_as_random_string"]["trials"] > 0
    assert "--epochs 1" in card.command


def test_a_card_goes_with_one_network_only(recordings: Path):
    with pytest.raises(ModelMissing):
        read_card(recordings)

    values = (
        '{"sha256": "00", "threshold": 0.0, "wrong_set": 0.005, "weights": 1, "data": [], "made_at": "", "command": ""}'
    )
    (recordings / CARD).write_text(values)
    (recordings / NETWORK).write_bytes(b"something else")
    with pytest.raises(WrongHash):
        read_card(recordings).network(recordings)

    (recordings / CARD).write_text(values.replace("0.0,", "NaN,"))
    with pytest.raises(ModelMissing, match="no number"):
        read_card(recordings)
