"""The type and the statistics of a column, from all of its values.

The type is the narrowest that holds every present value, so it does not depend on how the rows
are cut into batches:

    boolean    true, false (any case)
    integer    64-bit
    number     decimal or exponent notation; integers and decimals together are numbers
    timestamp  ISO 8601, all without a zone (taken as UTC) or all with one
    string     anything else

In CSV, white space around a value is dropped and the MISSING tokens count as absent.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import Any, TypeAlias

import pyarrow as pa
from pyarrow import compute

from autolearn.schemas.values import Column

MISSING = ("", "NA", "NaN", "nan", "null", "?")
"""The words that mean missing in CSV."""

pc: Any = compute
Values: TypeAlias = Any
"""A pyarrow.Array. (The published stubs of pyarrow.compute are too narrow to say so.)"""

_NUMBERS = ("integer", "number")
_INTEGER = r"^-?[0-9]{1,19}$"
_NUMBER = (
    r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(inf|Inf|INF|infinity|Infinity)$"
)
_ARROW: dict[str, Any] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "zoned": pa.timestamp("us", "UTC"),
}


def texts(*values: str) -> Values:
    """Return an array of strings, without importing pandas as `pyarrow.array` does."""
    ends = array("i", accumulate((len(value) for value in values), initial=0))
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer("".join(values).encode("ascii"))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


_ABSENT = texts(*MISSING)
_BOOLEANS = texts("true", "false")
_NULL = pa.nulls(1, pa.string())[0]


def clean(values: Values) -> Values:
    """Return CSV text without surrounding white space, and null where a value is missing."""
    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.is_in(trimmed, value_set=_ABSENT), _NULL, trimmed)


def cast(values: Values, kind: str) -> Values:
    """Return clean text or a typed array as the Arrow type of a column kind."""
    if kind == "boolean":
        if pa.types.is_boolean(values.type):
            return values
        return pc.equal(pc.utf8_lower(values), "true")
    if kind == "string":
        return values.cast(pa.string())
    if kind == "timestamp" and pa.types.is_string(values.type):
        return pc.cast(values, _ARROW["zoned" if _holds(values, "zoned") else "timestamp"])
    return pc.cast(values, _ARROW[kind], safe=False)


def _holds(values: Values, kind: str) -> bool:
    """Return whether every present value of clean text is of this kind."""
    if kind == "boolean":
        return bool(pc.all(pc.is_in(pc.utf8_lower(values.drop_null()), _BOOLEANS)))
    if kind in _NUMBERS:
        pattern = _INTEGER if kind == "integer" else _NUMBER
        if pc.all(pc.match_substring_regex(values, pattern)).as_py() is False:
            return False
    try:
        pc.cast(values, _ARROW[kind])
    except pa.ArrowInvalid:
        return False
    return True


class ColumnTally:
    """Counts one column's values, batch by batch, in bounded memory.

    `kind` is None until a value was present. `counts` maps each different value (as text) to its
    number of rows, or is None once there were more than `limit`.
    """

    def __init__(self, name: str, kind: str | None = None, *, limit: int = 0) -> None:
        self.name = name
        self.kind = kind
        self.missing = 0
        self.infinite = 0
        self.counts: dict[Any, int] | None = {} if limit else None
        self.minimum: float | None = None
        self.maximum: float | None = None
        self._limit = limit

    def add_text(self, values: Values) -> None:
        """Add a batch of clean CSV text."""
        self.missing += values.null_count
        if values.null_count == len(values):
            return
        self.kind = _widest(self.kind, values)
        self._count(values)
        if self.kind in _NUMBERS and self._limit:
            self._measure(pc.cast(values, pa.float64()))

    def add_typed(self, values: Values) -> None:
        """Add a batch of a known kind; a NaN counts as missing."""
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
        self.missing += values.null_count
        if values.null_count == len(values):
            return
        self._count(values)
        if self.kind in _NUMBERS:
            self._measure(pc.cast(values, pa.float64(), safe=False))

    def add(self, other: ColumnTally) -> None:
        """Add what another one of the same typed column has counted in later rows."""
        self.missing += other.missing
        self.infinite += other.infinite
        if other.counts is None or self.counts is None:
            self.counts = None
        else:
            for value, count in other.counts.items():
                self.counts[value] = self.counts.get(value, 0) + count
            if len(self.counts) > self._limit:
                self.counts = None
        if other.minimum is not None and other.maximum is not None:
            self._widen(other.minimum, other.maximum)

    @property
    def type(self) -> str:
        """The column type, as in `schemas.values.Column`."""
        return "timestamp" if self.kind == "zoned" else self.kind or "string"

    def labels(self) -> dict[str, int] | None:
        """Return the rows by distinct value, as text, most frequent first."""
        if self.counts is None:
            return None
        together: dict[str, int] = {}
        for value, count in self.counts.items():
            label = label_of(value, self.type)
            together[label] = together.get(label, 0) + count
        return dict(sorted(together.items(), key=lambda item: (-item[1], item[0])))

    def column(self) -> Column:
        """Return the type and statistics of the column."""
        labels = self.labels()
        number = self.kind in _NUMBERS
        return Column(
            name=self.name,
            type=self.type,
            missing=self.missing,
            distinct=None if labels is None else len(labels),
            minimum=self.minimum if number else None,
            maximum=self.maximum if number else None,
        )

    def _count(self, values: Values) -> None:
        if self.counts is None:
            return
        found, rows = pc.value_counts(values.drop_null()).flatten()
        for value, count in zip(found.to_pylist(), rows.to_pylist(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > self._limit:
            self.counts = None

    def _measure(self, values: Values) -> None:
        finite = values.filter(pc.is_finite(values))
        self.infinite += len(values) - values.null_count - len(finite)
        if not len(finite):
            return
        self._widen(pc.min(finite).as_py(), pc.max(finite).as_py())

    def _widen(self, low: float, high: float) -> None:
        self.minimum = low if self.minimum is None else min(low, self.minimum)
        self.maximum = high if self.maximum is None else max(high, self.maximum)


def _widest(known: str | None, values: Values) -> str:
    if known == "string":
        return "string"
    kinds: tuple[str, ...]
    if known is None:
        kinds = ("boolean", "integer", "number", "timestamp", "zoned")
    else:
        kinds = ("integer", "number") if known == "integer" else (known,)
    return next((kind for kind in kinds if _holds(values, kind)), "string")


def label_of(value: Any, kind: str) -> str:
    """Return the text of a value: true, 3, 2.5, red."""
    if kind == "boolean":
        return str(value).lower()
    if kind == "integer":
        return str(int(value))
    if kind == "number":
        return repr(float(value))
    return str(value)
