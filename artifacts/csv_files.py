"""CSV read as text, batch by batch, with errors that name the place."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv

from autolearn.artifacts.columns import MISSING, Values, clean
from autolearn.artifacts.refusals import DatasetRefused
from autolearn.schemas.bounds import LONGEST_NAME, cut

__all__ = ["MAX_COLUMNS", "CsvFile", "as_number", "check_names", "long_names"]

MAX_COLUMNS = 10_000
BLOCK = 4 << 20
HEADER = 4 << 20
SEPARATORS = ",;\t|"


class CsvFile:
    """A UTF-8 CSV file with a header row; the separator is one of , ; tab | (found in the header).

    Raises DatasetRefused for bytes that are not UTF-8, and for a header that is missing or odd. It
    says nothing that may be a value if it is `quiet`.
    """

    def __init__(self, path: Path, *, quiet: bool = False) -> None:
        self.path, self._quiet = path, quiet
        self._quoted = check_text(path)
        self._header_line, line = header_of(path)
        present = [separator for separator in SEPARATORS if separator in line]
        self._separator = present[0] if present else ","
        try:
            names = next(csv.reader([line], delimiter=self._separator))
        except csv.Error as error:
            raise DatasetRefused(
                f"The header cannot be read ({error}): name every column with at most "
                f"{LONGEST_NAME} characters."
            ) from None
        self.names = [name.strip() for name in names]
        check_names(self.names, quiet=quiet)

    def batches(self) -> Iterator[list[Values]]:
        """Yield batches of rows: per column, clean text with nulls for missing values.

        Raises DatasetRefused for a row with too few or too many values.
        """
        ragged: list[int] = []

        def refuse(row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
            ragged.append(row.actual_columns)
            return "skip"

        try:
            reader = pyarrow.csv.open_csv(
                self.path,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    skip_rows=self._header_line,
                    column_names=self.names,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self._separator,
                    newlines_in_values=self._quoted,
                    invalid_row_handler=refuse,
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.string()),
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                if ragged:
                    break
                yield [clean(column) for column in batch.columns]
        except pa.ArrowInvalid as error:
            if "Empty CSV file" not in str(error):
                why = "" if self._quiet else f": {error}"
                raise DatasetRefused(f"The file cannot be read as CSV{why}.") from None
        if ragged:
            raise DatasetRefused(self._ragged(ragged[0]))

    def _ragged(self, found: int) -> str:
        """Say in which line the first row of the wrong length ends."""
        where, wanted = "A row", len(self.names)
        with self.path.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.reader(handle, delimiter=self._separator)
            try:
                for row in rows:
                    if len(row) not in (0, wanted):
                        where, found = f"Line {rows.line_num}", len(row)
                        break
            except csv.Error:
                where = f"A row after line {rows.line_num}"
        return (
            f"{where} has {found} values, but the header has {wanted} columns: "
            "give every row the same number of values, and quote values that hold the separator."
        )


def check_text(path: Path) -> bool:
    """Raise DatasetRefused unless the file is UTF-8 text; return whether it holds quotes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line, quoted = 0, 1, False
    with path.open("rb") as handle:
        while True:
            chunk = handle.read(1 << 20)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                position = offset - held + error.start
                line += error.object[: error.start].count(b"\n")
                raise DatasetRefused(
                    f"Byte {position} (line {line}) is 0x{error.object[error.start]:02x}, which is "
                    "not UTF-8 text: save the file with the encoding UTF-8."
                ) from None
            if b"\0" in chunk:
                raise DatasetRefused(
                    f"Byte {offset + chunk.index(0)} is NUL, so this is not a CSV text: "
                    "upload CSV with the encoding UTF-8, or Parquet."
                )
            if not chunk:
                return quoted
            quoted = quoted or b'"' in chunk
            line += chunk.count(b"\n")
            offset += len(chunk)


def header_of(path: Path) -> tuple[int, str]:
    """Return the number of the first line that is not blank, and its text."""
    with path.open("rb") as handle:
        head = handle.read(HEADER)
    text = head.decode("utf-8-sig", errors="ignore")
    for number, line in enumerate(io.StringIO(text), start=1):
        if line.strip():
            if len(head) == HEADER and not line.endswith("\n"):
                raise DatasetRefused(
                    f"The first line is longer than {HEADER:,} bytes: begin with a header row "
                    "that names the columns."
                )
            return number, line.rstrip("\r\n")
    raise DatasetRefused("The file is empty: send a header row and at least one row of values.")


def check_names(names: list[str], *, quiet: bool = False, sure: bool = False) -> None:
    """Raise DatasetRefused unless these look like the names of columns, or surely are them."""
    if len(names) > MAX_COLUMNS:
        raise DatasetRefused(
            f"There are {len(names):,} columns; {MAX_COLUMNS:,} are the most that a dataset may "
            "have: leave some out."
        )
    faults = list(long_names(names))
    names = [cut(name) for name in names]
    empty = [str(place) for place, name in enumerate(names, start=1) if not name]
    if empty:
        faults.append(
            f"The header has no name for column {', '.join(empty[:5])}: name every column."
        )
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if not sure and looks_like_data(names):
        some = "" if quiet else f" ({', '.join(names[:5])})"
        faults.append(
            f"The first row looks like data{some}: begin the file with a header row that names the "
            "columns, or say --no-header (or --header, if these are names)."
        )
    elif twice:
        some = "some columns" if quiet else ", ".join(twice[:5])
        faults.append(
            f"The header names {some} more than once: give every column a name of "
            "its own (or add the header row, if the first row is data)."
        )
    if faults:
        raise DatasetRefused(faults)


def long_names(names: list[str]) -> Iterator[str]:
    """Yield a sentence if names of columns are too long."""
    places = [place for place, name in enumerate(names, start=1) if len(name) > LONGEST_NAME]
    if places:
        place = places[0]
        yield (
            f"The name of column {place} has {len(names[place - 1]):,} characters, which is more "
            f"than {LONGEST_NAME} ({len(places):,} names are too long): give it a shorter one (or "
            "add the header row, if the first row is data)."
        )


def looks_like_data(names: list[str]) -> bool:
    """Say whether a first row is more likely values than names.

    It is when all of it are numbers or missing values, and when at least half of it are numbers
    that do not rise from left to right (rising ones are years or wavelengths, which name columns).
    """
    numbers = [number for name in names if (number := as_number(name)) is not None]
    blank = sum(name in MISSING for name in names)
    if not numbers:
        return False
    if len(numbers) + blank == len(names):
        return True
    rising = all(left < right for left, right in pairwise(numbers))
    return len(numbers) * 2 >= len(names) and not (rising and len(numbers) > 1)


def as_number(text: str) -> float | None:
    """Return the number that a text is, or None."""
    try:
        return float(text)
    except ValueError:
        return None
