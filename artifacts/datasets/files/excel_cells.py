"""Cells of an Excel sheet that python-calamine gives as empty: errors, formulas without a result.

ECMA-376, part 1: 18.3.1.4 (cells), 18.3.1.40 (formulas).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat

Place = tuple[int, int]
"""Row and column, from 0."""
_CHUNK = 1 << 20
_LONGEST_TAG = 200
_ODD = tuple(
    re.compile(pattern)
    for pattern in (
        rb"""t=["']e["']""",
        rb"/>\s*</(\w+:)?c>",
        rb"f>\s*</(\w+:)?c>",
        rb"v>\s*</(\w+:)?v>",
    )
)
"""The marks of a sheet with possible odd cells: an error, or an empty last part or value."""


class OddCells(NamedTuple):
    """The text of cells that are errors (#N/A), and the places of formulas without a result."""

    errors: dict[Place, str]
    formulas: list[Place]


def odd_cells(file: Path | IO[bytes], sheet: str) -> OddCells:
    """Return the odd cells of a sheet; raises ValueError for a damaged workbook.

    Most sheets have none, and are not parsed: that would take longer than reading them.
    """
    scan = _Scan()
    try:
        with zipfile.ZipFile(file) as archive:
            part = _part_of(archive, sheet)
            with archive.open(part) as stream:
                parse = _may_have_odd(stream)
            if parse:
                with archive.open(part) as stream:
                    scan.run(stream)
    except (zipfile.BadZipFile, KeyError, StopIteration, ET.ParseError, expat.ExpatError) as error:
        raise ValueError(str(error)) from None
    return scan.odd


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - expat bounds entities
    links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    named = next(
        one for one in book.iter() if one.tag.endswith("}sheet") and one.get("name") == sheet
    )
    link = next(value for key, value in named.items() if key.endswith("}id"))
    target = next(one.get("Target", "") for one in links if one.get("Id") == link)
    return posixpath.normpath(posixpath.join("xl", target)).lstrip("/")


def _may_have_odd(stream: IO[bytes]) -> bool:
    before = b""
    while chunk := stream.read(_CHUNK):
        if any(pattern.search(before + chunk) for pattern in _ODD):
            return True
        before = chunk[-_LONGEST_TAG:]
    return False


class _Scan:
    """Finds odd cells while expat parses a sheet; a row or cell without a place is the next one."""

    def __init__(self) -> None:
        self.odd = OddCells({}, [])
        self.row = self.column = -1
        self.kind, self.formula = "", False
        self.value: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.begin

    def run(self, stream: IO[bytes]) -> None:
        self.parser.ParseFile(stream)
        self._end_cell()

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self.parser.CharacterDataHandler = None
        if name == "c":
            self._end_cell()
            place = attributes.get("r")
            self.column = _column_of(place) if place else self.column + 1
            self.kind = attributes.get("t", "")
        elif name == "f":
            self.formula = True
        elif name == "v" and (self.formula or self.kind == "e"):
            self.parser.CharacterDataHandler = self.value.append
        elif name == "row":
            self._end_cell()
            self.row, self.column = int(attributes.get("r", self.row + 2)) - 1, -1

    def _end_cell(self) -> None:
        if self.formula or self.kind == "e":
            value = "".join(self.value).strip()
            if self.kind == "e":
                self.odd.errors[self.row, self.column] = value or "#N/A"
            elif self.kind != "str" and not value:
                self.odd.formulas.append((self.row, self.column))
            self.value.clear()
        self.kind, self.formula = "", False


def _column_of(place: str) -> int:
    column = 0
    for letter in place.rstrip("0123456789"):
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1
