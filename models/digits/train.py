"""Train and measure the digit network: ``python -m models.digits.train --digits FOLDER --speech FOLDER --out FOLDER``.

Every speaker is left out once: a network that has never heard them listens to them, at a threshold that the other
speakers set. The network that is written is trained on all, at the threshold that all of them set in those folds.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from models.digits.card import NETWORK, DigitCard, write_card
from models.digits.export import export
from models.digits.fit import Choices, fit
from models.digits.folds import DIGITS, Fold, Work, listener, running, saying
from models.digits.measured import figures, share, thresholds
from models.digits.other_speech import ACTORS, TRAINED_ON, load_other_speech
from models.digits.pool import Amounts, Making, make_pool
from models.digits.recordings import load_speakers
from models.digits.synthetic_trials import synthetic_trials
from models.digits.trials import threshold_of, together
from models.registry import sha256_of

WRONG_SET = 0.005  # of other random strings, such as an earlier recording holds; the aim is under 1 %


def figures_of_folds(folds: Sequence[Fold]) -> dict[str, Any]:
    """Each fold at the threshold that the other folds' speakers set."""
    by_length = {length: {fold.speaker: fold.by_length[length] for fold in folds} for length in folds[0].by_length}
    at = thresholds(by_length[DIGITS], WRONG_SET)
    found: dict[str, Any] = {f"{length}_digits": figures(trials, at) for length, trials in by_length.items()}
    for name in folds[0].other:
        passed = sum(int((fold.other[name].scores >= at[fold.speaker]).sum()) for fold in folds)
        found[f"{name}_accepted_as_random_string"] = share(passed, sum(len(fold.other[name].scores) for fold in folds))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    speakers, speech = load_speakers(asked.digits), load_other_speech(asked.speech)
    amounts = Amounts(asked.spoken, asked.synthetic, asked.spoken // 4)
    pool = make_pool(Making(speakers, speech.training, amounts, asked.seed), jobs=asked.jobs + 1)
    choices = Choices(epochs=asked.epochs, seed=asked.seed)
    with running(Work(speakers, speech, pool, choices, asked.strings), asked.jobs) as started:
        network = fit(pool.without(None), choices, saying("all speakers"))
        folds = [one.result() for one in started]
    threshold = threshold_of(together([fold.by_length[DIGITS] for fold in folds]), WRONG_SET)
    measured = figures_of_folds(folds)
    measured["espeak_ng_voices_kept_back"] = synthetic_trials(
        listener(network), speech.noise, threshold, strings=max(asked.strings // 20, 1)
    )
    export(network, asked.out / NETWORK)
    card = DigitCard(
        sha256=sha256_of(asked.out / NETWORK),
        threshold=round(threshold, 4),
        wrong_set=WRONG_SET,
        weights=sum(one.numel() for one in network.parameters()),
        data=(f"fsdd ({', '.join(one.name for one in speakers)})", *TRAINED_ON, ACTORS, "espeak-ng"),
        made_at=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=_command(asked),
        measured=measured,
    )
    write_card(card, asked.out)


def _command(asked: argparse.Namespace) -> str:
    chosen = {name: getattr(asked, name) for name in ("spoken", "synthetic", "epochs", "strings", "seed")}
    options = " ".join(f"--{name} {value}" for name, value in chosen.items())
    return f"python -m models.digits.train --digits fsdd --speech speech --out models/weights/digits {options}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.digits.train", description=__doc__)
    parser.add_argument("--digits", type=Path, required=True, help="one folder a speaker, <digit>_<speaker>_<n>.flac")
    parser.add_argument("--speech", type=Path, required=True, help="speech that holds no digits, one folder a data set")
    parser.add_argument("--out", type=Path, required=True, help="folder for digits.onnx and card.json")
    parser.add_argument("--spoken", type=int, default=Amounts().spoken, help="clips of each speaker")
    parser.add_argument("--synthetic", type=int, default=Amounts().synthetic, help="clips of espeak-ng")
    parser.add_argument("--epochs", type=int, default=Choices().epochs)
    parser.add_argument("--strings", type=int, default=120, help="strings of four digits in the trials of a speaker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="folds at a time, beside the network of all speakers")
    return parser


if __name__ == "__main__":
    main()
