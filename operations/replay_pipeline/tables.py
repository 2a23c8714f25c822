"""Compares two tables of a step, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from pyarrow import compute

pc: Any = compute


def differing_columns(recorded: Path, present: Path) -> tuple[dict[str, int], str]:
    """Return the differing rows by column, and a sentence about what else differs.

    Where the numbers of rows differ, the rows that only one table has are not counted.
    """
    then, now = pyarrow.parquet.read_table(recorded), pyarrow.parquet.read_table(present)
    said = []
    if then.num_rows != now.num_rows:
        said.append(f"it has {now.num_rows:,} rows, and had {then.num_rows:,}")
    for words, one, other in (("is not there", then, now), ("was not there", now, then)):
        said += [
            f"the column {name} {words}"
            for name in one.column_names
            if name not in other.column_names
        ]
    rows = min(then.num_rows, now.num_rows)
    found = {}
    for name in then.column_names:
        if name in now.column_names:
            before, after = (one[name].slice(0, rows).combine_chunks() for one in (then, now))
            if before.type != after.type:
                said.append(f"the column {name} is of {after.type}, and was of {before.type}")
            elif different := _different(before, after):
                found[name] = different
    if not found and not said:
        said.append("the values are equal, and the bytes of the file differ")
    return found, "; ".join(said)


def _different(before: Any, after: Any) -> int:
    """Count the rows with different values; missing is equal to missing, and NaN to NaN."""
    differ = pc.fill_null(pc.not_equal(before, after), False)
    if pa.types.is_floating(before.type):
        nan = pc.and_(pc.fill_null(pc.is_nan(before), False), pc.fill_null(pc.is_nan(after), False))
        differ = pc.and_(differ, pc.invert(nan))
    missing = pc.xor(pc.is_null(before), pc.is_null(after))
    return int(pc.sum(pc.or_(differ, missing)).as_py() or 0)
