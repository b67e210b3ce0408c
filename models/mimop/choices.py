"""The search space of the CEBS fusion cell, and one cell of it, as plain values.

Source: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020. A cell is one
choice in each of five places. Face and voice choose their features apart: a backbone trained on millions of faces may
leave nothing for a head to learn from a few hundred people, where the voice's still gains. The rest they share, though
not the weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Features(StrEnum):
    """Which comparison of probe and reference feeds the evidence network."""

    RAW = "raw"  # cosine of the frozen embeddings
    IDENTITY = "identity"  # cosine of the identity heads
    BOTH = "both"


class Network(StrEnum):
    """What turns the comparison into evidence."""

    LINEAR = "linear"
    MLP_16 = "mlp_16"
    MLP_32 = "mlp_32"
    GATED = "gated"  # two linear maps, blended by a gate on quality


class Quality(StrEnum):
    """How the quality of the sample enters."""

    NONE = "none"
    FEATURE = "feature"  # an input of the evidence network
    DISCOUNT = "discount"  # Shafer discounting of the modality's opinion
    BOTH = "both"

    @property
    def feeds(self) -> bool:
        return self in (Quality.FEATURE, Quality.BOTH)

    @property
    def discounts(self) -> bool:
        return self in (Quality.DISCOUNT, Quality.BOTH)


class Rule(StrEnum):
    """How the opinions of face and voice become one."""

    REDUCED = "reduced"  # reduced Dempster-Shafer
    DISCOUNTED = "discounted"  # the same, after discounting each modality by a learned constant trust
    AVERAGE = "average"  # mean of the evidence


@dataclass(frozen=True, slots=True)
class Cell:
    """One fusion cell. A ``ValueError`` says that a gate on quality was asked for where quality must not enter."""

    face: Features = Features.BOTH
    voice: Features = Features.BOTH
    network: Network = Network.MLP_16
    quality: Quality = Quality.FEATURE
    rule: Rule = Rule.REDUCED

    def __post_init__(self) -> None:
        if self.network is Network.GATED and self.quality is Quality.NONE:
            raise ValueError("a network gated by quality contradicts quality = none")

    def with_discounting(self) -> Cell:
        """The same cell with the opinions discounted by quality as well."""
        quality = Quality.BOTH if self.quality.feeds else Quality.DISCOUNT
        return replace(self, quality=quality)

    def to_dict(self) -> dict[str, str]:
        return {
            "face": self.face.value,
            "voice": self.voice.value,
            "network": self.network.value,
            "quality": self.quality.value,
            "rule": self.rule.value,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, str]) -> Cell:
        """Opposite of ``to_dict``. ``ValueError``: an unknown or a missing key, or a choice outside the space."""
        kinds = {"face": Features, "voice": Features, "network": Network, "quality": Quality, "rule": Rule}
        if values.keys() != kinds.keys():
            raise ValueError(f"a cell has the keys {sorted(kinds)}, not {sorted(values)}")
        return cls(
            face=Features(values["face"]),
            voice=Features(values["voice"]),
            network=Network(values["network"]),
            quality=Quality(values["quality"]),
            rule=Rule(values["rule"]),
        )


def space() -> tuple[Cell, ...]:
    """All 405 valid cells, simple choices before rich ones."""
    chosen = itertools.product(Features, Features, Network, Quality, Rule)
    return tuple(
        Cell(face, voice, network, quality, rule)
        for face, voice, network, quality, rule in chosen
        if not (network is Network.GATED and quality is Quality.NONE)
    )
