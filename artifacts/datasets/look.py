"""A look at a dataset's file, batch by batch: its first rows, and the values of one column."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.datasets.column_profile import Values, label_of
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.parquet_reader import ParquetFile
from autolearn.artifacts.datasets.table import read_table, reopened
from autolearn.artifacts.datasets.values.typed_values import typed
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.look import ColumnSummary, Histogram, TableRows
from autolearn.schemas.datasets.read_options import ColumnFormat, ReadOptions
from autolearn.schemas.values import JsonValue

pc: Any = compute

_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_TOP = 20
_BINS = 10
_COUNTED = 1_000_000
"""Different values that are counted."""


def first_rows(
    path: Path, options: ReadOptions | None, limit: int, columns: Iterable[str] = ()
) -> TableRows:
    """Return the first rows, of all columns or of those named, as a training reads them.

    Times are RFC 3339, in UTC; missing values are None. Raises DatasetRefused.
    """
    names, kinds, batches = _typed_batches(path, options)
    wanted = [*columns] or names
    places = [_place_of(names, name) for name in wanted]
    rows: list[list[JsonValue]] = []
    for batch in batches:
        some = [batch[place].slice(0, limit - len(rows)).to_pylist() for place in places]
        told = [
            [_json(value, kinds[place]) for value in values]
            for place, values in zip(places, some, strict=True)
        ]
        rows += map(list, zip(*told, strict=True))
        if len(rows) >= limit:
            break
    return TableRows(wanted, [kinds[place] for place in places], rows)


def summary(path: Path, options: ReadOptions | None, name: str) -> ColumnSummary:
    """Return counts, quantiles and a histogram of all values of a column. Raises DatasetRefused.

    Quantiles are of all present values, linearly interpolated; the deviation is that of a sample.
    """
    names, kinds, batches = _typed_batches(path, options)
    place = _place_of(names, name)
    kind, rows, missing = kinds[place], 0, 0
    counts: Counter[Any] | None = Counter()
    parts: list[Values] = []
    for batch in batches:
        values = batch[place]
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
        rows, missing = rows + len(values), missing + values.null_count
        present = values.drop_null()
        if counts is not None:
            found, often = pc.value_counts(present).flatten()
            counts.update(dict(zip(found.to_pylist(), often.to_pylist(), strict=True)))
            counts = None if len(counts) > _COUNTED else counts
        if kind in ("integer", "number", "timestamp"):
            whole = pc.cast(present, pa.int64()) if kind == "timestamp" else present
            parts.append(pc.cast(whole, pa.float64(), safe=False))
    top = None if counts is None else _top(counts, kind)
    told = ColumnSummary(name, kind, rows, missing, None if counts is None else len(counts), top)
    return _measured(told, pa.chunked_array(parts, pa.float64())) if parts else told


def _top(counts: Counter[Any], kind: str) -> list[tuple[JsonValue, int]]:
    """Return the most frequent values with their rows."""
    often = sorted(counts.items(), key=lambda one: (-one[1], label_of(one[0], kind)))[:_TOP]
    return [(_json(value, kind), count) for value, count in often]


def _measured(told: ColumnSummary, numbers: Values) -> ColumnSummary:
    """Return a summary with quantiles and a histogram; of times they are times."""
    finite = numbers.filter(pc.is_finite(numbers))
    if not len(finite):
        return told
    low, high = pc.min(finite).as_py(), pc.max(finite).as_py()
    quantiles = pc.quantile(finite, q=list(_QUANTILES)).to_pylist()
    width = (high - low) / _BINS
    edges = [low + width * at for at in range(_BINS)] + [high]
    bins = pc.floor(pc.divide(pc.subtract(finite, low), width)) if width else None
    counts = [0] * _BINS
    if bins is None:
        counts[0] = len(finite)
    else:
        found, often = pc.value_counts(pc.min_element_wise(bins, float(_BINS - 1))).flatten()
        for place, count in zip(found.to_pylist(), often.to_pylist(), strict=True):
            counts[int(place)] += count
    timed = told.type == "timestamp"
    for name, value in (
        ("quantiles", [(q, _number(v, timed)) for q, v in zip(_QUANTILES, quantiles, strict=True)]),
        ("histogram", Histogram([_number(edge, timed) for edge in edges], counts)),
        ("mean", _number(pc.mean(finite).as_py(), timed)),
        ("deviation", None if timed else pc.stddev(finite, ddof=1).as_py()),
    ):
        setattr(told, name, value)
    return told


def _number(value: float, timed: bool) -> JsonValue:
    if timed:
        return _json(datetime.fromtimestamp(value / 1e6, UTC), "timestamp")
    return value


def _json(value: Any, kind: str) -> JsonValue:
    """Return a value as JSON has it: long text is cut."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    return cut(value) if kind == "string" else value


def _place_of(names: list[str], name: str) -> int:
    if name not in names:
        raise DatasetRefused(f"There is no column {cut(name)!r}.")
    return names.index(name)


def _typed_batches(
    path: Path, options: ReadOptions | None
) -> tuple[list[str], list[str], Iterator[list[Values]]]:
    """Return the names and types of columns, and batches of their values."""
    if options is None:
        table = read_table(path)
        return list(table.types), list(table.types.values()), iter([list(table.arrays.values())])
    if options.format in ("parquet", "arrow"):
        parquet = ParquetFile(path, options.format, options)
        return parquet.names, parquet.kinds, parquet.batches()
    file = reopened(path, options)
    used = [place for place in range(len(file.names)) if place not in options.left_out]
    kinds = options.kinds()
    formats = [options.formats.get(str(at), ColumnFormat()) for at in range(len(kinds))]

    def batches() -> Iterator[list[Values]]:
        for batch in file.batches():
            yield [
                typed(batch[place], kind, how)
                for place, kind, how in zip(used, kinds, formats, strict=True)
            ]

    return [file.names[place] for place in used], kinds, batches()
