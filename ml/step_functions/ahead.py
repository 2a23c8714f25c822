"""What a column will be that much later, and the naive forecasts of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from msgspec import Meta
from pyarrow import compute

from autolearn.ml.datasets.split import part
from autolearn.ml.errors import InputError
from autolearn.ml.plugins import load_metrics
from autolearn.ml.step_functions.windows import groups_of
from autolearn.ml.steps.context import context, report
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.schemas.bounds import listed
from autolearn.schemas.catalog import REGRESSION
from autolearn.schemas.pipelines.horizons import (
    DURATION_WORDS,
    LAST,
    MOST_HORIZONS,
    duration,
    later,
    seconds_of,
)
from autolearn.schemas.values import Split

pc: Any = compute
Array = np.ndarray[Any, Any]
_MICRO = 1_000_000
"""Microseconds of a second: the times of tables have these."""


def ahead(
    table: pa.Table,
    *,
    column: Annotated[str, COLUMNS],
    ahead: Annotated[list[str], Meta(min_length=1)],
    time: Annotated[str | None, COLUMNS] = None,
    group: Annotated[list[str], COLUMNS] = [],
    season: str = "7d",
    test: Annotated[float, Meta(ge=0, lt=1)] = 0.25,
) -> pa.Table:
    """Add what a column will be that much later, and what it was whole seasons before that.

    The column `load in 1h` is the value in the row of the same group exactly 1h later, missing
    without one; it is what a model learns, and no feature. `load in 1h, 7d before` is a naive
    forecast: the value at the same time of the last season that is not later than the row. It and
    the last value, which is the column itself, are measured on the held-out rows (the report).

    Args:
        table: the table
        column: the column of numbers
        ahead: how much later, such as 1h or 7d
        time: the column of times; without it the only one that has times
        group: columns; each group of equal values is a series of its own
        season: after how long it may be alike again
        test: the held-out fraction, the latest rows, on which naive forecasts are measured; 0: none
    """
    horizons, of_season = _seconds_of(ahead, season)
    if not (pa.types.is_integer(table[column].type) or pa.types.is_floating(table[column].type)):
        raise InputError(f"the column {column} holds no numbers, and only these are forecast")
    name = _time_of(table, time)
    series = _Series(table, name, group)
    for horizon, seconds in horizons.items():
        target, back = later(column, horizon), -(-seconds // of_season) * of_season
        series.require(horizon, seconds)
        truth = series.shifted(table[column], seconds)
        forecasts, added = {LAST: _floats(table[column])}, {target: truth}
        if back > seconds:  # else that is the last value
            naive = f"{duration(back)} before"
            seasonal = series.shifted(table[column], seconds - back)
            forecasts[naive], added[f"{target}, {naive}"] = _floats(seasonal), seasonal
        for new, values in added.items():
            if new in table.column_names:
                raise InputError(f"the table has a column {new} already")
            table = table.append_column(new, values)
            report.made_from(new, [column])
        if test:
            split = Split(test=test, by="time", column=name)
            times = series.times.astype(np.float64)
            context().naive[horizon] = _measured(target, _floats(truth), forecasts, split, times)
    return table


def _seconds_of(ahead: list[str], season: str) -> tuple[dict[str, int], int]:
    """Return the seconds of each horizon, and of the season. Raises InputError."""
    if len(ahead) > MOST_HORIZONS:
        raise InputError(f"ahead has {len(ahead)} times; at most {MOST_HORIZONS} are taken")
    found: dict[str, int] = {}
    for text in (*ahead, season):
        if (seconds := seconds_of(text)) is None:
            raise InputError(f"{text!r} is not {DURATION_WORDS}")
        found[text] = seconds
    by_horizon = {text: found[text] for text in ahead}
    if len({*by_horizon.values()}) < len(ahead):
        raise InputError(f"two of the times ahead are the same: {listed(ahead)}")
    return by_horizon, found[season]


def _time_of(table: pa.Table, time: str | None) -> str:
    """Return the column of times. Raises InputError unless there is one, and it has times."""
    there = [one.name for one in table.schema if pa.types.is_timestamp(one.type)]
    if time is None:
        if len(there) != 1:
            has = f"several have times: {listed(there)}" if there else "none has times"
            raise InputError(
                f"a forecast needs a column of times, and {has}",
                advice="Name one as time. A column of text becomes times by clean: "
                "{types: {COLUMN: timestamp}}.",
            )
        time = there[0]
    if time not in there:
        kind = table[time].type
        what = "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else f"{kind}"
        raise InputError(
            f"the column {time} holds {what}, and no times",
            advice=f"Make it times: clean: {{types: {{{time}: timestamp}}}}.",
        )
    if table[time].null_count:
        raise InputError(f"the time {time} is missing in {table[time].null_count:,} rows")
    return time


class _Series:
    """The rows of a table by series and time. Raises InputError for a time that comes twice."""

    def __init__(self, table: pa.Table, time: str, group: list[str]) -> None:
        self.time = time
        self.times: Array = pc.cast(table[time], pa.int64()).to_numpy()
        self.group: Array = groups_of(table, group).to_numpy()
        self._rows = pd.MultiIndex.from_arrays([self.group, self.times])
        if not self._rows.is_unique:
            twice = int(self._rows.duplicated().sum())
            raise InputError(
                f"{twice:,} rows have a time {time} that another row has, so it is not clear which "
                "one comes later",
                advice="Name the columns of the series that the rows belong to as group.",
            )

    def shifted(self, values: Any, seconds: int) -> Any:
        """Return the value of the row exactly so much later, null where there is none."""
        found = self._found(seconds)
        return values.take(pa.array(np.maximum(found, 0), mask=found < 0))

    def _found(self, seconds: int) -> Array:
        wanted = pd.MultiIndex.from_arrays([self.group, self.times + seconds * _MICRO])
        return np.asarray(self._rows.get_indexer(wanted))

    def require(self, horizon: str, seconds: int) -> None:
        """Raise InputError when no row is so much later than another one."""
        if (self._found(seconds) >= 0).any():
            return
        order = np.lexsort((self.times, self.group))
        steps = np.diff(self.times[order])[np.diff(self.group[order]) == 0]
        if not len(steps):
            raise InputError(
                "no series has two rows, so nothing can be learned of what comes later"
            )
        spans = pd.Series(self.times).groupby(self.group)
        span = int((spans.max() - spans.min()).max()) / _MICRO
        if span < seconds:
            raise InputError(
                f"the rows reach over {duration(span)}, so none is {horizon} after another",
                advice="Choose a shorter time ahead, or take more rows.",
                quiet=f"the rows do not reach over {horizon}",
            )
        usual = duration(float(np.median(steps)) / _MICRO)
        raise InputError(
            f"no row is exactly {horizon} after another: their median distance is {usual}",
            advice="Choose a whole multiple of the distance of rows.",
            quiet=f"no row is exactly {horizon} after another",
        )


def _measured(
    target: str, truth: Array, forecasts: Mapping[str, Array], split: Split, times: Array
) -> dict[str, dict[str, float]]:
    """Return the metrics of forecasts on the rows that a training with this split holds out."""
    usable = np.flatnonzero(np.isfinite(truth))
    held_out = part(usable, None, split, 0, times[usable]).test
    found: dict[str, dict[str, float]] = {}
    for name, values in forecasts.items():
        known = held_out[np.isfinite(values[held_out])]
        if len(known) < len(held_out):
            report.note(
                f"the forecast {name} of {target} has a value in {len(known):,} of the "
                f"{len(held_out):,} held-out rows, and is measured on these"
            )
        if len(known):
            found[name] = _metrics_of(
                f"the forecast {name} of {target}", truth[known], values[known]
            )
    return found


def _metrics_of(what: str, truth: Array, values: Array) -> dict[str, float]:
    """Return the numbers of a regression; a note names those that cannot be computed."""
    found: dict[str, float] = {}
    for name, metric in load_metrics().found.items():
        fits = metric.needs == "prediction" and metric.result == "scalar"
        if not fits or REGRESSION not in metric.tasks:
            continue
        try:
            figure = float(metric.compute(truth, values))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a metric of a package may raise anything
            why = error.quiet if isinstance(error, InputError) else type(error).__name__
            report.note(f"{name} of {what} cannot be computed: {why}")
            continue
        if np.isfinite(figure):
            found[name] = figure
    return found


def _floats(values: Any) -> Array:
    """Return numbers as float64, with NaN where one is missing."""
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy())
