"""JSON lines, as rows of text like those of a CSV file."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
import pyarrow as pa

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import MAX_COLUMNS, check_names
from autolearn.artifacts.datasets.files.text_bytes import compression_of, open_text
from autolearn.artifacts.datasets.files.text_reader import trimmed
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.read_options import ReadOptions

Values = Any
BATCH = 20_000
_FIRST_ROWS = 10_000
"""Rows of JSON lines whose keys are the columns."""


class JsonLinesFile:
    """One JSON object per line (jsonlines.org); columns are the keys of the first rows.

    Raises DatasetRefused.
    """

    def __init__(self, path: FileContent, options: ReadOptions | None = None) -> None:
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
        for _, row in islice(self._objects(), _FIRST_ROWS):
            found |= dict.fromkeys(row)
            if len(found) > MAX_COLUMNS:
                break
        return list(found)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each object with the number of its line."""
        with open_text(self.path, self.options.compression, "utf-8") as stream:
            for number, line in enumerate(io.BufferedReader(stream), start=1):
                if not line.strip():
                    continue
                try:
                    row = msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf"))
                except UnicodeDecodeError:
                    raise DatasetRefused(
                        f"Line {number} is not UTF-8, as JSON is: save the file as UTF-8."
                    ) from None
                except msgspec.DecodeError as error:
                    raise DatasetRefused(
                        f"Line {number} is no JSON ({error}): write one object per line, and null "
                        "for NaN."
                    ) from None
                if not isinstance(row, dict):
                    raise DatasetRefused(
                        f"Line {number} is no JSON object: write one object per line, with the "
                        "columns' names as keys."
                    )
                yield number, row

    def batches(
        self, wanted: Collection[str] | None = None, *, rows: int = BATCH
    ) -> Iterator[list[Values]]:
        """Yield batches of `rows`: per column, or `wanted` one, text with nulls where absent."""
        known = set(self.names)
        names = [name for name in self.names if wanted is None or name in wanted]
        lines: list[list[str | None]] = []
        for number, row in self._objects():
            if not row.keys() <= known:
                key = next(key for key in row if key not in known)
                raise DatasetRefused(
                    f"Line {number} has a key {cut(key)!r} that none of the first {_FIRST_ROWS:,} "
                    "rows has: give every row the same keys."
                )
            lines.append([self.text(name, row.get(name), number) for name in names])
            if len(lines) == rows:
                yield arrays_of(lines, len(names))
                lines = []
        if lines:
            yield arrays_of(lines, len(names))

    def text(self, name: str, value: Any, line: int) -> str | None:
        """Return the CSV text of a value."""
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
        """Return the lines of rows."""
        left = set(wanted)
        last = max(left, default=-1)
        numbered = enumerate(islice(self._objects(), last + 1))
        return {row: line for row, (line, _) in numbered if row in left}


def arrays_of(rows: list[list[str | None]], width: int) -> list[Values]:
    """Return rows as columns of trimmed text."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in range(width))
    return [trimmed(pa.array(list(column), pa.string())) for column in columns]


def plain(value: Any) -> str | None:
    """Return a value as CSV text: true, 3, 2.5, 2023-01-31, 26:30:00 (a duration)."""
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
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)
