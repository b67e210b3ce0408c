"""How plots look: plain axes, colours that colour-blind people tell apart, and SVG that follows the page's own ink.

Colours: Okabe and Ito, "Color universal design", 2008, less those too faint on white. Lines also differ in their dashes.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f6fc7", "#a6761d")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)))
GENUINE, IMPOSTOR = COLOURS[0], COLOURS[1]
INK = "#123456"  # replaced by currentColor in SVG, so that plots are read on dark pages too
STYLE: Any = {
    "svg.hashsalt": "cosmic",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
GRID = 600  # points closer than a 600th of the axis are one


def blank(width: float = 6.0, height: float = 4.2) -> tuple[Figure, Axes]:
    """A figure in inches with one pair of axes; call inside ``styled``."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def styled() -> AbstractContextManager[None]:
    """The context in which figures are made and written."""
    return matplotlib.rc_context(STYLE)


def line_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the index-th line; the first 24 differ."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[(index // len(COLOURS) + index) % len(DASHES)]}


def svg(figure: Figure, title: str) -> str:
    """The figure as an ``<svg>`` element with a title; the same figure gives the same text, and ids are its own."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = written.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    prefix = f"p{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", text)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(title)}"', 1).strip()


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], *, width: float, height: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points of a line that can be told apart on axes ``width`` by ``height`` wide, in the units of x and y."""
    cells = np.stack([np.round(x / width * GRID), np.round(y / height * GRID)])
    keep = np.ones(len(x), dtype=bool)
    keep[1:-1] = (cells[:, 1:-1] != cells[:, :-2]).any(0) | (cells[:, 1:-1] != cells[:, 2:]).any(0)
    return x[keep], y[keep]
