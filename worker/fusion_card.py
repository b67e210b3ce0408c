"""The model card of a trained fusion, for people to read."""

from __future__ import annotations

from typing import Any

from models.evaluation.figures import Interval
from models.evaluation.record import CalibrationRecord
from models.fusion import Compared, FusionCard

LICENCE = (
    "Apache-2.0 for these files. They were trained on embeddings of research data sets, whose own terms (some of them "
    "non-commercial) say what the data may be used for; no sample of them is part of COSMIC."
)


def as_markdown(card: FusionCard) -> str:
    told = card.trained
    people, identities = told["complete_people"], told["identities"]
    records = card.calibrations
    first = records[Compared.FUSED]
    lines = [
        f"# Model card: {card.method} fusion for pack `{card.pack}`",
        "",
        f"Fuses `{told['face_model']}` and `{told['voice_model']}`; loads with these weights only. "
        f"Made by `{first.command}` on {first.made_at}, revision `{told['revision']}`.",
        "",
        f"**Data:** {', '.join(first.data)}; {_people(told)}, identities disjoint in both modalities. Face and voice "
        f"identities: training {_pair(identities['train'])}, validation {_pair(identities['validation'])}, "
        f"test {_pair(identities['test'])}; people with both in one drawing: "
        f"{people['train']}, {people['validation']}, {people['test']}. Drawings of validation and test people that are "
        f"pooled: {told['drawings']}; trials hang together, so intervals are by a bootstrap over voice identities.",
        "",
        "**Probes:** half clean, half degraded (blur, low light, compression; noise at 0 to 20 dB, far microphone). "
        "Training people trained it, validation people stopped the training and set the calibration, the figures are "
        "of test people alone.",
        "",
        "| compared | genuine, impostor trials | EER | C_llr | minimum C_llr | FNMR at the thresholds set for FMR |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(kind, records[kind]) for kind in Compared),
        "",
        f"**Licence:** {LICENCE}",
        "",
        "**Not for:** deciding alone; people unlike those of the data; telling a voice from a face. A few dozen voices "
        "stand behind these figures.",
        "",
    ]
    return "\n".join(lines)


def _people(told: dict[str, Any]) -> str:
    """Cards from before true pairs were told apart are of chimeras."""
    if told.get("chimeric", True):
        return "chimeric people (a face of one set with a voice of another)"
    return "people with their own face and voice"


def _row(kind: Compared, record: CalibrationRecord) -> str:
    measured = record.measured
    points = "; ".join(
        f"{point.chosen_fmr:g}: {point.measured.fnmr.estimate:.1%} at measured FMR {point.measured.fmr.estimate:.2%}"
        for point in measured.thresholds
    )
    return (
        f"| {kind} | {measured.trials.genuine}, {measured.trials.impostor} | {_interval(measured.eer, '.2%')} "
        f"| {_interval(measured.cllr, '.3f')} | {_interval(measured.min_cllr, '.3f')} | {points or 'too few trials'} |"
    )


def _interval(value: Interval, form: str) -> str:
    return f"{value.estimate:{form}} [{value.low:{form}}, {value.high:{form}}]"


def _pair(counts: dict[str, int]) -> str:
    return f"{counts['face']} and {counts['voice']}"
