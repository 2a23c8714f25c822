"""The one checker of rows, by the rules of a model's schema: at the door, and in batches of data.

A hard rule refuses: a column that is not there, a value of another type, a number that is none. A
soft rule warns: a category that the model does not know, a value outside the training's range, a
gap where the training had none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

from autolearn.artifacts.datasets.checks.rule_checks import is_outside
from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.categories import Categories
from autolearn.ml.evaluation.stored_artifact import ModelColumn, ModelSchema
from autolearn.schemas.bounds import ONLINE_ROWS, cut
from autolearn.schemas.datasets.rules import ColumnRules, DataRule, RowRules, Soft
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import pandas as pd

Record = Mapping[str, JsonValue]
"""A row: a value, or None for a gap, by column."""
_WANTED = {
    "boolean": "true or false",
    "integer": "a number",
    "number": "a number",
    "string": "text",
}
_NUMBERS = ("integer", "number")
_LARGEST = float(np.finfo(np.float32).max)
ABSENT = object()
"""In place of a value that was not sent; None is a gap."""
_MOST_FAULTS = 20
"""Faults of a request that a refusal names."""


class RowFault(Struct, frozen=True):
    """Why a row is refused: by its number, from 0, and its column ("": not one of them alone)."""

    row: int
    column: str
    detail: str


class RowWarning(Struct, frozen=True):
    """Why an answer may be poor: its row, from 0, and its column."""

    row: int
    column: str
    kind: Soft
    detail: str


class RowsRefused(InputError):
    """Rows do not fit the model; `faults` are the first of them."""

    def __init__(self, faults: Sequence[RowFault], many: int) -> None:
        self.faults = faults
        more = f", and {many - len(faults)} more" if many > len(faults) else ""
        words = "; ".join(
            ": ".join(filter(None, (f"row {one.row}", one.column, one.detail))) for one in faults
        )
        super().__init__(f"{words}{more}", advice="The schema of a row says what is wanted.")


def rules_of(schema: ModelSchema) -> RowRules:
    """Return the rules of a model's schema."""
    columns = (
        ColumnRules(one.name, one.type, (*_rules_of(one),), one.sensitive) for one in schema.columns
    )
    return RowRules(ONLINE_ROWS, (*columns,))


def _rules_of(column: ModelColumn) -> Iterator[DataRule]:
    yield DataRule(kind="present")
    yield DataRule(kind="type", type=column.type)
    if column.type in _NUMBERS:
        yield DataRule(kind="number", minimum=-_LARGEST, maximum=_LARGEST)
    if column.type in ("string", "boolean"):
        values = () if column.sensitive else column.categories
        yield DataRule(kind="known", severity="soft", values=values)
    low, high = column.minimum, column.maximum
    if not column.sensitive and low is not None and high is not None:
        yield DataRule(kind="range", severity="soft", minimum=low, maximum=high)
    if not column.nullable:
        yield DataRule(kind="filled", severity="soft")


@dataclass(slots=True)
class _Column:
    """The rules of a column, as they are read for each value."""

    type: str
    sensitive: bool
    nullable: bool
    minimum: float | None
    maximum: float | None
    usual: Callable[[Any], bool] = field(init=False)

    @classmethod
    def of(cls, rules: ColumnRules) -> _Column:
        bounds, nullable = rules.rule("range"), rules.rule("filled") is None
        low, high = (None, None) if bounds is None else (bounds.minimum, bounds.maximum)
        column = cls(rules.type, rules.sensitive, nullable, low, high)
        column.usual = _usual(column)
        return column


class RowChecker:
    """Checks rows by rules: values by column, or a batch of a table."""

    def __init__(self, rules: RowRules) -> None:
        self.columns = {one.column: _Column.of(one) for one in rules.columns}

    def check(
        self, columns: Mapping[str, Sequence[Any]], rows: int
    ) -> tuple[dict[str, list[Any]], list[RowWarning]]:
        """Check rows that are given by column; a value that is not there is ABSENT.

        Return the values as a table has them, and the warnings about them.

        Raises:
            RowsRefused: they break a hard rule.
        """
        faults: list[RowFault] = []
        warnings: list[RowWarning] = []
        found: dict[str, list[Any]] = {}
        for name, column in self.columns.items():
            given = columns.get(name)
            if given is None:
                given = [ABSENT] * rows
            usual = column.usual
            values = found[name] = []
            for number, value in enumerate(given):
                if usual(value):
                    values.append(value)
                    continue
                if value is ABSENT:
                    faults.append(RowFault(number, name, "the column is missing"))
                    continue
                kept, wrong = _value_of(column, value)
                if wrong:
                    faults.append(RowFault(number, name, wrong))
                    continue
                values.append(kept)
                if odd := _oddity(column, kept):
                    kind, detail = odd
                    warnings.append(RowWarning(number, name, kind, detail))
        if faults:
            faults.sort(key=lambda one: one.row)
            raise RowsRefused(faults[:_MOST_FAULTS], len(faults))
        return found, warnings

    def unseen(
        self, categories: Categories, columns: Mapping[str, Sequence[Any]]
    ) -> list[RowWarning]:
        """Return a warning for each value that the model does not know."""
        found = []
        for name, strange in categories.strange.items():
            for row in np.flatnonzero(strange).tolist():
                value = "it" if self.columns[name].sensitive else repr(cut(str(columns[name][row])))
                detail = f"{value} was not in the training"
                found.append(RowWarning(row, name, "unseen", detail))
        return found

    def count(
        self, table: DatasetTable, features: pd.DataFrame, strange: Mapping[str, Any], first: int
    ) -> Counter[tuple[Soft, str]]:
        """Count the warnings about a batch of a table by kind and column.

        `features` are its columns as a model has them, and `strange` marks the rows of unknown
        categories by column. The first row has the number `first`.

        Raises:
            RowsRefused: numbers break a hard rule.
        """
        found, faults = Counter[tuple[Soft, str]](), list[RowFault]()
        many = 0
        for name, column in self.columns.items():
            if column.type in _NUMBERS or column.type == "timestamp":
                values = features[name].to_numpy()
                if column.type in _NUMBERS and len(bad := _unfit(values)):
                    many += len(bad)
                    faults += [
                        RowFault(first + row, name, _number_of(float(values[row]))[1])
                        for row in bad[:_MOST_FAULTS].tolist()
                    ]
                if column.minimum is not None and column.maximum is not None:
                    outside = is_outside(pa.array(values), column.minimum, column.maximum)
                    found["outside", name] = int(np.count_nonzero(outside))
                gaps = 0 if column.nullable else int(np.count_nonzero(np.isnan(values)))
            else:
                gaps = 0 if column.nullable else table.arrays[name].null_count
            found["gap", name] = gaps
            if name in strange:
                found["unseen", name] = int(np.count_nonzero(strange[name]))
        if faults:
            faults.sort(key=lambda one: one.row)
            raise RowsRefused(faults[:_MOST_FAULTS], many)
        return +found


def _unfit(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the places of numbers that are infinite, or too large."""
    return np.flatnonzero(is_outside(pa.array(values), -_LARGEST, _LARGEST))


def _usual(column: _Column) -> Callable[[Any], bool]:
    """Return whether a value may be taken as it is, without a warning: most are such.

    The others are looked at one by one.
    """
    if column.type in ("integer", "number"):
        low, high = column.minimum, column.maximum
        if column.sensitive or low is None or high is None:
            low, high = -_LARGEST, _LARGEST
        return lambda value: type(value) is float and low <= value <= high
    if column.type in ("boolean", "timestamp"):
        return lambda _: False
    return lambda value: type(value) is str


def _value_of(column: _Column, value: JsonValue) -> tuple[Any, str]:
    """Return a value as the table has it, and why it is refused, "" if it is not."""
    if value is None:
        return None, ""
    match column.type:
        case "integer" | "number":
            if isinstance(value, int | float) and not isinstance(value, bool):
                return _number_of(value)
        case "boolean":
            if isinstance(value, bool):
                return str(value).lower(), ""
        case "timestamp":
            return _time_of(value)
        case _:
            if isinstance(value, str):
                return value, ""
    shown = "" if column.sensitive else f"; got {cut(msgspec.json.encode(value).decode())}"
    return None, f"{_WANTED[column.type]} is wanted{shown}"


def _number_of(value: float) -> tuple[Any, str]:
    """Return a number as float64, unless trees could not compare it, which take float32."""
    if isinstance(value, float) and not math.isfinite(value):
        return None, "it is no finite number"
    if abs(value) > _LARGEST:
        return None, f"it is too large: at most {_LARGEST:.3g}"
    return float(value), ""


def _time_of(value: JsonValue) -> tuple[Any, str]:
    """Return a time in UTC; without a zone it is one of UTC."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None:
            return (time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)), ""
    except (ValueError, OverflowError):  # before the year 1 or after 9999 in UTC
        pass
    return None, "a time is wanted, such as 2026-01-31T09:30:00Z"


def _oddity(column: _Column, value: Any) -> tuple[Soft, str] | None:
    """Return the kind and words of a warning about a value, None if there is none."""
    if value is None:
        return None if column.nullable else ("gap", "the training had a value in every row")
    if column.sensitive or column.minimum is None or column.maximum is None:
        return None
    number = value.timestamp() if isinstance(value, datetime) else value
    if isinstance(number, float) and not column.minimum <= number <= column.maximum:
        return "outside", f"the training had {column.minimum:g} to {column.maximum:g}"
    return None
