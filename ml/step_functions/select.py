"""Select: some columns and rows of a table."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
from msgspec import Meta
from pyarrow import compute

from autolearn.ml.errors import InputError
from autolearn.ml.expressions.expression import Expression
from autolearn.ml.steps.context import report
from autolearn.ml.steps.no_result import warn_of_missing
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import step

pc: Any = compute


@step(row_wise=True, needs_rows=("where", "limit"))
def select(
    table: pa.Table,
    *,
    columns: Annotated[list[str] | None, COLUMNS] = None,
    drop: Annotated[list[str], COLUMNS] = [],
    where: str | None = None,
    rename: Annotated[dict[str, str], COLUMNS] = {},
    limit: Annotated[int, Meta(ge=1)] | None = None,
) -> pa.Table:
    """Keep some columns and rows of a table.

    Args:
        table: the table
        columns: the columns that are kept, in this order; by default all
        drop: columns that are left out
        where: an expression over all columns; rows where it is not true are left out
        rename: new names of columns, by the old ones, which the other parameters use
        limit: the number of rows that are kept, from the first on
    """
    if where is not None:
        table = _rows_where(table, where)
    if limit is not None and limit < table.num_rows:
        report.removed(f"after the first {limit:,} rows", table.slice(limit))
        table = table.slice(0, limit)
    chosen = table.select(columns or table.column_names)
    chosen = chosen.drop_columns([name for name in drop if name in chosen.column_names])
    for old, new in rename.items():
        report.made_from(new, [old])
    return chosen.rename_columns([rename.get(name, name) for name in chosen.column_names])


def _rows_where(table: pa.Table, where: str) -> pa.Table:
    expression = Expression(where, dict(zip(table.column_names, table.schema.types, strict=True)))
    if expression.kind not in ("boolean", "null"):
        raise InputError(f"where is {where!r}, which is neither true nor false for a row")
    values = expression.evaluate(table)
    if expression.kind == "null":
        raise InputError(f"where is {where!r}, which is true for no row")
    warn_of_missing(table, "where", values, expression.columns)
    true = pc.fill_null(values, False)
    kept = table.filter(true)
    if kept.num_rows < table.num_rows:
        report.removed(f"not where {where}", table.filter(pc.invert(true)))
    return kept
