"""Parquet read batch by batch, as columns of the kinds that a dataset may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from autolearn.artifacts.columns import Values, cast
from autolearn.artifacts.csv_files import MAX_COLUMNS, long_names
from autolearn.artifacts.refusals import DatasetRefused
from autolearn.schemas.bounds import cut

__all__ = ["MAGIC", "ParquetFile"]

MAGIC = b"PAR1"
BATCH = 65_536
MAX_VALUES = 1_000_000_000
"""A run holds each value in 8 bytes or more. A few KB of Parquet can stand for any number."""


class ParquetFile:
    """A Parquet file of flat columns.

    Raises DatasetRefused when it is no Parquet file, and for columns of nested or binary types.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)
        except MemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise DatasetRefused(
                f"This is not a Parquet file that can be read ({first_line(error)}): write it "
                "again, or upload CSV."
            ) from None
        check_size(self._file.metadata)
        schema = self._file.schema_arrow
        self.names: list[str] = list(schema.names)
        check_schema(schema)
        self.kinds = [kind_of(field.type) or "string" for field in schema]

    def batches(self) -> Iterator[list[Values]]:
        """Yield batches of rows: per column a typed array of its kind. Raises DatasetRefused."""
        try:
            for batch in self._file.iter_batches(BATCH, use_threads=False):
                named = zip(batch.columns, self.kinds, strict=True)
                yield [cast(column, kind) for column, kind in named]
        except MemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise DatasetRefused(
                f"The Parquet file is damaged ({first_line(error)}): write it again."
            ) from None


def check_size(metadata: pyarrow.parquet.FileMetaData) -> None:
    """Raise DatasetRefused for a file that says itself that it unpacks to too much."""
    values = metadata.num_rows * metadata.num_columns
    if values > MAX_VALUES:
        raise DatasetRefused(
            f"There are {values:,} values; {MAX_VALUES:,} are the most that a dataset may have: "
            "leave out rows or columns."
        )


def check_schema(schema: pa.Schema) -> None:
    """Raise DatasetRefused for columns that a dataset cannot have."""
    names = list(schema.names)
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
        if kind_of(field.type) is None
    ]
    if faults:
        raise DatasetRefused(faults)


def kind_of(arrow: pa.DataType) -> str | None:
    """Return the column kind of an Arrow type; None when there is none."""
    types = pa.types
    if types.is_dictionary(arrow):
        return kind_of(arrow.value_type)
    if types.is_boolean(arrow):
        return "boolean"
    if types.is_integer(arrow):
        return "integer"
    if types.is_floating(arrow) or types.is_decimal(arrow):
        return "number"
    if types.is_timestamp(arrow) or types.is_date(arrow):
        return "timestamp"
    if types.is_string(arrow) or types.is_large_string(arrow) or types.is_null(arrow):
        return "string"
    return None


def first_line(error: Exception) -> str:
    """Return what an error of Arrow says, without its details."""
    return str(error).partition("\n")[0].rstrip(".")
