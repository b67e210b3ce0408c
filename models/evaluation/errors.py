"""What can be wrong with the data of an evaluation."""

from __future__ import annotations


class TooFewTrials(Exception):
    """There are fewer trials than a figure needs.

    Arguments:
        what: which figure, or which trials.
        available, needed: how many there are, and how many it takes.
    """

    def __init__(self, what: str, *, available: int, needed: int) -> None:
        super().__init__(f"{what}: {available:,} at hand, {needed:,} are needed")
        self.what = what
        self.available = available
        self.needed = needed
