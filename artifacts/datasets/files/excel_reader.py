"""A sheet of an Excel workbook, as rows of text like those of a CSV file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import numbered_names
from autolearn.artifacts.datasets.files.excel_cells import OddCells, odd_cells
from autolearn.artifacts.datasets.files.json_reader import BATCH, arrays_of, plain
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import MOST_EXAMPLES, DataFinding, Example
from autolearn.schemas.datasets.read_options import ReadHints, ReadOptions

Values = Any
Row = list[Any]


class ExcelFile:
    """The first sheet of an Excel workbook (.xlsx), or the named one, with a header row.

    Read by python-calamine (the extra `excel`). A merged cell has its value in each row and column
    that it covers; errors (#N/A) are text. Raises DatasetRefused.
    """

    def __init__(
        self, path: FileContent, hints: ReadHints, options: ReadOptions | None = None
    ) -> None:
        sheet, sheets, odd = _opened(path, hints.sheet if options is None else options.sheet)
        skip = (hints.skip_lines or 0) if options is None else options.skip_lines
        header = hints.header is not False if options is None else options.header
        self.findings: list[DataFinding] = []
        _check_formulas(odd, skip)
        top, left = sheet.start or (0, 0)
        rows: list[Row] = sheet.to_python(skip_empty_area=True)
        for (row, column), error in odd.errors.items():
            rows[row - top][column - left] = error
        kept = [
            place
            for place, row in enumerate(rows)
            if place + top >= skip and any(value != "" for value in row)
        ]
        if not kept:
            raise DatasetRefused(
                f"The sheet {cut(sheet.name)!r} is empty: send a header row and at least one row."
            )
        named = kept.pop(0) if header else None
        self.rows = [rows[place] for place in kept]
        self.lines = [place + top + 1 for place in kept]
        if named is None:
            self.names, finding = numbered_names(len(rows[0]))
            self.findings.append(finding)
        else:
            self.names = [" ".join((plain(value) or "").split()) for value in rows[named]]
        at = {place + top: row for row, place in enumerate(kept)}
        self._note_errors(odd, at, left)
        self._fill_merged(sheet.merged_cell_ranges or (), at, left)
        self.options = options or ReadOptions(
            format="excel", sheet=sheet.name, skip_lines=skip, header=header
        )
        if len(sheets) > 1 and not hints.sheet:
            self.findings.append(
                DataFinding("more-sheets", count=len(sheets), detail=cut(sheet.name))
            )

    def batches(self, wanted: Collection[str] | None = None) -> Iterator[list[Values]]:
        """Yield batches of rows: per column, or `wanted` one, text with nulls for empty cells."""
        every = enumerate(self.names)
        places = [place for place, name in every if wanted is None or name in wanted]
        for start in range(0, len(self.rows), BATCH):
            some = self.rows[start : start + BATCH]
            yield arrays_of([[plain(row[at]) for at in places] for row in some], len(places))

    def lines_of(self, wanted: Iterable[int]) -> dict[int, int]:
        """Return the rows of the sheet, in Excel's numbers."""
        return {row: self.lines[row] for row in wanted if row < len(self.lines)}

    def _note_errors(self, odd: OddCells, at: dict[int, int], left: int) -> None:
        found: dict[int, list[Example]] = {}
        for (row, column), error in odd.errors.items():
            if row in at:
                found.setdefault(column - left, []).append(Example(error, at[row]))
        for column, here in sorted(found.items()):
            examples = tuple(here[:MOST_EXAMPLES])
            self.findings.append(
                DataFinding("error-cells", self.names[column], len(here), len(at), "", examples)
            )

    def _fill_merged(self, ranges: Iterable[Any], at: dict[int, int], left: int) -> None:
        """Copy the value of a merged cell to each row and column that it covers.

        Rows that are otherwise empty stay left out.
        """
        filled = []
        for (first, begin), (last, end) in ranges:
            covered = [at[row] for row in range(first, last + 1) if row in at]
            places = slice(begin - left, min(end - left + 1, len(self.names)))
            width = places.stop - places.start
            if first not in at or begin < left or len(covered) * width < 2:
                continue
            value = self.rows[at[first]][places.start]
            if value != "":
                for row in covered:
                    self.rows[row][places] = [value] * width
                filled.append(Example(cut(plain(value) or ""), at[first]))
        if filled:
            filled.sort(key=lambda one: one.line or 0)
            examples = tuple(filled[:MOST_EXAMPLES])
            self.findings.append(DataFinding("merged-cells", count=len(filled), examples=examples))


def _check_formulas(odd: OddCells, skip: int) -> None:
    """Raise DatasetRefused for formulas without a result below the skipped rows."""
    places = [row + 1 for row, _ in odd.formulas if row >= skip]
    if places:
        raise DatasetRefused(
            f"The formula in row {places[0]} has no result ({len(places):,} such cells), as "
            "programs write them that do not calculate: open it in Excel, save it, and send it "
            "again."
        )


def _opened(path: FileContent, wanted: str) -> tuple[Any, list[str], OddCells]:
    """Return a sheet, the names of all, and its odd cells. Raises DatasetRefused."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise DatasetRefused(
            "Excel files are read by an extra that is not installed: an operator can "
            "`pip install 'autolearn[excel]'` where the API and the workers run; or save the "
            "sheet as CSV."
        ) from None
    try:
        file: Path | BinaryIO = path if isinstance(path, Path) else path.open("rb")
        workbook = CalamineWorkbook.from_object(file)
        sheets = workbook.sheet_names
        if wanted and wanted not in sheets:
            shown = ", ".join(map(cut, sheets[:20]))
            raise DatasetRefused(f"There is no sheet {cut(wanted)!r}; there are {shown}.")
        if not sheets:
            raise DatasetRefused("The workbook has no sheet: send one with rows.")
        name = wanted or sheets[0]
        return workbook.get_sheet_by_name(name), sheets, odd_cells(file, name)
    except (CalamineError, OSError, ValueError) as error:
        raise DatasetRefused(
            f"This is not an Excel file that can be read ({str(error)[:200]}): save it again "
            "as .xlsx, or save the sheet as CSV."
        ) from None
