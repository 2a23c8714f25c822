"""Features: new columns, each row's from that row alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pyarrow as pa
from msgspec import Meta
from pyarrow import compute

from autolearn.ml.errors import InputError
from autolearn.ml.expressions.errors import ExpressionError
from autolearn.ml.expressions.expression import Expression
from autolearn.ml.expressions.values import finite
from autolearn.ml.steps.context import report
from autolearn.ml.steps.no_result import warn_of_missing
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import step

pc: Any = compute
DatePart = Literal[
    "year", "quarter", "month", "day", "day_of_year", "weekday", "hour", "minute", "seconds"
]


@step(row_wise=True)
def features(
    table: pa.Table,
    *,
    add: dict[str, str] = {},
    dates: Annotated[dict[str, list[DatePart]], COLUMNS] = {},
    bins: Annotated[
        dict[str, Annotated[list[float], Meta(min_length=1, max_length=1000)]], COLUMNS
    ] = {},
    log: Annotated[list[str], COLUMNS] = [],
    drop: list[str] = [],
) -> pa.Table:
    """Add columns that are made of others, row by row.

    Args:
        table: the table
        add: expressions by the names of their columns; they may use each other's new columns
        dates: parts of times by column, as columns such as when_month
        bins: edges by column: the column a_bin counts the edges that are not above the value
        log: columns of numbers; a_log is the logarithm of 1 more than the value
        drop: columns that are left out at the end
    """
    table = _added(table, add)
    for column, parts in dates.items():
        for part in parts:
            table = _with(table, f"{column}_{part}", f"{part}(`{column}`)")
    for column, edges in bins.items():
        if sorted(set(edges)) != edges:
            raise InputError(f"the edges of the bins of {column} do not rise")
        numbers = _numbers(table, column)
        above = [pc.cast(pc.greater_equal(numbers, edge), pa.int64()) for edge in edges]
        total = above[0]
        for one in above[1:]:
            total = pc.add(total, one)
        table = _put(table, f"{column}_bin", total, [column])
    for column in log:
        values = finite(pc.log1p(_numbers(table, column)))
        name = f"{column}_log"
        warn_of_missing(table, name, values, [column], column=name)
        table = _put(table, name, values, [column])
    missing = [name for name in drop if name not in table.column_names]
    if missing:
        raise InputError(f"drop names {missing[0]!r}, which is no column of the table")
    return table.drop_columns(drop)


def _added(table: pa.Table, add: dict[str, str]) -> pa.Table:
    """Return a table with the columns of expressions, whose order does not count.

    They read the columns of the table as they are, and new ones.
    """
    known, left = table, dict(add)
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    while left:
        before, refused = len(left), list[ExpressionError]()
        for name, text in [*left.items()]:
            types = dict(zip(known.column_names, known.schema.types, strict=True))
            try:
                expression = Expression(text, types)
            except ExpressionError as error:  # it may use a new column that is not there yet
                refused.append(error)
                continue
            found[name] = expression.evaluate(known), expression.columns
            warn_of_missing(known, name, *found[name], column=name)
            del left[name]
            if name not in table.column_names:
                known = known.append_column(name, found[name][0])
                report.made_from(name, list(expression.columns))
        if len(left) == before:
            raise refused[0]
    for name in sorted(add, key=lambda name: name in table.column_names):
        table = _put(table, name, *found[name])
    return table


def _with(table: pa.Table, name: str, text: str) -> pa.Table:
    """Return a table with the column of an expression, in the place of one of that name."""
    expression = Expression(text, dict(zip(table.column_names, table.schema.types, strict=True)))
    return _put(table, name, expression.evaluate(table), expression.columns)


def _put(table: pa.Table, name: str, values: Any, sources: Any) -> pa.Table:
    report.made_from(name, list(sources))
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def _numbers(table: pa.Table, column: str) -> Any:
    values = table[column]
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise InputError(f"the column {column} holds no numbers")
    return pc.cast(values, pa.float64(), safe=False)
