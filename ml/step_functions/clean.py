"""Clean: text, types, duplicates, outliers and gaps, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pyarrow as pa
from msgspec import Meta
from pyarrow import compute

from autolearn.artifacts.datasets.values.times import times_in
from autolearn.ml.errors import InputError
from autolearn.ml.expressions.values import TYPES, as_integer, as_number, kind_of
from autolearn.ml.steps.context import report
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import step
from autolearn.schemas.bounds import cut

pc: Any = compute
_Gap = Literal["drop", "median", "mean", "mode", "forward"]
_Kind = Literal["boolean", "integer", "number", "text", "timestamp"]
_Outlier = Literal["clip", "drop", "null"]
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@step(row_wise=True, needs_rows=("unfit", "duplicates", "outliers", "gaps"))
def clean(
    table: pa.Table,
    *,
    trim: bool = False,
    case: Annotated[dict[str, Literal["lower", "upper"]], COLUMNS] = {},
    missing: list[str] = [],
    types: Annotated[dict[str, _Kind], COLUMNS] = {},
    unfit: Literal["fail", "null", "drop"] = "fail",
    duplicates: Literal["keep", "drop"] = "keep",
    duplicates_by: Annotated[list[str], COLUMNS] = [],
    outliers: Annotated[_Outlier | dict[str, _Outlier], COLUMNS] = {},
    outliers_by: Literal["iqr", "z-score", "quantiles"] = "iqr",
    factor: Annotated[float, Meta(gt=0)] | None = None,
    quantiles: Annotated[list[float], Meta(min_length=2, max_length=2)] = [0.01, 0.99],
    gaps: Annotated[_Gap | dict[str, _Gap | dict[str, Any]], COLUMNS] = {},
) -> pa.Table:
    """Mend text and types, then remove duplicates, outliers and gaps.

    Args:
        table: the table
        trim: remove white space around text
        case: make the text of a column lower or upper case
        missing: words that stand for a missing value, such as n/a
        types: the type of a column
        unfit: what becomes of values that do not fit their type
        duplicates: drop rows that are equal to one before
        duplicates_by: the columns in which they are equal; by default all
        outliers: what becomes of them in a column; one word is for all columns of numbers
        outliers_by: iqr is outside of the quartiles by factor times their distance, z-score
            farther from the mean than factor standard deviations, quantiles outside of these
        factor: by default 1.5 for iqr, and 3 for z-score
        quantiles: the lower and the upper one
        gaps: what becomes of a missing value in a column, also constant with a value; one word is
            for all columns, where median and mean are for numbers, and mode for the others
    """
    table = _texts(table, trim, case, missing)
    for name, kind in types.items():
        table = _typed(table, name, kind, unfit)
    if duplicates == "drop":
        table = _without_duplicates(table, duplicates_by or table.column_names)
    numeric = [name for name in table.column_names if _is_numeric(table[name])]
    for name, how in _by_column(outliers, numeric).items():
        low, high = _bounds(table, name, outliers_by, factor, quantiles)
        table = _without_outliers(table, name, how, low, high)
    for name, gap in _by_column(gaps, table.column_names).items():
        words = {"median": "mode", "mean": "mode"} if isinstance(gaps, str) else {}
        numeric_one = _is_numeric(table[name])
        way = gap if numeric_one or not isinstance(gap, str) else words.get(gap, gap)
        table = _without_gaps(table, name, way)
    return table


def _by_column(given: Any, columns: list[str]) -> dict[str, Any]:
    return dict.fromkeys(columns, given) if isinstance(given, str) else given


def _is_numeric(values: Any) -> bool:
    return pa.types.is_integer(values.type) or pa.types.is_floating(values.type)


def _put(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _texts(table: pa.Table, trim: bool, case: Mapping[str, str], missing: list[str]) -> pa.Table:
    for name in table.column_names:
        if not pa.types.is_string(table[name].type):
            if name in case:
                raise InputError(f"case is for text, and the column {name} holds none")
            continue
        values = pc.utf8_trim_whitespace(table[name]) if trim else table[name]
        if name in case:
            values = pc.utf8_lower(values) if case[name] == "lower" else pc.utf8_upper(values)
        if missing:
            words = pc.is_in(values, value_set=pa.array(missing, pa.string()))
            values = pc.if_else(words, pa.scalar(None, pa.string()), values)
        changed = _differing(table[name], values)
        if changed is not None:
            report.changed("text", table.filter(changed), column=name)
            table = _put(table, name, values)
    return table


def _differing(before: Any, after: Any) -> Any:
    """Return which rows have another value, None if none has."""
    same = pc.fill_null(pc.equal(before, after), False)
    both = pc.and_(pc.is_null(before), pc.is_null(after))
    differ = pc.invert(pc.or_(same, both))
    return differ if pc.any(differ).as_py() else None


def _typed(table: pa.Table, name: str, kind: str, unfit: str) -> pa.Table:
    values = table[name]
    given = kind_of(values.type)
    if given == ("string" if kind == "text" else kind):
        return table
    cast = _cast(values, given, kind)
    lost = pc.and_(pc.is_valid(values), pc.is_null(cast))
    count = pc.sum(lost).as_py() or 0
    table_lost = table.filter(lost) if count else None
    table = _put(table, name, cast)
    if table_lost is None:
        return table
    if unfit == "fail":
        example = table_lost[name][0].as_py()
        raise InputError(
            f"{count:,} values of the column {name} do not fit the type {kind}, such as "
            f"{cut(str(example), 60)!r}",
            advice="Mend them, or say what becomes of them with unfit: null or drop.",
            quiet=f"{count:,} values of the column {name} do not fit the type {kind}",
        )
    reason = f"it does not fit the type {kind}"
    if unfit == "drop":
        report.removed(reason, table_lost, column=name)
        return table.filter(pc.invert(lost))
    report.changed(reason, table_lost, column=name)
    return table


def _cast(values: Any, given: str, kind: str) -> Any:
    """Return values as those of another kind; null where one does not fit."""
    if kind == "text":
        return pc.cast(values, pa.string())
    if kind == "number":
        return as_number(values, given)
    if kind == "integer":
        number = as_number(values, given)
        whole = pc.equal(number, pc.trunc(number))
        return as_integer(pc.if_else(whole, number, pa.scalar(None, pa.float64())), "number")
    if kind == "boolean":
        words = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(values, pa.string())))
        true = pc.is_in(words, value_set=pa.array(_TRUE))
        known = pc.or_(true, pc.is_in(words, value_set=pa.array(_FALSE)))
        return pc.if_else(known, true, pa.scalar(None, pa.bool_()))
    if given == "string":
        return pa.chunked_array([pc.cast(times_in(one, ""), TYPES[kind]) for one in values.chunks])
    if given in ("integer", "number"):
        seconds = pc.multiply(as_number(values, given), 1e6)
        return pc.cast(as_integer(seconds, "number"), TYPES[kind])
    raise InputError(f"{given} cannot be made {kind}")


def _without_duplicates(table: pa.Table, columns: list[str]) -> pa.Table:
    number = "\0number"
    keys = table.select(columns).append_column(number, pa.array(range(table.num_rows)))
    found = keys.group_by(columns, use_threads=False).aggregate([(number, "min")])
    first = found[f"{number}_min"]
    if len(first) == table.num_rows:
        return table
    kept = pc.is_in(keys[number], value_set=first.combine_chunks())
    by = "" if len(columns) == table.num_columns else f" in {', '.join(columns)}"
    report.removed(f"equal to a row before{by}", table.filter(pc.invert(kept)))
    return table.filter(kept)


def _bounds(
    table: pa.Table, name: str, by: str, factor: float | None, quantiles: list[float]
) -> tuple[float, float]:
    """Return the least and the greatest value that is no outlier."""
    if not _is_numeric(table[name]):
        raise InputError(f"outliers are of numbers, and the column {name} holds none")
    values = pc.cast(table[name], pa.float64(), safe=False).combine_chunks()
    if not len(values) - values.null_count:
        return float("-inf"), float("inf")
    if by == "z-score":
        middle, spread = pc.mean(values).as_py(), pc.stddev(values).as_py() * (factor or 3.0)
        return middle - spread, middle + spread
    if by == "quantiles":
        if not 0 <= quantiles[0] < quantiles[1] <= 1:
            raise InputError("quantiles are two numbers from 0 to 1, the lower one first")
        low, high = pc.quantile(values, q=quantiles).to_pylist()
        return low, high
    low, high = pc.quantile(values, q=[0.25, 0.75]).to_pylist()
    width = (high - low) * (factor or 1.5)
    return low - width, high + width


def _without_outliers(table: pa.Table, name: str, how: str, low: float, high: float) -> pa.Table:
    values = table[name]
    below, above = pc.less(values, low), pc.greater(values, high)
    outside = pc.fill_null(pc.or_(below, above), False)
    if not pc.any(outside).as_py():
        return table
    reason = f"outside of {low:.6g} to {high:.6g}"
    rows = table.filter(outside)
    if how == "drop":
        report.removed(reason, rows, column=name)
        return table.filter(pc.invert(outside))
    report.changed(f"{reason}: {'clipped' if how == 'clip' else 'left empty'}", rows, column=name)
    if how == "null":
        return _put(table, name, pc.if_else(outside, pa.scalar(None, values.type), values))
    number = pc.cast(values, pa.float64(), safe=False)
    clipped = pc.if_else(
        pc.less(number, low), low, pc.if_else(pc.greater(number, high), high, number)
    )
    if pa.types.is_integer(values.type):
        up = pc.if_else(below, pc.ceil(clipped), pc.floor(clipped))
        clipped = pc.if_else(outside, pc.cast(up, pa.int64()), values)
    return _put(table, name, clipped)


def _without_gaps(table: pa.Table, name: str, how: Any) -> pa.Table:
    values = table[name]
    if not values.null_count:
        return table
    rows = table.filter(pc.is_null(values))
    if how == "drop":
        report.removed("a value is missing", rows, column=name)
        return table.filter(pc.is_valid(values))
    if how == "forward":
        filled = pc.fill_null_forward(values)
    else:
        value = how["constant"] if isinstance(how, dict) else _middle(values, name, how)
        if isinstance(how, dict) and [*how] != ["constant"]:
            raise InputError(f"the gaps of {name} have one of the ways, or constant with a value")
        kind = kind_of(values.type)
        if kind == "integer" and isinstance(value, float) and not value.is_integer():
            values, kind = pc.cast(values, pa.float64(), safe=False), "number"
        try:
            filled = pc.fill_null(values, pa.scalar(value, TYPES[kind]))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise InputError(f"{cut(str(value))!r} is no {kind}, as the column {name} is") from None
    word = f"constant {how['constant']}" if isinstance(how, dict) else how
    report.changed(f"a missing value was filled: {word}", rows, column=name)
    return _put(table, name, filled)


def _middle(values: Any, name: str, how: str) -> Any:
    """Return the median, the mean, or the most frequent value: of several the least."""
    if len(values) == values.null_count:
        raise InputError(f"the column {name} has no value, so its gaps cannot have the {how}")
    if how == "mode":
        found = [
            (one["counts"], one["values"])
            for one in pc.value_counts(values.drop_null()).to_pylist()
        ]
        most = max(count for count, _ in found)
        return min(value for count, value in found if count == most)
    if not _is_numeric(values):
        raise InputError(f"the column {name} holds no numbers, so it has no {how}: use mode")
    numbers = pc.cast(values, pa.float64(), safe=False).combine_chunks()
    return pc.mean(numbers).as_py() if how == "mean" else pc.quantile(numbers, q=0.5)[0].as_py()
