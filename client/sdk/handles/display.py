"""How objects look in a notebook and at a prompt: text of others becomes no markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_LONGEST = 200
"""Characters of a value that are shown."""


def printable(words: str) -> str:
    """Return one line without characters that control a terminal."""
    return "".join(one if one.isprintable() else " " for one in words)


def plain(value: object) -> str:
    """Return a value as one short line: numbers with four digits, missing ones as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if 0.001 <= abs(value) < 10_000 else f"{value:.4g}"
    words = printable(str(value))
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def as_html(title: str, about: Mapping[str, object]) -> str:
    """Return a title and named values; those that are None or empty are left out."""
    lines = [
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(plain(value))}</td></tr>"
        for name, value in about.items()
        if value not in (None, "", (), {}, [])
    ]
    return f"<div><b>{escape(plain(title))}</b><table>{''.join(lines)}</table></div>"


def table_html(
    heads: Sequence[str], rows: Iterable[Sequence[object]], best: Iterable[tuple[int, int]] = ()
) -> str:
    """Return a table; the cells `best` (row and column, from 0) are bold."""
    bold = set(best)
    head = "".join(f"<th>{escape(plain(one))}</th>" for one in heads)
    lines = []
    for number, row in enumerate(rows):
        cells = [
            f"<td><b>{escape(plain(cell))}</b></td>"
            if (number, place) in bold
            else f"<td>{escape(plain(cell))}</td>"
            for place, cell in enumerate(row)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
