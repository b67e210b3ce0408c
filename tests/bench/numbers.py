"""Times as medians and p95, printed as Markdown."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np


def milliseconds(act: Callable[[], object], *, times: int, warm: int = 3) -> list[float]:
    for _ in range(warm):
        act()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        found.append((time.perf_counter() - started) * 1000)
    return found


def spread(values: Sequence[float]) -> str:
    return f"{np.median(values):.1f} | {np.percentile(values, 95):.1f}"


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    print(f"### {title}\n")
    print("| " + " | ".join(headings) + " |")
    print("|" + " --- |" * len(headings))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)
