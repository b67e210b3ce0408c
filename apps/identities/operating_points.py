"""False match rates that an operator may pick, read from the calibrations of the pack that answers.

Where the worker's fusion was trained, its three calibrations count. With several methods at hand and none asked for,
those of all count, so that whichever runs holds about the rate. The sum of ratios was never measured as a sum: it offers none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from apps.identities.models import FUSION, GalleryState, ModelVersion
from apps.policies.operating_points import Choice, OperatingPoint, Rate

FMRS = (1e-2, 1e-3, 1e-4)
SETTINGS = {"fused": "face and voice", "face": "face", "voice": "voice"}
UNTRAINED = "llr_sum"


def choices() -> tuple[Choice, ...]:
    """One for each of FMRS. Two queries."""
    versions = _fusions()
    return tuple(_choice(fmr, versions) for fmr in FMRS)


def _fusions() -> list[dict[str, Any]]:
    """The newest calibration of each fusion model that may be running."""
    asked = settings.ENV.fusion
    if asked == UNTRAINED:
        return []
    pack = GalleryState.objects.filter(pk=1).values_list("pack", flat=True).first() or settings.ENV.pack
    rows = ModelVersion.objects.filter(modality=FUSION, pack=pack).order_by("pk").values_list("name", "calibration")
    newest = dict(rows)
    return [values for name, values in newest.items() if asked == "auto" or name.startswith(f"{asked}-")]


def _choice(fmr: float, calibrations: Sequence[dict[str, Any]]) -> Choice:
    points: list[OperatingPoint] = []
    missing: list[str] = []
    for kind, setting in SETTINGS.items():
        of_kind = [values for values in calibrations if values.get("modality") == kind]
        if not of_kind:
            missing.append(f"{setting}: never measured")
        for values in of_kind:
            point = _point(fmr, setting, values)
            if point is None:
                missing.append(f"{setting}: {_too_few(values)}")
            else:
                points.append(point)
    return Choice(fmr, tuple(points), tuple(missing))


def _point(fmr: float, setting: str, values: dict[str, Any]) -> OperatingPoint | None:
    """None where the record has no threshold for the rate: whoever made it had too few trials for one."""
    for one in values.get("measured", {}).get("thresholds", []):
        if one["chosen_fmr"] == fmr:
            at = one["measured"]
            return OperatingPoint(setting, values["model"], at["llr"], _rate(at["fmr"]), _rate(at["fnmr"]))
    return None


def _too_few(values: dict[str, Any]) -> str:
    trials = values.get("measured", {}).get("trials", {}).get("impostor")
    return f"too few trials ({trials:,} of different people)" if trials else "never measured"


def _rate(interval: dict[str, float]) -> Rate:
    return Rate(interval["estimate"], interval["low"], interval["high"])
