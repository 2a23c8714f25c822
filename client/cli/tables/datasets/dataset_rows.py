"""The first rows of a dataset: a table that fits, and CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from autolearn.client.cli.output import sentence, short
from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.bounds import listed
from autolearn.schemas.datasets.look import TableRows
from autolearn.schemas.values import JsonValue

_WIDEST = 28
"""Characters of a value and of a name in a table that is limited; names are folded."""
_GAP = 2
_NUMBERS = ("integer", "number")
_MIDNIGHT = "T00:00:00Z"
_NAMED = 8
"""Columns without room that are named."""


def first_rows(one: TableRows, width: int | None) -> RenderableType:
    """Return rows as a table of so many characters, without the columns that have no room.

    Without a width all columns are there, with whole values.
    """
    widest = None if width is None else _WIDEST
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, _GAP - 1, 0, 0))
    left, shown = width, list[list[str]]()
    for at, (column, kind) in enumerate(zip(one.columns, one.types, strict=True)):
        hidden = column in one.hidden
        values = ["(hidden)" for _ in one.rows] if hidden else [row[at] for row in one.rows]
        cells = _cells(values, "string" if hidden else kind, widest)
        name = printable(column, but="")
        needed = max(map(cell_len, (name, *cells)))
        needed = needed if widest is None else min(needed, widest)
        if left is not None and shown and needed > left:
            break
        right = kind in _NUMBERS
        table.add_column(
            Text(name), justify="right" if right else "left", overflow="fold", width=needed
        )
        left = None if left is None else left - needed - _GAP
        shown.append(cells)
    for line in zip(*shown, strict=True):
        table.add_row(*map(Text, line))
    return Group(table, "", *map(sentence, _notes(one, one.columns[len(shown) :])))


def write_csv(one: TableRows, file: TextIO) -> None:
    """Write rows as CSV; a missing value is empty, and so is a hidden one."""
    safe = printable if file.isatty() else str
    out = csv.writer(file, lineterminator="\n")
    out.writerow(map(safe, one.columns))
    out.writerows([safe(_plain(value)) for value in row] for row in one.rows)


def _cells(values: Sequence[JsonValue], kind: str, widest: int | None) -> list[str]:
    """Return the text of a column's values."""
    texts = ["-" if value is None else printable(_shown(value), but="") for value in values]
    if kind == "timestamp":
        days = all(value is None or value.endswith(_MIDNIGHT) for value in values)
        texts = [
            text.removesuffix(_MIDNIGHT) if days else text.replace("T", " ").removesuffix("Z")
            for text in texts
        ]
    return texts if widest is None else [_cut(text, widest) for text in texts]


def _shown(value: JsonValue) -> str:
    """Return a value as text: a number with ten digits, text in one line."""
    if isinstance(value, float):
        return f"{value:.10g}"
    return " ".join(_plain(value).split())


def _plain(value: JsonValue) -> str:
    """Return a value as text."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cut(text: str, widest: int) -> str:
    return text if cell_len(text) <= widest else f"{set_cell_size(text, widest - 1).rstrip()}…"


def _notes(one: TableRows, left: Sequence[str]) -> list[str]:
    """Return sentences about the rows, and about the columns that the table lacks."""
    notes = [f"{len(one.rows):,} of {one.total:,} rows of {one.dataset}@{short(one.version)}."]
    if left:
        many = "1 column" if len(left) == 1 else f"{len(left):,} columns"
        notes.insert(0, f"… {many} more: {listed(left, _NAMED)} (choose with --columns)")
    if one.hidden:
        notes.append(f"Hidden, for their values are sensitive: {listed(one.hidden, _NAMED)}.")
    return notes
