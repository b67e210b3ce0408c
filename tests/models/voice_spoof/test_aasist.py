"""AASIST, rebuilt: its filters, its shapes, and with the published weights its judgement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.voice_spoof.aasist import BONA_FIDE, RATE, SAMPLES, TAPS, Aasist, band_passes
from tests import media

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def drawn_state(width: int = 24, hidden: int = 32) -> dict[str, torch.Tensor]:
    """Weights of the published layout, drawn at random."""
    shapes: dict[str, tuple[int, ...]] = {"pos_S": (1, 23, width), "master1": (1, 1, width), "master2": (1, 1, width)}
    norms, linear = {"first_bn": 1}, {"out_layer": (2, 5 * hidden)}
    for block, (inputs, outputs) in enumerate([(1, 32), (32, 32), (32, width), *[(width, width)] * 3]):
        name = f"encoder.{block}.0"
        linear |= {f"{name}.conv1": (outputs, inputs, 2, 3), f"{name}.conv2": (outputs, outputs, 2, 3)}
        norms |= {f"{name}.bn2": outputs} | ({f"{name}.bn1": inputs} if block else {})
        linear |= {f"{name}.conv_downsample": (outputs, inputs, 1, 3)} if inputs != outputs else {}
    for name, inputs, outputs in [("GAT_layer_S", width, width), ("GAT_layer_T", width, width)]:
        shapes[f"{name}.att_weight"] = (outputs, 1)
        linear |= {f"{name}.{part}": (outputs, inputs) for part in ("att_proj", "proj_with_att", "proj_without_att")}
        norms[f"{name}.bn"] = outputs
    for branch, step, inputs in [(1, 1, width), (1, 2, hidden), (2, 1, width), (2, 2, hidden)]:
        name = f"HtrgGAT_layer_ST{branch}{step}"
        shapes |= {f"{name}.att_weight{pair}": (hidden, 1) for pair in ("11", "22", "12", "M")}
        linear |= {f"{name}.proj_type{kind}": (inputs, inputs) for kind in (1, 2)}
        parts = ("att_proj", "proj_with_att", "proj_without_att")
        linear |= {f"{name}.{part}{master}": (hidden, inputs) for part in parts for master in ("", "M")}
        norms[f"{name}.bn"] = hidden
    pools = {"pool_S": width, "pool_T": width} | {f"pool_h{kind}{b}": hidden for kind in "ST" for b in (1, 2)}
    linear |= {f"{name}.proj": (1, inputs) for name, inputs in pools.items()}
    shapes |= {f"{name}.weight": shape for name, shape in linear.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
    shapes |= {f"{name}.{part}": (size,) for name, size in norms.items() for part in BATCH_NORM}
    draw = torch.Generator().manual_seed(0)
    state = {name: 0.2 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    state |= {name: value.abs() + 0.5 for name, value in state.items() if name.endswith("running_var")}
    return state | {f"{name}.num_batches_tracked": torch.tensor(1) for name in norms}


def test_the_filters_together_pass_everything():
    together = band_passes().sum(0)[0]

    delta = torch.zeros(TAPS)
    delta[TAPS // 2] = 1.0
    assert torch.allclose(together, delta, atol=1e-5)


def test_a_filter_answers_in_its_own_band():
    bank = band_passes()[:, 0]
    tone = torch.cos(2 * torch.pi * 1000 * torch.arange(TAPS) / RATE)

    loudest = int((bank @ tone).abs().argmax())

    edges = 700 * (10 ** (np.linspace(0, np.log10(1 + 8000 / 700), 71)) - 1)
    assert edges[loudest] <= 1000 <= edges[loudest + 1]


@pytest.mark.parametrize("width", [24, 64])
def test_it_gives_two_logits_a_voice_and_voices_do_not_mix(width: int):
    network = Aasist(drawn_state(width))
    voices = 0.1 * torch.randn(2, RATE // 2, generator=torch.Generator().manual_seed(1))

    with torch.no_grad():
        together, apart = network(voices), network(voices[1:])

    assert together.shape == (2, 2)
    assert torch.allclose(together[1:], apart, atol=1e-4)


def test_other_weights_are_no_aasist():
    state = drawn_state()
    del state["pool_S.proj.weight"]

    with pytest.raises(RuntimeError):
        Aasist(state)


@pytest.mark.shared
def test_the_published_weights_tell_espeak_from_people(shared: Path):
    file = shared / "models" / "aasist" / "AASIST.pth"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    network = Aasist(torch.load(file, map_location="cpu", weights_only=True))
    said = [media.spoken("Open the door for me please.", voice=voice) for voice in ("en-us", "de")]
    people = sorted((shared / "data" / "speech" / "ravdess").glob("*/*.flac"))[::300]
    people_said = [soundfile.read(path, dtype="float32")[0] for path in people]

    with torch.no_grad():
        voices = np.stack([np.resize(voice, SAMPLES) for voice in said + people_said])
        logits = network(torch.from_numpy(voices.astype(np.float32)))
    bona_fide = (logits[:, BONA_FIDE] > logits[:, 1 - BONA_FIDE]).tolist()

    assert bona_fide == [False] * len(said) + [True] * len(people_said)
