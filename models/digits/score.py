"""How well what the network heard fits a string of digits, against every string like it.

The probability of a string is that of all its alignments (connectionist temporal classification, Graves et al., ICML
2006, equations 6 to 8), with one rule more: between two digits there is a blank, as the network is taught. Else a voice
that it does not know reads as two digits where it wavers between them within one. The score is the natural-log ratio to
the likeliest rival: what is heard freely, nothing at all, and all strings with one digit replaced, left out or put in.
NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIGITS = "0123456789"
BLANK = len(DIGITS)
SYMBOLS = len(DIGITS) + 1
LEAST = np.log(1e-9)  # of one moment: a network that is wrong there does not rule out a string for ever
NEVER = -1e9
TINIEST = 1e-300  # keeps the logarithm of a string finite that is out of the question

LogProbabilities = NDArray[np.float32]  # (moments, 11)


def heard(log_probabilities: LogProbabilities) -> str:
    """The free reading: the digits of the likeliest path on which a blank lies between any two."""
    emitted = np.maximum(log_probabilities.astype(np.float64), LEAST)
    best, came_from = emitted[0].copy(), np.tile(np.arange(SYMBOLS), (len(emitted), 1))
    for moment in range(1, len(emitted)):
        into_blank = int(best.argmax())
        begins = best[BLANK] > best[:BLANK]
        came_from[moment, :BLANK][begins] = BLANK
        came_from[moment, BLANK] = into_blank
        best = np.append(np.maximum(best[:BLANK], best[BLANK]), best[into_blank]) + emitted[moment]
    symbol, path = int(best.argmax()), []
    for row in came_from[::-1]:
        path.append(symbol)
        symbol = int(row[symbol])
    starts = [one for one, before in zip(path[::-1], [BLANK, *path[:0:-1]], strict=True) if one not in (before, BLANK)]
    return "".join(DIGITS[one] for one in starts)


def odds(log_probabilities: LogProbabilities, expected: str) -> float:
    """Natural-log ratio of ``expected`` to its likeliest rival: positive where it fits best. Finite.

    Raises:
        ValueError: nothing or something other than digits is expected, a probability is no number, or there are too
            few moments for that many digits.
    """
    _check(log_probabilities, expected)
    others = sorted({*rivals(expected), heard(log_probabilities), ""} - {expected})
    found = string_log_probabilities(log_probabilities, [expected, *others])
    return float(found[0] - found[1:].max())


def rivals(expected: str) -> set[str]:
    """All strings with one digit replaced, left out or put in."""
    places = range(len(expected))
    replaced = {expected[:at] + digit + expected[at + 1 :] for at in places for digit in DIGITS}
    without = {expected[:at] + expected[at + 1 :] for at in places}
    longer = {expected[:at] + digit + expected[at:] for at in range(len(expected) + 1) for digit in DIGITS}
    return (replaced | without | longer) - {expected}


def string_log_probabilities(log_probabilities: LogProbabilities, strings: Sequence[str]) -> NDArray[np.float64]:
    """(strings,) natural-log probability of each string, summed over its alignments."""
    symbols = _states(strings)
    emitted = np.exp(np.maximum(log_probabilities.astype(np.float64), LEAST))[:, symbols]
    forward, logs = np.zeros(symbols.shape), np.zeros(len(strings))
    forward[:, :2] = emitted[0, :, :2]
    for moment in emitted[1:]:
        arriving = forward.copy()
        arriving[:, 1:] += forward[:, :-1]
        arriving *= moment
        # Scaled at each moment, so that long recordings do not vanish: Rabiner, Proceedings of the IEEE, 1989, V.A.
        scale = arriving.sum(1)
        forward, logs = arriving / scale[:, None], logs + np.log(scale)
    rows, ends = np.arange(len(strings)), np.array([2 * len(one) for one in strings])
    ending = forward[rows, ends] + np.where(ends > 0, forward[rows, ends - 1], 0.0)
    return logs + np.log(np.maximum(ending, TINIEST))


def moments_of(log_probabilities: LogProbabilities, expected: str) -> list[int]:
    """The moment of each expected digit on the likeliest alignment.

    Raises:
        ValueError: as ``odds``.
    """
    _check(log_probabilities, expected)
    symbols = _states([expected])
    emitted = np.maximum(log_probabilities.astype(np.float64), LEAST)[:, symbols[0]]
    best, came_from = np.full(emitted.shape[1], NEVER), np.zeros(emitted.shape, np.int64)
    best[:2] = emitted[0, :2]
    for moment in range(1, len(emitted)):
        steps = np.full((2, len(best)), NEVER)
        steps[0], steps[1, 1:] = best, best[:-1]
        came_from[moment] = steps.argmax(0)
        best = steps.max(0) + emitted[moment]
    return _surest(_path(best, came_from), emitted, len(expected))


def _path(best: NDArray[np.float64], came_from: NDArray[np.int64]) -> NDArray[np.int64]:
    """(moments,) state at each moment, backwards from the better of the two last states."""
    state = len(best) - 1 - int(best[-2] > best[-1])
    path = np.empty(len(came_from), np.int64)
    for moment in range(len(came_from) - 1, -1, -1):
        path[moment] = state
        state -= int(came_from[moment, state])
    return path


def _surest(path: NDArray[np.int64], emitted: NDArray[np.float64], digits: int) -> list[int]:
    """Of the moments that a digit lasts, the one at which it is likeliest."""
    found = []
    for state in range(1, 2 * digits, 2):
        inside = np.flatnonzero(path == state)
        found.append(int(inside[emitted[inside, state].argmax()]))
    return found


def _states(strings: Sequence[str]) -> NDArray[np.int64]:
    """(strings, states) symbols of each string with blanks before, between and after."""
    symbols = np.full((len(strings), 2 * max(len(one) for one in strings) + 1), BLANK)
    for row, one in enumerate(strings):
        symbols[row, 1 : 2 * len(one) : 2] = [int(digit) for digit in one]
    return symbols


def _check(log_probabilities: LogProbabilities, expected: str) -> None:
    if not expected or not set(expected) <= set(DIGITS):
        raise ValueError(f"{expected!r} is no string of digits")
    if log_probabilities.ndim != 2 or log_probabilities.shape[1] != SYMBOLS or np.isnan(log_probabilities).any():
        raise ValueError("these are no log-probabilities of digits")
    if len(log_probabilities) < 2 * len(expected):
        raise ValueError(f"this is too short to hold {len(expected)} digits")
