"""Reduced Dempster-Shafer combination of opinions, Shafer's discounting, and averaging of evidence.

Sources: Han et al., "Trusted Multi-View Classification", ICLR 2021, definition 4; Shafer, "A Mathematical Theory of
Evidence", 1976 (discounting); Josang, "Subjective Logic", 2016, section 12.5 (averaging fusion).
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.mimop.evidence import Opinion, choose

SMALLEST_AGREEMENT = 1e-6  # below it 1 - C is rounding, and the quotient would be noise that looks like certainty
NAMED_ROWS = 10


class TotalConflict(ValueError):
    """Two opinions without doubt contradict each other; Dempster's rule has no answer. ``rows`` says where."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        named = ", ".join(str(row) for row in rows[:NAMED_ROWS]) + (", ..." if len(rows) > NAMED_ROWS else "")
        super().__init__(f"total conflict of the opinions in {len(rows)} row(s): {named}")
        self.rows = rows


def combine(first: Opinion, second: Opinion) -> Opinion:
    """b = (b1 b2 + b1 u2 + u1 b2) / (1 - C), u = u1 u2 / (1 - C), with conflict C = b1 d2 + d1 b2.

    ``TotalConflict``: 1 - C is nothing in some row.
    """
    combined, conflict = combine_traced(first, second)
    total = conflict >= 1.0
    if bool(total.any()):
        raise TotalConflict(tuple(torch.nonzero(total)[:, 0].tolist()))
    return combined


def combine_traced(first: Opinion, second: Opinion) -> tuple[Opinion, Tensor]:
    """The same as ``combine``, without a branch on values, for training and for export.

    Returns the opinion and the conflict C (n,) in [0, 1]. A row of total conflict has C = 1 exactly, and only such a row
    has, with the vacuous opinion (0, 0, 1): whoever asks must refuse it.
    """
    agreement, conflict = _agreement(first, second)
    total = conflict >= 1.0
    safe = torch.where(total, torch.ones_like(agreement), agreement)
    combined = Opinion(
        (first.belief * second.belief + first.belief * second.uncertainty + first.uncertainty * second.belief) / safe,
        (
            first.disbelief * second.disbelief
            + first.disbelief * second.uncertainty
            + first.uncertainty * second.disbelief
        )
        / safe,
        first.uncertainty * second.uncertainty / safe,
    )
    return combined.only_where(~total), conflict


def average_traced(first: Opinion, second: Opinion) -> tuple[Opinion, Tensor]:
    """The opinion of the mean evidence: b = (b1 u2 + b2 u1) / (u1 + u2), u = 2 u1 u2 / (u1 + u2), and the conflict.

    Total conflict is treated as in ``combine_traced``. Two opinions without doubt have infinite evidence; theirs is the
    mean of the opinions.
    """
    _, conflict = _agreement(first, second)
    doubt = first.uncertainty + second.uncertainty
    dogmatic = doubt <= torch.finfo(doubt.dtype).tiny
    safe = torch.where(dogmatic, torch.ones_like(doubt), doubt)
    averaged = Opinion(
        (first.belief * second.uncertainty + second.belief * first.uncertainty) / safe,
        (first.disbelief * second.uncertainty + second.disbelief * first.uncertainty) / safe,
        2.0 * first.uncertainty * second.uncertainty / safe,
    )
    mean = Opinion(
        (first.belief + second.belief) / 2, (first.disbelief + second.disbelief) / 2, torch.zeros_like(doubt)
    )
    return choose(dogmatic, mean, averaged).only_where(conflict < 1.0), conflict


def discount(opinion: Opinion, reliability: Tensor) -> Opinion:
    """Shafer's discounting by ``reliability`` (n,) in [0, 1]: b' = r b, d' = r d, u' = 1 - r + r u."""
    return Opinion(
        reliability * opinion.belief,
        reliability * opinion.disbelief,
        1.0 - reliability + reliability * opinion.uncertainty,
    )


def _agreement(first: Opinion, second: Opinion) -> tuple[Tensor, Tensor]:
    """1 - C and C, both (n,). 1 - C as a sum of what agrees, so that strong conflict does not cancel its digits away."""
    agreement = (
        first.belief * second.belief
        + first.disbelief * second.disbelief
        + first.uncertainty * (second.belief + second.disbelief)
        + second.uncertainty * (first.belief + first.disbelief)
        + first.uncertainty * second.uncertainty
    )
    total = agreement < SMALLEST_AGREEMENT
    conflict = (1.0 - agreement).clamp_min(0.0)  # rounding may leave agreement a hair above 1
    return agreement, torch.where(total, torch.ones_like(conflict), conflict)
