"""A dataset's file read into memory, the same way every time.

`profile` (in `artifacts.profiling`) says what a file holds in bounded memory; `read_table` loads
all of it for training. Both find the columns' types with the same code, so they always agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.columns import ColumnTally, Values, cast, label_of
from autolearn.artifacts.csv_files import CsvFile
from autolearn.artifacts.parquet_files import MAGIC, ParquetFile
from autolearn.artifacts.profiling import profile, schema_hash
from autolearn.artifacts.refusals import DatasetRefused

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["DatasetRefused", "Table", "format_of", "profile", "read_table", "schema_hash"]

pc: Any = compute

NUMERIC = ("integer", "number", "timestamp")


@dataclass(frozen=True)
class Table:
    """All rows of a dataset. `types` maps each column's name, in order, to its type."""

    types: dict[str, str]
    arrays: dict[str, Values]
    rows: int

    def features(self, types: Mapping[str, str]) -> pd.DataFrame:
        """Return columns, in the order of `types`, as a data frame of two dtypes only.

        integer, number and timestamp (seconds since 1970, UTC) are float64; string and boolean
        (true, false) are Python strings in object columns. Missing values are NaN in both.
        A column whose values do not read as the wanted type raises DatasetRefused.
        """
        import pandas as pd

        columns = {
            name: self.numbers(name) if kind in NUMERIC else self._texts(name)
            for name, kind in types.items()
        }
        return pd.DataFrame(columns, copy=False)

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column as float64, with NaN where a value is missing.

        Raises DatasetRefused when it holds text or booleans.
        """
        values, kind = self.arrays[name], self.types[name]
        if kind not in NUMERIC and values.null_count < len(values):
            raise DatasetRefused(f"Column {name} holds {kind} values where numbers are wanted.")
        if kind == "timestamp":
            seconds = pc.divide(pc.cast(pc.cast(values, pa.int64()), pa.float64()), 1e6)
            return as_float(seconds)
        return as_float(pc.cast(values, pa.float64(), safe=False))

    def labels(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column as the strings that stand for its values, None where missing."""
        import numpy as np

        kind, values = self.types[name], self.arrays[name]
        if kind == "string":
            return np.asarray(values.to_numpy(zero_copy_only=False)).astype(object)
        labels = [None if value is None else label_of(value, kind) for value in values.to_pylist()]
        return np.array(labels, dtype=object)

    def _texts(self, name: str) -> Any:
        import pandas as pd

        values = self.labels(name)
        values[pd.isna(values)] = float("nan")
        return pd.Series(values, dtype=object)


def read_table(path: Path) -> Table:
    """Load a CSV or Parquet file (told apart by their bytes). Raises DatasetRefused."""
    if format_of(path) == "parquet":
        parquet = ParquetFile(path)
        kinds = dict(zip(parquet.names, parquet.kinds, strict=True))
        arrays = joined(parquet.names, parquet.batches())
    else:
        text = CsvFile(path)
        tallies = [ColumnTally(name) for name in text.names]
        arrays = joined(text.names, tallied(tallies, text.batches()))
        kinds = {tally.name: tally.type for tally in tallies}
        arrays = {name: cast(values, kinds[name]) for name, values in arrays.items()}
    rows = len(next(iter(arrays.values()))) if arrays else 0
    return Table(types=kinds, arrays=arrays, rows=rows)


def format_of(path: Path) -> str:
    """Return parquet or csv, by the first bytes of the file."""
    with path.open("rb") as handle:
        return "parquet" if handle.read(len(MAGIC)) == MAGIC else "csv"


def tallied(tallies: list[ColumnTally], batches: Iterator[list[Values]]) -> Iterator[list[Values]]:
    """Pass batches of text on, and find the columns' kinds on the way."""
    for batch in batches:
        for tally, values in zip(tallies, batch, strict=True):
            tally.add_text(values)
        yield batch


def joined(names: list[str], batches: Iterator[list[Values]]) -> dict[str, Values]:
    """Return each column's batches as one array."""
    columns: list[list[Values]] = [[] for _ in names]
    for batch in batches:
        for column, values in zip(columns, batch, strict=True):
            column.append(values)
    return {
        name: pa.concat_arrays(parts) if parts else pa.array([], pa.string())
        for name, parts in zip(names, columns, strict=True)
    }


def as_float(values: Values) -> np.ndarray[Any, Any]:
    """Return a writable float64 array with NaN for nulls."""
    import numpy as np

    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64).copy()
