"""The voice gate: what it says of voices, and that what it cannot measure is no pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.gates import SHIPPED, Cue, GateCard, read_gate
from models.training.gate import GateTable
from models.voice_spoof.cues.voice import WEIGHED, voice_cues
from tests import media
from worker.engines.sessions import SessionOptions
from worker.engines.voice_spoof import AASIST, SAMPLES, VoiceSpoofGate, as_trained
from worker.training.voice_spoof import read_table, write_table

ONE_THREAD = SessionOptions(threads=1)


def card(*cues: Cue, threshold: float = 0.0) -> GateCard:
    return GateCard("voice_spoof", cues, 0.0, threshold, 0.01, ("made",), "2026-11-24", "by hand")


@pytest.fixture(scope="module")
def said() -> np.ndarray:
    return media.spoken("Open the door for me please, it is cold out here.")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of AASIST's shape that answers with the mean of the samples for bona fide, and with nought against."""
    return graph_of(1 / SAMPLES, tmp_path_factory.mktemp("aasist") / "mean.onnx")


def graph_of(weight: float, path: Path) -> Path:
    weights = np.zeros((SAMPLES, 2), np.float32)
    weights[:, 1] = weight
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "weights"], ["output"])],
        "mean",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", SAMPLES])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_the_reading_is_the_cards_ratio_and_shows_every_cue(said: np.ndarray):
    gate = VoiceSpoofGate(card(Cue("pitch_step", -4.0, 0.5, 2.0)), None, ONE_THREAD)

    reading = gate.judge(said)

    assert reading.llr == pytest.approx(2.0 * (voice_cues(said)["pitch_step"] + 4.0) / 0.5)
    assert set(WEIGHED) < set(reading.cues)
    assert AASIST not in reading.cues


def test_a_card_with_the_network_asks_it(said: np.ndarray, network: Path):
    gate = VoiceSpoofGate(card(Cue(AASIST, 0.0, 1.0, 3.0)), network, ONE_THREAD)

    loud = gate.judge(said + np.float32(0.2))

    assert loud.cues[AASIST] == pytest.approx(float(as_trained(said).mean()) + 0.2, abs=1e-3)
    assert loud.llr == pytest.approx(3 * loud.cues[AASIST])
    assert loud.passed


def test_a_card_with_the_network_is_refused_without_it():
    with pytest.raises(ValueError, match="AASIST"):
        VoiceSpoofGate(card(Cue(AASIST, 0.0, 1.0, 1.0)), None, ONE_THREAD)


@pytest.mark.parametrize(
    "voice",
    [
        np.zeros(48_000, np.float32),
        np.full(48_000, np.nan, np.float32),
        np.zeros(0, np.float32),
        np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32),
    ],
    ids=["silence", "no numbers", "nothing", "noise"],
)
def test_what_cannot_be_measured_is_no_pass(voice: np.ndarray):
    gate = VoiceSpoofGate(card(Cue("pitch_step", 0.0, 1.0, 0.0), threshold=-9.0), None, ONE_THREAD)

    with pytest.raises(ValueError):
        gate.judge(voice)


def test_a_network_that_answers_with_no_number_is_no_pass(said: np.ndarray, tmp_path: Path):
    nowhere = graph_of(float("nan"), tmp_path / "nan.onnx")
    broken = VoiceSpoofGate(card(Cue(AASIST, 0.0, 1.0, 1.0), threshold=-9.0), nowhere, ONE_THREAD)

    with pytest.raises(ValueError, match="no number"):
        broken.judge(said)


def test_short_recordings_are_repeated_and_long_ones_cut():
    short, long = np.arange(3, dtype=np.float32), np.arange(70_000, dtype=np.float32)

    assert as_trained(short)[:5].tolist() == [0, 1, 2, 0, 1]
    assert as_trained(long)[-1] == SAMPLES - 1


def test_the_shipped_gate_weighs_what_is_measured_and_needs_no_network(said: np.ndarray):
    gate = VoiceSpoofGate(read_gate(SHIPPED / "voice_spoof.json"), None, ONE_THREAD)

    reading = gate.judge(said)

    assert {cue.name for cue in read_gate(SHIPPED / "voice_spoof.json").cues} == set(WEIGHED)
    assert np.isfinite(reading.llr)


def test_a_table_of_cues_comes_back_from_its_file(tmp_path: Path):
    names = ("a", "b")
    texts = [np.array(["x", "y"]) for _ in range(3)]
    table = GateTable(names, np.array([[1.0, 2.0], [3.0, 4.0]]), *texts)

    write_table(table, tmp_path / "cues.npz")
    again = read_table(tmp_path / "cues.npz")

    assert again.names == names
    assert np.array_equal(again.values, table.values)
    assert again.instrument.tolist() == ["x", "y"]
