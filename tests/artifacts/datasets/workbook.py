"""An Excel workbook (ECMA-376) written by hand: with errors, merged cells and formulas at will."""
# ruff: noqa: E501 - XML

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
FORMATS = (0, 14, 22, 10, 46)
"""Number formats of Excel: general, date, date and time, percent, hours beyond a day."""
DATE, TIME, PERCENT, DURATION = 1, 2, 3, 4
DAY = dt.timedelta(days=1)


class Cell(NamedTuple):
    """A cell as it stands in the file: what is in its <v>, its style, type and formula."""

    value: str | None
    style: int = 0
    type: str = "n"
    formula: str = ""

    def xml(self, place: str) -> str:
        formula = f"<f>{escape(self.formula)}</f>" if self.formula else ""
        value = "" if self.value is None else f"<v>{escape(self.value)}</v>"
        return f'<c r="{place}" s="{self.style}" t="{self.type}">{formula}{value}</c>'


def workbook(
    *sheets: tuple[str, Sequence[Sequence[Any]]], merged: Sequence[str] = (), first_year: int = 1900
) -> bytes:
    """Return a workbook of sheets; `merged` are ranges of the first. None is an empty cell."""
    numbered = list(enumerate(sheets, start=1))
    shared: dict[str, int] = {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        parts = {f"worksheets/sheet{n}.xml": "worksheet" for n, _ in numbered}
        parts |= {"styles.xml": "styles", "sharedStrings.xml": "sharedStrings"}
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
            + "".join(f'<Override PartName="/xl/{part}" ContentType="{KIND}.{kind}+xml"/>' for part, kind in parts.items())
            + "</Types>")  # fmt: skip
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships">'
            f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>')  # fmt: skip
        archive.writestr("xl/workbook.xml", f'<workbook xmlns="{SPREADSHEET}" xmlns:r="{OFFICE}">'
            f'<workbookPr date1904="{int(first_year == 1904)}"/><sheets>'
            + "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>' for n, (name, _) in numbered)
            + "</sheets></workbook>")  # fmt: skip
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}/relationships">'
            + "".join(f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{part}"/>' for n, (part, kind) in enumerate(parts.items(), start=1))
            + "</Relationships>")  # fmt: skip
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{SPREADSHEET}"><cellXfs count="{len(FORMATS)}">'
            + "".join(f'<xf numFmtId="{one}"/>' for one in FORMATS) + "</cellXfs></styleSheet>")  # fmt: skip
        for n, (_, rows) in numbered:
            inside = "".join(
                f'<row r="{at}">{cells_of(row, at, shared, first_year)}</row>'
                for at, row in enumerate(rows, start=1)
            )
            ranges = "".join(f'<mergeCell ref="{one}"/>' for one in merged if n == 1)
            merges = f"<mergeCells>{ranges}</mergeCells>" if ranges else ""
            archive.writestr(f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{inside}</sheetData>{merges}</worksheet>')  # fmt: skip
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{SPREADSHEET}">'
            + "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared) + "</sst>")  # fmt: skip
    return out.getvalue()


def cells_of(row: Sequence[Any], at: int, shared: dict[str, int], first_year: int) -> str:
    return "".join(
        cell_of(value, shared, first_year).xml(f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[place]}{at}")
        for place, value in enumerate(row)
        if value is not None
    )


def cell_of(value: Any, shared: dict[str, int], first_year: int) -> Cell:
    """Return a value as Excel keeps it: dates are days since the end of 1899, or since 1904."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, bool):
        return Cell(str(int(value)), type="b")
    if isinstance(value, int | float):
        return Cell(repr(value))
    if isinstance(value, dt.timedelta):
        return Cell(repr(value / DAY), DURATION)
    if isinstance(value, dt.date):
        moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
        days = (moment - (dt.datetime(1904, 1, 1) if first_year == 1904 else dt.datetime(1899, 12, 30))) / DAY  # fmt: skip  # noqa: DTZ001
        return Cell(repr(int(days)), DATE) if days.is_integer() else Cell(repr(days), TIME)
    return Cell(str(shared.setdefault(str(value), len(shared))), type="s")
