"""Checks whether a header names columns, or is a row of values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa

from autolearn.artifacts.datasets.column_types import Decided
from autolearn.artifacts.datasets.files.csv_reader import as_number, check_names
from autolearn.artifacts.datasets.inspection_result import ColumnProfile
from autolearn.artifacts.datasets.values import times
from autolearn.artifacts.datasets.values.typed_values import typed

FEW_NAMES, MANY_NAMES = 3, 6
"""Numbers from which they name columns if they rise in equal steps, and if they just rise."""


def check_header(names: list[str], *, quiet: bool, sure: bool) -> None:
    """Raise DatasetRefused unless these can be names of columns; some may be empty."""
    named = [name or f"\0{place}" for place, name in enumerate(names)]
    check_names(named, quiet=quiet, sure=sure)


def is_value(name: str, decided: Decided) -> bool:
    """Return whether the name of a column could be a value of it, and is no integer."""
    if name.lstrip("+-").isdigit():
        return False
    try:
        value = typed(pa.array([name], pa.string()), decided.type, decided.format)
    except pa.ArrowInvalid:
        return False
    return bool(value.null_count == 0)


def is_like_values(column: ColumnProfile) -> bool:
    """Return whether the name of a column could be one of its values."""
    if column.type in ("integer", "number"):
        return as_number(column.name) is not None
    if column.type == "boolean":
        return column.name.lower() in ("true", "false")
    if column.type == "timestamp":
        text = pa.array([column.name], pa.string())
        return bool(times.patterns_of(column.name)) or bool(times.fits_iso(text)[0].as_py())
    return column.name in (column.labels or ())


def is_series(names: Sequence[float]) -> bool:
    """Return whether numbers name columns, as years do: they rise, in equal steps or many of them.

    Two numbers do so in every second row of values.
    """
    steps = {round(right - left, 9) for left, right in pairwise(names)}
    if len(names) < FEW_NAMES or min(steps) <= 0:
        return False
    return len(steps) == 1 or len(names) >= MANY_NAMES
