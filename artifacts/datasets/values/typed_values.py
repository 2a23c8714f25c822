"""Converts text to a column's type, in its format."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.datasets.values.numbers import numbers_in
from autolearn.artifacts.datasets.values.times import times_in
from autolearn.artifacts.datasets.values.zones import zone_of
from autolearn.schemas.datasets.read_options import NO_ZONE, ColumnFormat

pc: Any = compute
Values = Any


def present(values: Values, how: ColumnFormat) -> Values:
    """Return text with nulls for the words that mean missing."""
    if not how.missing:
        return values
    absent = pc.is_in(values, pa.array(how.missing, pa.string()))
    return pc.if_else(absent, None, values)


def typed(values: Values, kind: str, how: ColumnFormat) -> Values:
    """Return trimmed text as an array of a column type.

    Raises pyarrow.ArrowInvalid for values that are not of it.
    """
    values = present(values, how)
    if kind == "string":
        return values
    if kind == "boolean":
        return pc.equal(pc.utf8_lower(values), "true")
    if kind == "integer" and how == ColumnFormat(missing=how.missing):
        return pc.cast(pc.replace_substring(values, "+", ""), pa.int64())
    if kind in ("integer", "number"):
        return numbers_in(values, how)
    return _zoned(times_in(values, how.time), how.zone)


def _zoned(moments: Values, zone: str) -> Values:
    """Return times in UTC; those without a zone are of `zone`.

    Of an hour that occurs twice, at the end of summer time, the first counts; one that is skipped
    becomes the next existing time.
    """
    if moments.type.tz is not None or zone == NO_ZONE:
        return moments
    import pandas as pd

    local = pd.DatetimeIndex(moments.to_pandas())
    first = [True] * len(local)
    there = local.tz_localize(zone_of(zone), ambiguous=first, nonexistent="shift_forward")  # type: ignore[arg-type]
    utc = there.tz_convert("UTC").tz_localize(None)
    return pa.array(utc, pa.timestamp("us"), from_pandas=True)
