"""JSON lines and Excel sheets, as rows of text like those of a CSV file."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from autolearn.artifacts.csv_files import MAX_COLUMNS, check_names
from autolearn.artifacts.packed import compression_of, open_text
from autolearn.artifacts.refusals import DatasetRefused
from autolearn.artifacts.text_files import trimmed
from autolearn.schemas.bounds import cut
from autolearn.schemas.data_findings import DataFinding
from autolearn.schemas.read_options import ReadHints, ReadOptions

__all__ = ["ExcelFile", "JsonLinesFile"]

Values = Any
BATCH = 20_000
FIRST_ROWS = 10_000
"""Rows of JSON lines whose keys are the columns."""


class JsonLinesFile:
    """One JSON object per line (jsonlines.org); columns are the keys of the first rows.

    Raises DatasetRefused.
    """

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        self.path = path
        compression = compression_of(path) if options is None else options.compression
        self.options = options or ReadOptions(format="jsonl", compression=compression)
        self.names = list(self.options.names) or self.keys()
        self.texts: set[str] = set()
        self.others: set[str] = set()
        """Columns that have strings, and those that have numbers or booleans."""
        check_names([" ".join(name.split()) for name in self.names])

    def keys(self) -> list[str]:
        """Return the keys of the first rows, in their order."""
        found: dict[str, None] = {}
        for _, row in islice(self.objects(), FIRST_ROWS):
            found |= dict.fromkeys(row)
            if len(found) > MAX_COLUMNS:
                break
        return list(found)

    def objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each object with the number of its line."""
        with open_text(self.path, self.options.compression, "utf-8") as stream:
            for number, line in enumerate(io.BufferedReader(stream), start=1):
                if not line.strip():
                    continue
                try:
                    row = msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf"))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise DatasetRefused(
                        f"Line {number} is no JSON ({error}): write one object per line."
                    ) from None
                if not isinstance(row, dict):
                    raise DatasetRefused(
                        f"Line {number} is no JSON object: write one object per line, with the "
                        "columns' names as keys."
                    )
                yield number, row

    def batches(self) -> Iterator[list[Values]]:
        """Yield batches of rows: per column, text with nulls for absent values."""
        known = set(self.names)
        rows: list[list[str | None]] = []
        for number, row in self.objects():
            if not row.keys() <= known:
                key = next(key for key in row if key not in known)
                raise DatasetRefused(
                    f"Line {number} has a key {cut(key)!r} that none of the first {FIRST_ROWS:,} "
                    "rows has: give every row the same keys."
                )
            rows.append([self.text(name, row.get(name), number) for name in self.names])
            if len(rows) == BATCH:
                yield arrays_of(rows, len(self.names))
                rows = []
        if rows:
            yield arrays_of(rows, len(self.names))

    def text(self, name: str, value: Any, line: int) -> str | None:
        """Return the text of a value as CSV would have it."""
        if isinstance(value, str):
            self.texts.add(name)
            return value
        if isinstance(value, dict | list):
            what = "an object" if isinstance(value, dict) else "a list"
            raise DatasetRefused(
                f"Line {line}: {cut(name)} holds {what}, which cannot be a value of a column: "
                "flatten it, or leave it out."
            )
        if value is not None:
            self.others.add(name)
        return plain(value)

    def lines_of(self, wanted: Iterable[int]) -> dict[int, int]:
        """Return the lines in which rows are."""
        left = set(wanted)
        last = max(left, default=-1)
        numbered = enumerate(islice(self.objects(), last + 1))
        return {row: line for row, (line, _) in numbered if row in left}


class ExcelFile:
    """The first sheet of an Excel workbook (.xlsx), or the one that is named; a header row on top.

    Read by python-calamine (the extra `excel`). Raises DatasetRefused.
    """

    def __init__(self, path: Path, hints: ReadHints, options: ReadOptions | None = None) -> None:
        try:
            from python_calamine import CalamineError, CalamineWorkbook
        except ImportError:
            raise DatasetRefused(
                "Excel files are read by an extra that is not installed: an operator can "
                "`pip install 'autolearn[excel]'` where the API and the workers run; or save the "
                "sheet as CSV."
            ) from None
        try:
            workbook = CalamineWorkbook.from_path(str(path))
            sheets = workbook.sheet_names
            wanted = hints.sheet if options is None else options.sheet
            if wanted and wanted not in sheets:
                shown = ", ".join(map(cut, sheets[:20]))
                raise DatasetRefused(f"There is no sheet {cut(wanted)!r}; there are {shown}.")
            if not sheets:
                raise DatasetRefused("The workbook has no sheet: send one with rows.")
            self.sheet = wanted or sheets[0]
            rows = workbook.get_sheet_by_name(self.sheet).to_python(skip_empty_area=True)
        except (CalamineError, OSError, ValueError) as error:
            raise DatasetRefused(
                f"This is not an Excel file that can be read ({str(error)[:200]}): save it again "
                "as .xlsx, or save the sheet as CSV."
            ) from None
        skip = (hints.skip_lines or 0) if options is None else options.skip_lines
        self.rows = [row for row in rows[skip:] if any(value != "" for value in row)]
        if not self.rows:
            raise DatasetRefused(
                f"The sheet {cut(self.sheet)!r} is empty: send a header row and at least one row."
            )
        header = hints.header is not False if options is None else options.header
        width = len(self.rows[0])
        if header:
            names = [" ".join(str(plain(value) or "").split()) for value in self.rows.pop(0)]
            self.names = list(options.names) if options and options.names else names
        else:
            self.names = [f"column{place}" for place in range(1, width + 1)]
        self.options = options or ReadOptions(
            format="excel", sheet=self.sheet, skip_lines=skip, header=header
        )
        self.findings = []
        if len(sheets) > 1 and not hints.sheet:
            self.findings.append(
                DataFinding("more-sheets", count=len(sheets), detail=cut(self.sheet))
            )

    def batches(self) -> Iterator[list[Values]]:
        """Yield batches of rows: per column, text with nulls for empty cells."""
        width = len(self.names)
        for start in range(0, len(self.rows), BATCH):
            rows = [[plain(value) for value in row] for row in self.rows[start : start + BATCH]]
            yield arrays_of(rows, width)

    def lines_of(self, wanted: Iterable[int]) -> dict[int, int]:
        """Return the rows of the sheet, as Excel counts them if it begins at the top."""
        above = self.options.skip_lines + self.options.header + 1
        return {row: row + above for row in wanted}


def arrays_of(rows: list[list[str | None]], width: int) -> list[Values]:
    """Return rows as columns of trimmed text."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in range(width))
    return [trimmed(pa.array(list(column), pa.string())) for column in columns]


def plain(value: Any) -> str | None:
    """Return a value as CSV would have it: true, 3, 2.5, 2023-01-31."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
