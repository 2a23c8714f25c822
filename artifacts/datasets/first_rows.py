"""The first rows of a dataset, as values of JSON."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.typed_batches import Batch

pc: Any = compute
_VALUES = 100_000
"""Values that are decoded at a time."""


def first_rows(
    batches: Iterable[Batch], columns: Sequence[str], limit: int, most: int
) -> list[msgspec.Raw]:
    """Return at most `limit` rows of the columns, each a JSON array, of `most` bytes together.

    Missing values are null, and so is a column that the batches lack; times are RFC 3339, in UTC.
    Raises DatasetRefused if one row alone is larger.
    """
    found: list[msgspec.Raw] = []
    size, step = 0, max(1, _VALUES // max(1, len(columns)))
    for batch in batches:
        arrays = [batch.get(name) for name in columns]
        rows = len(next(iter(batch.values())))
        for start in range(0, rows, step):
            count = min(step, limit - len(found), rows - start)
            values = [
                [None] * count if array is None else json_values(array.slice(start, count))
                for array in arrays
            ]
            for row in zip(*values, strict=True):
                line = msgspec.json.encode(row)
                size += len(line)
                if size > most and not found:
                    raise DatasetRefused(
                        f"The first row has {len(line):,} bytes, and {most:,} are shown at most: "
                        "choose some of its columns."
                    )
                if size > most:
                    return found
                found.append(msgspec.Raw(line))
            if len(found) >= limit:
                return found
    return found


def chosen_rows(
    batches: Iterable[Batch], columns: Sequence[str], numbers: Sequence[int], most: int
) -> list[msgspec.Raw]:
    """Return the rows of some numbers, which rise, as `first_rows` does.

    Raises DatasetRefused if the first one alone is larger than `most` bytes.
    """

    def chosen() -> Iterable[Batch]:
        begin, at = 0, 0
        for batch in batches:
            rows = len(next(iter(batch.values())))
            until = bisect_left(numbers, begin + rows, at)
            if until > at:
                places = pa.array([number - begin for number in numbers[at:until]])
                yield {name: values.take(places) for name, values in batch.items()}
            begin, at = begin + rows, until
            if at == len(numbers):
                return

    return first_rows(chosen(), columns, len(numbers), most)


def json_values(array: Any) -> list[Any]:
    """Return typed values for JSON: null where missing or NaN, times RFC 3339, in UTC."""
    if pa.types.is_timestamp(array.type):
        naive = pc.cast(pc.cast(array, pa.int64()), pa.timestamp("us"))
        return [None if at is None else f"{at.isoformat()}Z" for at in naive.to_pylist()]
    return [None if value != value else value for value in array.to_pylist()]
