"""Reads Parquet and Arrow batch by batch, as columns of a dataset's types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from pyarrow import compute

from autolearn.artifacts.datasets.column_profile import Values, cast
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.arrow_file import arrow_file
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import MAX_COLUMNS, long_names
from autolearn.artifacts.datasets.values.times import has_zone, times_in
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadOptions

pc: Any = compute

MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"
_KINDS = {"parquet": "a Parquet", "arrow": "an Arrow"}
BATCH = 65_536
_PAGES = 1 << 16
"""Bytes that are read at once of a column in a sent file, rather than all of a row group."""
_DIGITS = 19
"""Digits from which a decimal may not fit into 64 bits."""
_YEARS = -62_135_596_800, 253_402_300_800
"""The years 1 and 10000 in seconds since 1970."""
MAX_VALUES = 1_000_000_000
"""The most values of a file: a run holds each in 8 bytes or more, but Parquet may pack any number
into a few KB."""


class ParquetFile:
    """A Parquet or Arrow (Feather) file of flat columns.

    Without `options` they are detected: an index of pandas is left out, and its categories and
    integers beyond 64 bits are strings. Text is times where the version `before` had times and all
    of it is ISO 8601. `as_before` detects nothing, as for versions that were registered without
    options.

    Raises DatasetRefused when it is no such file, and for columns of nested or binary types.
    """

    def __init__(
        self,
        path: FileContent,
        format: str = "parquet",  # noqa: A002 - the word of DatasetSpec
        options: ReadOptions | None = None,
        *,
        before: Mapping[str, str] | None = None,
        as_before: bool = False,
    ) -> None:
        self.format = format
        self._before = before or {}
        try:
            self._file = _opened(path, format, count=options is None)
        except MemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise DatasetRefused(
                f"This is not {_KINDS[format]} file that can be read ({_first_line(error)}): write "
                "it again, or upload CSV."
            ) from None
        schema = self._file.schema
        self._categories = _categories_of(schema)
        _check_size(self._file.rows, len(schema))
        self.findings: list[DataFinding] = []
        self.left_out: tuple[int, ...] = ()
        if options is not None:
            self.left_out = options.left_out
        elif not as_before:
            self.left_out = self._index_of(schema)
        self.used = [place for place in range(len(schema)) if place not in self.left_out]
        fields = [schema.field(place) for place in self.used]
        self.names: list[str] = [field.name for field in fields]
        _check_schema(fields)
        kinds = [_kind_of(field.type) or "string" for field in fields]
        if options is not None:
            kinds = options.kinds()
        elif not as_before:
            kinds = [self.found(*one) for one in zip(self.used, fields, kinds, strict=True)]
        self.kinds = kinds
        self.texts = {
            field.name
            for field in fields
            if field.name not in self._categories and _is_text(field.type)
        }.difference(name for name, kind in zip(self.names, kinds, strict=True) if kind != "string")
        """Columns of strings that are no categories."""

    def _index_of(self, schema: pa.Schema) -> tuple[int, ...]:
        """Return the indices of the columns of a data frame's index, with a finding."""
        index = _pandas_says(schema, "index_columns")
        names = {name for name in index if isinstance(name, str)}
        found = [place for place, name in enumerate(schema.names) if name in names]
        if len(found) == len(schema.names):
            return ()
        for place in found:
            detail = f"{cut(schema.names[place])} (it is the index of the data frame)"
            self.findings.append(DataFinding("left-out", detail=detail))
        return tuple(found)

    def found(self, place: int, field: Any, kind: str) -> str:
        """Return the kind of a column that differs from its Arrow type's, with a finding."""
        if pa.types.is_dictionary(field.type) or field.name in self._categories:
            return "string"
        if _is_text(field.type) and self._before.get(field.name) == "timestamp":
            return "timestamp" if self._holds_times(place) else kind
        whole = pa.types.is_decimal(field.type) and field.type.scale == 0
        if whole and field.type.precision < _DIGITS:
            return "integer"
        if not whole and not pa.types.is_uint64(field.type):
            return kind
        as_type, beyond, rows = Decimal if whole else int, 0, 0
        for batch in self._file.batches([place], BATCH):
            values = batch.column(0)
            rows += len(values)
            large = pc.greater(values, pa.scalar(as_type(2**63 - 1), field.type))
            if whole:
                large = pc.or_(large, pc.less(values, pa.scalar(as_type(-(2**63)), field.type)))
            beyond += pc.sum(large).as_py() or 0
        if not beyond:
            return "integer"
        self.findings.append(DataFinding("beyond-64-bits", cut(field.name), beyond, rows))
        return "string"

    def _holds_times(self, place: int) -> bool:
        """Return whether all text of a column is times of ISO 8601, all or none with a zone."""
        zoned: set[bool] = set()
        try:
            for batch in self._file.batches([place], BATCH):
                values = pc.cast(batch.column(0), pa.string()).drop_null()
                zoned |= {*pc.unique(has_zone(values)).to_pylist()}
                times_in(values, "")
        except (pa.ArrowException, OSError):  # not all are; of a damaged file `batches` tells it
            return False
        return len(zoned) < 2

    def batches(
        self, wanted: Collection[str] | None = None, *, rows: int = BATCH
    ) -> Iterator[list[Values]]:
        """Yield batches of rows: per column, or `wanted` one, a typed array of its kind.

        Raises DatasetRefused.
        """
        every = zip(self.used, self.names, self.kinds, strict=True)
        chosen = [one for one in every if wanted is None or one[1] in wanted]
        try:
            for batch in self._file.batches([place for place, _, _ in chosen], rows):
                yield [
                    cast(_in_years(name, _decoded(column, kind)), kind)
                    for column, (_, name, kind) in zip(batch.columns, chosen, strict=True)
                ]
        except MemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise DatasetRefused(
                f"The file is damaged ({_first_line(error)}): write it again."
            ) from None


def _in_years(name: str, values: Values) -> Values:
    """Return values; raises DatasetRefused for times outside of the years 1 to 9999."""
    if not (pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)):
        return values
    ends = pc.min_max(pc.cast(values, pa.timestamp("s"), safe=False))
    low, high = (pc.cast(ends[end], pa.int64()).as_py() for end in ("min", "max"))
    if low is not None and (low < _YEARS[0] or high >= _YEARS[1]):
        raise DatasetRefused(
            f"Column {cut(name)} has times outside of the years 1 to 9999: leave them empty, or "
            "mend them."
        )
    return values


def _pandas_says(schema: pa.Schema, what: str) -> list[Any]:
    try:
        said = (schema.pandas_metadata or {}).get(what, [])
    except ValueError:  # it is no JSON: the columns keep their types
        return []
    return said if isinstance(said, list) else []


def _categories_of(schema: pa.Schema) -> set[str]:
    columns = [one for one in _pandas_says(schema, "columns") if isinstance(one, dict)]
    return {
        str(one.get("field_name")) for one in columns if one.get("pandas_type") == "categorical"
    }


class _Opened(NamedTuple):
    """An opened file: its schema and rows, and the function that yields some of its columns.

    It takes their places, in order, and the rows of a batch of Parquet.
    """

    schema: pa.Schema
    rows: int
    batches: Callable[[list[int], int], Iterator[pa.RecordBatch]]


def _opened(path: FileContent, format: str, *, count: bool) -> _Opened:  # noqa: A002
    """Open a file; `count` the rows of Arrow, for which all of it is read.

    Raises pyarrow.ArrowException and OSError.
    """
    source = arrow_file(path)
    if format == "arrow":
        reader = pa.ipc.open_file(source)
        batches = range(reader.num_record_batches)
        rows = sum(reader.get_batch(number).num_rows for number in batches) if count else 0

        def some(places: list[int], _: int) -> Iterator[pa.RecordBatch]:
            options = pa.ipc.IpcReadOptions(included_fields=places, use_threads=False)
            part = pa.ipc.open_file(source, options=options)
            return (part.get_batch(number) for number in batches)

        return _Opened(reader.schema, rows, some)
    sent = not isinstance(path, Path)
    file = pyarrow.parquet.ParquetFile(source, pre_buffer=False, buffer_size=_PAGES if sent else 0)
    names = file.schema_arrow.names
    return _Opened(
        file.schema_arrow,
        file.metadata.num_rows,
        lambda places, rows: file.iter_batches(
            rows, columns=[names[place] for place in places], use_threads=False
        ),
    )


def _decoded(values: Values, kind: str) -> Values:
    """Return values that are no dictionary, and text that is times as times."""
    if kind == "timestamp" and _is_text(values.type):
        return times_in(pc.cast(values, pa.string()), "")
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _check_size(rows: int, columns: int) -> None:
    """Raise DatasetRefused for a file whose declared unpacked size is too large."""
    values = rows * columns
    if values > MAX_VALUES:
        raise DatasetRefused(
            f"There are {values:,} values; {MAX_VALUES:,} are the most that a dataset may have: "
            "leave out rows or columns."
        )


def _check_schema(schema: list[Any]) -> None:
    """Raise DatasetRefused for columns that a dataset cannot have."""
    names = [field.name for field in schema]
    if len(names) > MAX_COLUMNS:
        raise DatasetRefused(
            f"There are {len(names):,} columns; {MAX_COLUMNS:,} are the most that a dataset may "
            "have: leave some out."
        )
    faults = list(long_names(names))
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        faults.append(
            "Some columns have no name, or the same name: give every column one of its own."
        )
    faults += [
        f"Column {cut(field.name)} is of type {cut(str(field.type))}, which cannot be used: "
        "leave it out, or make it numbers, text, booleans or timestamps."
        for field in schema
        if _kind_of(field.type) is None
    ]
    if faults:
        raise DatasetRefused(faults)


def _kind_of(arrow: pa.DataType) -> str | None:
    """Return the column kind of an Arrow type; None when there is none."""
    types = pa.types
    if types.is_dictionary(arrow):
        return _kind_of(arrow.value_type)
    if types.is_boolean(arrow):
        return "boolean"
    if types.is_integer(arrow):
        return "integer"
    if types.is_floating(arrow) or types.is_decimal(arrow):
        return "number"
    if types.is_timestamp(arrow) or types.is_date(arrow):
        return "timestamp"
    if _is_text(arrow) or types.is_null(arrow):
        return "string"
    return None


def _is_text(arrow: pa.DataType) -> bool:
    types = pa.types
    return types.is_string(arrow) or types.is_large_string(arrow) or types.is_string_view(arrow)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
