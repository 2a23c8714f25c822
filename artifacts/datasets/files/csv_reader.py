"""The header of a CSV file: its names, and the former rules of reading."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from autolearn.artifacts.datasets.column_profile import MISSING
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.schemas.bounds import LONGEST_NAME, cut
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadOptions

MAX_COLUMNS = 10_000
BLOCK = 4 << 20
HEADER = 4 << 20
_SEPARATORS = ",;\t|"


def options_before(path: FileContent) -> ReadOptions:
    """Return the read options of the former rules: by the separator in the header.

    Raises DatasetRefused for a file without a header.
    """
    number, line = _header_of(path)
    separator = next((one for one in _SEPARATORS if one in line), ",")
    try:
        names = next(csv.reader([line], delimiter=separator))
    except csv.Error as error:
        raise DatasetRefused(unreadable_header(error)) from None
    stripped = tuple(name.strip() for name in names)
    return ReadOptions(separator=separator, skip_lines=number - 1, names=stripped)


def unreadable_header(error: csv.Error) -> str:
    """Describe the fault of a header that cannot be split."""
    return (
        f"The header cannot be read ({error}): name every column with at most {LONGEST_NAME} "
        "characters."
    )


def _header_of(path: FileContent) -> tuple[int, str]:
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
    if not sure and _looks_like_data(names):
        some = "" if quiet else f" ({', '.join(names[:5])})"
        faults.append(first_row(some))
    elif twice:
        some = "some columns" if quiet else ", ".join(twice[:5])
        faults.append(
            f"The header names {some} more than once: give every column a name of "
            "its own (or add the header row, if the first row is data)."
        )
    if faults:
        raise DatasetRefused(faults)


def first_row(some: str) -> str:
    """Describe a first row that is more likely values than names."""
    return (
        f"The first row looks like data{some}: begin the file with a header row that names the "
        "columns, or use --no-header (or --header, if these are names; or --skip-lines, if the "
        "header is further down)."
    )


def numbered_names(columns: int) -> tuple[list[str], DataFinding]:
    """Return names for unnamed columns, and the finding about them."""
    names = [f"column{place}" for place in range(1, columns + 1)]
    detail = names[0] if columns == 1 else f"{names[0]} to {names[-1]}"
    return names, DataFinding("no-header", detail=detail)


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


def _looks_like_data(names: list[str]) -> bool:
    """Return whether a first row is more likely values than names.

    It is if all of it are numbers or missing values, and if at least half of it are numbers that do
    not rise from left to right (rising ones are years or wavelengths, which name columns).
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
    """Return a text as a number, or None."""
    try:
        return float(text)
    except ValueError:
        return None
