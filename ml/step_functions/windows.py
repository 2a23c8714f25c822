"""Windows: features of the rows before, in the order of a time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pandas as pd
import pyarrow as pa
from msgspec import Meta
from pyarrow import compute

from autolearn.ml.errors import InputError
from autolearn.ml.steps.context import report
from autolearn.ml.steps.parameters import COLUMNS

pc: Any = compute
Statistic = Literal["mean", "min", "max", "sum"]
_Rows = Annotated[int, Meta(ge=1, le=100_000)]


def windows(
    table: pa.Table,
    *,
    time: Annotated[str, COLUMNS],
    columns: Annotated[list[str], Meta(min_length=1), COLUMNS],
    group: Annotated[list[str], COLUMNS] = [],
    lags: list[_Rows] = [],
    rolling: list[_Rows] = [],
    statistics: list[Statistic] = ["mean"],
    complete: bool = False,
) -> pa.Table:
    """Add values of the rows before, and statistics of them, never of the row itself.

    A column a has the lag a_lag_1, which is its value one row earlier in the order of time, and
    the window a_mean_7 over the seven rows before (fewer at the start). The rows keep their order.

    Args:
        table: the table
        time: the column of times, or of numbers, by which rows follow each other
        columns: the columns of numbers whose earlier values are added
        group: columns; each group of equal values is a series of its own
        lags: how many rows earlier
        rolling: sizes of windows, in rows
        statistics: what is computed of a window
        complete: leave out rows for which a lag or a window has no value
    """
    if not lags and not rolling:
        raise InputError("windows takes lags, rolling, or both")
    if table[time].null_count:
        raise InputError(f"the time {time} is missing in {table[time].null_count:,} rows")
    for name in columns:
        kind = table[name].type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise InputError(f"the column {name} holds no numbers")
    keys = table.select(list(dict.fromkeys([*group, time])))
    counted = keys.group_by(keys.column_names, use_threads=False).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], 1)).num_rows
    if twice:
        raise InputError(
            f"{twice:,} times of {time} come more than once, so their rows have no order",
            advice="Name the columns of the series that the rows belong to as group.",
        )
    order = pc.sort_indices(table, sort_keys=[(time, "ascending")])
    sorted_ = table.take(order)
    back = pc.sort_indices(order)
    frame = pd.DataFrame(
        {name: pc.cast(sorted_[name], pa.float64(), safe=False).to_numpy() for name in columns}
    )
    series = groups_of(sorted_, group)
    added: list[str] = []
    for name in columns:
        by_group = frame[name].groupby(series, sort=False)
        made = {f"{name}_lag_{lag}": by_group.shift(lag) for lag in lags}
        before = by_group.shift(1).groupby(series, sort=False)
        for size in rolling:
            window = before.rolling(size, min_periods=1)
            for statistic in statistics:
                values = getattr(window, statistic)().reset_index(level=0, drop=True).sort_index()
                made[f"{name}_{statistic}_{size}"] = values
        for column, values in made.items():
            if column in table.column_names:
                raise InputError(f"the table has a column {column} already")
            array = pa.array(values.to_numpy(), from_pandas=True).take(back)
            table = table.append_column(column, array)
            report.made_from(column, [name])
            added.append(column)
    if complete:
        whole = pc.is_valid(table[added[0]])
        for column in added[1:]:
            whole = pc.and_(whole, pc.is_valid(table[column]))
        report.removed("a lag or window has no value", table.filter(pc.invert(whole)))
        table = table.filter(whole)
    return table


def groups_of(table: pa.Table, group: list[str]) -> Any:
    """Return the number of each row's group."""
    if not group:
        return pd.Series(0, index=range(table.num_rows))
    frame = table.select(group).to_pandas()
    return frame.groupby(group, dropna=False, sort=False).ngroup()
