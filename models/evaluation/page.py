"""Pieces of a self-contained HTML page: nothing is loaded, everything that comes from outside is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1f23; --faint: #5b6470; --rule: #d5dae0; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e2e5e9; --faint: #9aa4b0; --rule: #363c44; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --faint: #444; --rule: #bbb; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; background: var(--paper); color: var(--ink); }
body { font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin-top: 1.8rem; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
small, caption { color: var(--faint); font-size: .85rem; }
caption { text-align: left; padding-bottom: .3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
thead th { border-bottom-width: 2px; }
th[scope=row] { min-width: 6rem; position: sticky; left: 0; background: var(--paper); font-weight: 500; }
th small { font-weight: 400; }
td { min-width: 5rem; }
td:last-child { min-width: 10rem; }
td small, th small { display: block; max-width: 15rem; font-size: .8rem; }
td small { min-width: 8rem; }
td small.whole { min-width: 0; white-space: nowrap; }
caption span { display: inline-block; position: sticky; left: 0; max-width: min(46rem, calc(100vw - 2rem)); }
details { margin: .4rem 0; border-top: 1px solid var(--rule); }
summary { padding: .5rem 0; cursor: pointer; font-weight: 500; }
.plots { display: grid; gap: 1.5rem 1rem; margin-top: 1.5rem; }
.plots { grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; }
figure, tr { break-inside: avoid; }
@media print { .scroll { overflow-x: visible; } }
"""


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def page(title: str, body: Iterable[Markup]) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def section(title: str, parts: Iterable[Markup]) -> Markup:
    return Markup(f"<section>\n<h2>{escaped(title)}</h2>\n" + "\n".join(parts) + "\n</section>")


def subsection(title: str, parts: Iterable[Markup]) -> Markup:
    return Markup(f"<h3>{escaped(title)}</h3>\n" + "\n".join(parts))


def folded(title: str, parts: Iterable[Markup], *, unfolded: bool) -> Markup:
    """What is read when it is asked for."""
    state = " open" if unfolded else ""
    return Markup(f"<details{state}><summary>{escaped(title)}</summary>\n" + "\n".join(parts) + "\n</details>")


def paragraph(text: object) -> Markup:
    return Markup(f"<p>{escaped(text)}</p>")


def bullets(items: Iterable[object]) -> Markup:
    return Markup("<ul>" + "".join(f"<li>{escaped(item)}</li>" for item in items) + "</ul>")


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str = "") -> Markup:
    """A table whose first column names the row; it scrolls sideways by itself on a narrow screen."""
    head = "".join(f'<th scope="col">{escaped(heading)}</th>' for heading in headings)
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td>{escaped(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{escaped(first)}</th>{cells}</tr>')
    title = f"<caption><span>{escaped(caption)}</span></caption>" if caption else ""
    return Markup(
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def with_small(main: object, *small: object) -> Markup:
    """A cell with smaller lines below; empty ones are left out."""
    return Markup(escaped(main) + "".join(f"<small>{escaped(line)}</small>" for line in small if line))


def with_figures(main: object, *small: object) -> Markup:
    """The same, where a smaller line is one figure and does not break."""
    return Markup(escaped(main) + "".join(f'<small class="whole">{escaped(line)}</small>' for line in small if line))


def plots(drawings: Iterable[tuple[str, str]]) -> Markup:
    """(caption, ``<svg>`` of our own) pairs, side by side where there is room."""
    figures = (
        f"<figure>{drawing}<figcaption><small>{escaped(text)}</small></figcaption></figure>"
        for text, drawing in drawings
    )
    return Markup(f'<div class="plots">{"".join(figures)}</div>')
