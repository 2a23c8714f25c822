"""Select: some columns and rows of a table."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
from msgspec import Meta
from pyarrow import compute

from autolearn.ml.steps.context import report
from autolearn.ml.steps.parameters import COLUMNS

pc: Any = compute


def select(
    table: pa.Table,
    *,
    columns: Annotated[list[str] | None, COLUMNS] = None,
    drop: Annotated[list[str], COLUMNS] = [],  # noqa: B006 - it is not changed
    limit: Annotated[int, Meta(ge=1)] | None = None,
) -> pa.Table:
    """Keep some columns and rows of a table.

    Args:
        table: the table
        columns: the columns that are kept, in this order; by default all
        drop: columns that are left out
        limit: the number of rows that are kept, from the first on
    """
    chosen = table.select(columns or table.column_names)
    chosen = chosen.drop_columns([name for name in drop if name in chosen.column_names])
    if limit is not None and limit < chosen.num_rows:
        report.removed(f"after the first {limit:,} rows", chosen.slice(limit))
        chosen = chosen.slice(0, limit)
    return chosen
