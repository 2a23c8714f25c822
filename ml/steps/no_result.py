"""The warning of values that are missing though all that they are made of is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow import compute

from autolearn.ml.steps.context import report

pc: Any = compute


def warn_of_missing(
    table: pa.Table, name: str, values: Any, sources: Sequence[str], *, column: str = ""
) -> None:
    """Warn how many values have no result, though none of the `sources` is missing in the row.

    The values are those of `name`, which is a `column` of the result if that is given.
    """
    if not values.null_count:
        return
    lost = pc.is_null(values)
    for source in sources:
        lost = pc.and_(lost, pc.is_valid(table[source]))
    if many := pc.sum(lost).as_py():
        reason = (
            f"{name} has no value in {many:,} of {table.num_rows:,} rows, though all that it is "
            "made of is there: what has no result, or is infinite, is missing"
        )
        report.warned(reason, many, sample=table.filter(lost), column=column)
