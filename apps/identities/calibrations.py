"""What the worker has synced of a model's calibration, in words for the admin. Pure functions of the stored values.

The values are those of ``manage.py calibrate``; rows of COSMIC 1.0 hold only the map and how many trials it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold (natural-log likelihood ratio) and the rates measured there, on people it was not set on."""

    title: str
    llr: str
    fmr: str
    fnmr: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration; what was not measured says so."""

    name: str
    method: str
    made_at: str
    data: str
    fitted_on: str
    measured_on: str
    eer: str
    cllr: str
    min_cllr: str
    thresholds: tuple[Threshold, ...]
    command: str

    @property
    def operating_points(self) -> str:
        """The thresholds in one line, for a list."""
        return "; ".join(f"{one.title}: FNMR {one.fnmr}" for one in self.thresholds if one.title.startswith("FMR"))


def calibration(values: dict[str, Any]) -> Calibration:
    """The calibration of a ``ModelVersion`` row."""
    measured = values.get("measured", {})
    return Calibration(
        name=str(values.get("name", "none")),
        method=str(values.get("score_map", {}).get("method", "logistic" if "slope" in values else "none")),
        made_at=str(values.get("made_at", "unknown")),
        data=", ".join(values.get("data", [])) or "unknown",
        fitted_on=_trials(values.get("fitted_on", values)),
        measured_on=_trials(measured.get("trials", {})),
        eer=_rate(measured.get("eer")),
        cllr=_bits(measured.get("cllr")),
        min_cllr=_bits(measured.get("min_cllr")),
        thresholds=tuple(_thresholds(measured)),
        command=str(values.get("command", "")),
    )


def _thresholds(measured: dict[str, Any]) -> list[Threshold]:
    rows = [(f"FMR {point['chosen_fmr']:g}", point["measured"]) for point in measured.get("thresholds", [])]
    decision = measured.get("decision")
    if decision:
        costs = f"{decision['cost_false_match']:g} to {decision['cost_false_non_match']:g}"
        rows.append((f"prior {decision['prior']:g}, costs {costs}", decision["measured"]))
    return [Threshold(title, f"{at['llr']:.2f}", _rate(at["fmr"]), _rate(at["fnmr"])) for title, at in rows]


def _trials(counts: dict[str, Any]) -> str:
    if "identities" not in counts:
        return NOT_MEASURED
    if "genuine" not in counts:
        return f"{counts['identities']:,} people, {counts['trials']:,} trials"
    return f"{counts['identities']:,} people, {counts['genuine']:,} genuine and {counts['impostor']:,} impostor trials"


def _rate(interval: dict[str, float] | None) -> str:
    if not interval:
        return NOT_MEASURED
    return " ".join((_percent(interval["estimate"]), f"({_percent(interval['low'])} to {_percent(interval['high'])})"))


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _bits(interval: dict[str, float] | None) -> str:
    if not interval:
        return NOT_MEASURED
    return f"{interval['estimate']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"
