"""The tables of a step: read as datasets are, checked, and written the same way every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from msgspec.structs import replace
from pyarrow import compute

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import read_table, table_batches
from autolearn.artifacts.datasets.typed_inspection import Each
from autolearn.artifacts.store.content_names import hash_file
from autolearn.ml.datasets.row_batches import rows_of_batch
from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import DatasetSpec

pc: Any = compute
_ROWS = 1 << 17
"""Rows of a row group."""


def read(file: Path, spec: DatasetSpec) -> pa.Table:
    """Return the rows of a dataset's file; a missing value is null. Raises DatasetRefused."""
    return of_arrays(read_table(file, spec.read).arrays)


def of_arrays(arrays: Mapping[str, Any]) -> pa.Table:
    """Return the columns of a dataset as a table; a missing value is null."""
    return pa.table({name: _without_nan(values) for name, values in arrays.items()})


def batches(file: Path, spec: DatasetSpec) -> Iterator[pa.Table]:
    """Yield the rows of a dataset's file, some at a time, as `read` returns them all."""
    rows = rows_of_batch(len(spec.columns))
    return (of_arrays(one.arrays) for one in table_batches(file, spec.read, rows))


def write(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet: equal tables have equal bytes."""
    pyarrow.parquet.write_table(
        table.combine_chunks(), path, compression="zstd", row_group_size=_ROWS, version="2.6"
    )


class TableWriter:
    """Writes tables one after the other to a file, whose bytes are those of `write` for all."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows, self.names = path, 0, list[str]()
        self._left: pa.Table | None = None
        self._file: Any = None

    def add(self, table: pa.Table) -> None:
        """Write rows."""
        self.rows += table.num_rows
        self.names = table.column_names
        left = table if self._left is None else pa.concat_tables([self._left, table])
        while left.num_rows >= _ROWS:
            self._put(left.slice(0, _ROWS))
            left = left.slice(_ROWS)
        self._left = left

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        if self._left is not None and (self._left.num_rows or self._file is None):
            self._put(self._left)
        if self._file is not None:
            self._file.close()

    def _put(self, rows: pa.Table) -> None:
        if self._file is None:
            self._file = pyarrow.parquet.ParquetWriter(
                self.path, rows.schema, compression="zstd", version="2.6"
            )
        self._file.write_table(rows.combine_chunks(), row_group_size=_ROWS)


def require_rows(rows: int, whose: str) -> None:
    """Raise InputError for a table without rows."""
    if not rows:
        raise InputError(
            f"{whose} gives a table without rows", advice="Check what it leaves out, and why."
        )


def checked(given: Any, whose: str, *, part: bool = False) -> pa.Table:
    """Return the result of a function as a table of the types that datasets have.

    Raises InputError, which begins with `whose`: it is no table, or none that a dataset can be. A
    `part` may be without rows.
    """
    if not isinstance(given, pa.Table):
        what = "nothing" if given is None else f"a {type(given).__name__}"
        raise InputError(
            f"{whose} gives {what} instead of a table", advice="Return a pyarrow.Table."
        )
    table = _without_index(given)
    twice = [name for name, times in Counter(table.column_names).items() if times > 1]
    if twice:
        raise InputError(f"{whose} gives several columns of the same name: {listed(twice)}")
    if not table.num_columns or not all(name.strip() for name in table.column_names):
        raise InputError(f"{whose} gives a column without a name, or no column at all")
    if not part:
        require_rows(table.num_rows, whose)
    columns = {
        name: _canonical(column, f"{whose} gives the column {cut(name)}")
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns)


def described(
    path: Path,
    name: str,
    sources: Sequence[DatasetSpec],
    sensitive: Collection[str],
    each: Each | None = None,
) -> DatasetSpec:
    """Return the description of a written table, with the target and the roles of its source.

    `each` counts its rows elsewhere. Raises DatasetRefused.
    """
    names = pyarrow.parquet.read_schema(path).names
    first = sources[0] if sources else None
    target = None if first is None or first.target not in names else first.target
    common: dict[str, Any] = {
        "name": name,
        "format": "parquet",
        "version": hash_file(path),
        "bytes": path.stat().st_size,
        "origin": "step",
        "sensitive": sensitive,
        "wanted": names,
        "accepted": bool(sources) and all(one.accepted for one in sources),
        "each": each,
    }
    try:
        spec = profile(path, target=target, **common)
    except DatasetRefused:
        if target is None:
            raise
        spec = profile(path, **common)
    if first is None:
        return spec
    return replace(
        spec,
        roles={one: role for one, role in first.roles.items() if one in names},
        positive=first.positive if first.positive in spec.classes else None,
    )


def sensitive_columns(
    names: Collection[str], sources: Sequence[DatasetSpec], made_from: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return the sensitive ones of a result's columns.

    A column is so by its name in the inputs, by what the function says that it was made from, or
    if it is new, nothing is said of it, and any input has a sensitive column.
    """
    secret = {name for spec in sources for name in spec.sensitive}
    known = {column.name for spec in sources for column in spec.columns}
    if not secret:
        return ()
    return tuple(
        name
        for name in names
        if (
            not secret.isdisjoint(made_from[name])
            if name in made_from
            else name in secret or name not in known
        )
    )


def _without_index(table: pa.Table) -> pa.Table:
    """Return a table without metadata, and without the index of a data frame of pandas."""
    try:
        index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    except ValueError:
        index = []
    names = [one for one in index if isinstance(one, str) and one.startswith("__index_level_")]
    kept = table.drop_columns([name for name in names if name in table.column_names])
    return kept.replace_schema_metadata(None)


def _canonical(column: Any, what: str) -> Any:
    """Return a column as one of the types of datasets. Raises InputError."""
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        return _canonical(pc.cast(column, kind.value_type), what)
    try:
        if types.is_boolean(kind):
            return column
        if types.is_integer(kind):
            return pc.cast(column, pa.int64())
        if types.is_floating(kind) or types.is_decimal(kind):
            return _finite(_without_nan(pc.cast(column, pa.float64(), safe=False)), what)
        if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
            return pc.cast(column, pa.string())
        if types.is_null(kind):
            return pc.cast(column, pa.string())
        if types.is_timestamp(kind) or types.is_date(kind):
            return pc.cast(column, pa.timestamp("us"), safe=False)
    except pa.ArrowInvalid as error:
        raise InputError(f"{what} with values that do not fit into 64 bits: {error}") from None
    raise InputError(
        f"{what} of type {cut(str(kind))}, which a dataset cannot have",
        advice="Make it numbers, text, booleans or timestamps, or leave it out.",
    )


def _without_nan(values: Any) -> Any:
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _finite(values: Any, what: str) -> Any:
    infinite = pc.sum(pc.is_inf(values)).as_py()
    if infinite:
        raise InputError(
            f"{what} with {infinite:,} infinite values", advice="Leave them empty instead."
        )
    return values
