"""Sheets of Excel workbooks, as people hand them on."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from autolearn.schemas.datasets.read_options import ReadHints
from tests.artifacts.datasets.damage.table import NUMERIC, File, Made, damage, plain
from tests.artifacts.datasets.workbook import PERCENT, Cell, workbook

ERRORS = ["#DIV/0!", "#N/A", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"]


def rows_of(table: Made) -> list[list[Any]]:
    """Return header and rows; their values are those of cells."""
    return [list(table.names), *table.rows()]


def sheet(rows: list[list[Any]], **more: Any) -> bytes:
    return workbook(("Data", rows), **more)


@damage
def excel(table: Made, some: random.Random) -> File:
    """Dates are days, booleans are 0 and 1, and integers may be written as 3.0."""
    as_float = some.random() < 0.5
    rows = [
        [float(one) if as_float and type(one) is int else one for one in row]
        for row in rows_of(table)
    ]
    return File(sheet(rows, first_year=some.choice([1900, 1904])), table)


@damage
def excel_numbers_as_text(table: Made, some: random.Random) -> File:
    """The green corners: some numbers were pasted as text."""
    rows = rows_of(table)
    for row in rows[1:]:
        for place, kind in enumerate(table.kinds.values()):
            if kind in NUMERIC and row[place] is not None and some.random() < 0.3:
                row[place] = plain(row[place])
    return File(sheet(rows), table)


@damage
def excel_dates_as_text(table: Made, some: random.Random) -> File:
    rows = rows_of(table)
    for row in rows[1:]:
        for place, kind in enumerate(table.kinds.values()):
            if kind == "date" and row[place] is not None:
                row[place] = row[place].strftime("%d/%m/%Y")
    said = ("date-format", "ambiguous-dates")
    return File(sheet(rows), table, said, must=said * bool(table.of("date")))


@damage
def excel_dates_in_the_other_order(table: Made, some: random.Random) -> File:
    """A CSV opened in another country: what can be is a date with day and month changed over."""
    changed = Made(dict(table.kinds), dict(table.values))
    told = [
        name
        for name in table.of("date")
        if any(value is not None and value.day > 12 for value in table.values[name])
    ]
    for name in told:
        changed.values[name] = [in_the_other_order(value) for value in table.values[name]]
    said = ("date-format", "ambiguous-dates", "not-all-times", "partly-times")
    return File(sheet(rows_of(changed)), table, said, must=said * bool(told))


def in_the_other_order(value: dt.datetime | None) -> dt.datetime | str | None:
    if value is None or value.day <= 12:
        return value and value.replace(day=value.month, month=value.day)
    return value.strftime("%d/%m/%Y")


@damage
def excel_percents(table: Made, some: random.Random) -> File:
    """Numbers that are shown with a percent sign: 0.12 as 12 %."""
    rows = rows_of(table)
    for row in rows[1:]:
        for place, kind in enumerate(table.kinds.values()):
            if kind in NUMERIC and row[place] is not None:
                row[place] = Cell(repr(row[place]), PERCENT)
    return File(sheet(rows), table)


@damage
def excel_leading_zeros(table: Made, some: random.Random) -> File:
    truth = Made(dict(table.kinds), dict(table.values))
    names = table.of("integer")
    for name in names:
        truth.values[name] = [None if v is None else f"{abs(v):08}" for v in table.values[name]]
    return File(sheet(rows_of(truth)), truth, must=("leading-zeros",) * bool(names))


@damage
def excel_errors(table: Made, some: random.Random) -> File:
    rows = rows_of(table)
    for _ in range(some.randint(1, 3)):
        at = some.randint(1, len(rows) - 1), some.randint(1, len(table.names) - 1)
        formula = some.choice(["", "A1/0"])
        rows[at[0]][at[1]] = Cell(some.choice(ERRORS), type="e", formula=formula)
    return File(sheet(rows), table, ("error-cells",), must=("error-cells",))


@damage
def excel_formulas(table: Made, some: random.Random) -> File:
    """Results of formulas are values like any other."""
    rows = rows_of(table)
    for row in rows[1:]:
        for place, kind in enumerate(table.kinds.values()):
            if kind in NUMERIC and row[place] is not None:
                row[place] = Cell(repr(row[place]), formula="SUM(A1:A2)")
            elif kind == "text" and place and some.random() < 0.5:
                row[place] = Cell(row[place] or "", type="str", formula='IF(A1="","",B1)')
    return File(sheet(rows), table)


@damage
def excel_formulas_without_results(table: Made, some: random.Random) -> File:
    """As programs write them that cannot calculate."""
    rows = rows_of(table)
    value = some.choice([None, ""])
    rows[some.randint(1, len(rows) - 1)][-1] = Cell(value, formula="SUM(A1:A2)")
    return File(sheet(rows), table, refusal="formula.*open it in Excel", must=("-",))


@damage
def excel_title_on_top(table: Made, some: random.Random) -> File:
    rows = [["Report of 2024"], *[[None]] * some.randint(0, 2), *rows_of(table)]
    merged = some.choice([[], ["A1:B1"]])
    return File(sheet(rows, merged=merged), table, refusal="--skip-lines", must=("-",))


@damage
def excel_title_skipped(table: Made, some: random.Random) -> File:
    """Lines are those that Excel counts, also where nothing is in them."""
    above = [*[[None]] * some.randint(0, 2), ["Report of 2024"], *[[None]] * some.randint(0, 2)]
    content = sheet([*above, *rows_of(table)])
    return File(content, table, hints=ReadHints(skip_lines=len(above)))


@damage
def excel_further_down(table: Made, some: random.Random) -> File:
    """The table begins anywhere, and there are empty rows between its rows."""
    rows = [[None, None, *row] for row in rows_of(table)]
    for _ in range(3):
        rows.insert(some.randint(0, len(rows)), [])
    return File(sheet(rows), table)


@damage
def excel_a_total(table: Made, some: random.Random) -> File:
    total: list[Any] = ["Total"]
    for name, kind in list(table.kinds.items())[1:]:
        values = [value for value in table.values[name] if value is not None]
        total.append(Cell(repr(sum(values)), formula="SUM(B2:B9)") if kind in NUMERIC else None)
    gap: list[list[Any]] = [[]] * some.randint(0, 1)
    content = sheet([*rows_of(table), *gap, total])
    return File(content, table, ("total-row",), must=("total-row",))


@damage
def excel_of_two_sheets(table: Made, some: random.Random) -> File:
    content = workbook(("Data", rows_of(table)), ("Notes", [["made by"], ["me"]]))
    return File(content, table, must=("more-sheets",))


@damage
def excel_a_merged_header(table: Made, some: random.Random) -> File:
    """One name over the last two columns."""
    rows = rows_of(table)
    rows[0][-1] = None
    last = "ABCDEFGH"[len(rows[0]) - 1]
    before = "ABCDEFGH"[len(rows[0]) - 2]
    merged = [f"{before}1:{last}1"]
    return File(sheet(rows, merged=merged), table, refusal="no name for column", must=("-",))


@damage
def excel_merged_values(table: Made, some: random.Random) -> File:
    """A value that stands once for several rows, as in a report."""
    table.kinds["group"] = "text"
    rows = len(table.values["key"])
    table.values["group"] = [f"group {row // 3}" for row in range(rows)]
    cells, column = rows_of(table), "ABCDEFGH"[len(table.names) - 1]
    merged = []
    for first in range(0, rows, 3):
        last = min(first + 3, rows) - 1
        if last > first:
            merged.append(f"{column}{first + 2}:{column}{last + 2}")
        for row in range(first + 1, last + 1):
            cells[row + 1][-1] = None
    return File(sheet(cells, merged=merged), table, must=("merged-cells",))


@damage
def excel_without_a_header(table: Made, some: random.Random) -> File:
    told = table.of("integer", "number", "boolean", "date", "time")
    if not any(table.values[name][0] is not None for name in told):
        return File(sheet(rows_of(table)), table)  # nothing tells names of texts from texts
    said = "first row looks like data|--no-header|no name|more than once"
    content = sheet(table.rows())
    return File(content, table, ("header-like-values",), said, must=("header-like-values",))


@damage
def excel_with_a_password(table: Made, some: random.Random) -> File:
    """An encrypted workbook is a compound file (MS-OFFCRYPTO)."""
    name = "EncryptedPackage".encode("utf-16-le")
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + name + bytes(3000)
    return File(content, table, refusal="password", must=("-",))


@damage
def excel_cut_off(table: Made, some: random.Random) -> File:
    content = sheet(rows_of(table))
    cut = content[: some.randint(100, len(content) - 1)]
    return File(cut, table, refusal="Excel file", must=("-",))


@damage
def excel_durations(table: Made, some: random.Random) -> File:
    truth = Made({**table.kinds, "took": "text"}, dict(table.values))
    seconds = [some.randint(1, 10**6) for _ in table.values["key"]]
    truth.values["took"] = [f"{n // 3600}:{n // 60 % 60:02}:{n % 60:02}" for n in seconds]
    rows = [
        [*row[:-1], dt.timedelta(seconds=n)] for row, n in zip(truth.rows(), seconds, strict=True)
    ]
    return File(sheet([truth.names, *rows]), truth)
