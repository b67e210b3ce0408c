"""The three nodes of COSMIC's graph: the two modalities and the context token."""

from enum import IntEnum


class Node(IntEnum):
    """A node's row in every (batch, node, hidden) token tensor."""

    FACE = 0
    VOICE = 1
    CONTEXT = 2


PAIRS: tuple[tuple[int, int], ...] = tuple((i, j) for i in range(len(Node)) for j in range(len(Node)) if i != j)
"""Every ordered pair of distinct nodes, in reading order."""
