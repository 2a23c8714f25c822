"""The values of expressions: kinds, and operations that give null for what has no result.

Each operation makes a row of its result from that row of its arguments alone, by kernels that do
for a row of a table what they do for a table of one row: the values are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyarrow import compute

pc: Any = compute
Values = Any
"""A column, or one value for all rows."""

TYPES: dict[str, Any] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
}
NULL = "null"
"""The kind of a missing value that nothing is known of."""
NUMBERS = ("integer", "number")
_LARGEST = float(2**63)
_NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
_SECOND = 1_000_000


def kind_of(arrow: Any) -> str:
    """Return the kind of a column by its Arrow type; "" if there is none."""
    return next((kind for kind, one in TYPES.items() if one == arrow), "")


def converted(values: Values, kind: str, wanted: str) -> Values:
    """Return values of one kind as those of another: null and integers fit in."""
    if kind == wanted:
        return values
    if kind == NULL:
        return pa.scalar(None, TYPES[wanted])
    return pc.cast(values, TYPES[wanted], safe=False)


def finite(values: Values) -> Values:
    """Return numbers, with null for what is none, or infinite."""
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def _whole(exact: Values, rough: Values) -> Values:
    """Return integers, with null where the result as a number is beyond 64 bits."""
    fits = pc.less(pc.abs(rough), _LARGEST)
    return pc.if_else(fits, exact, pa.scalar(None, pa.int64()))


def arithmetic(operator: str, left: Values, right: Values, kind: str) -> Values:
    """Return the result of +, -, *, /, //, % or ** for two numbers of a kind."""
    if operator == "/":
        return finite(pc.divide(*(pc.cast(one, pa.float64(), safe=False) for one in (left, right))))
    if operator == "**":
        return finite(pc.power(*(pc.cast(one, pa.float64(), safe=False) for one in (left, right))))
    if operator in ("//", "%"):
        return _divided(operator, left, right, kind)
    kernel = {"+": pc.add, "-": pc.subtract, "*": pc.multiply}[operator]
    if kind == "number":
        return finite(kernel(left, right))
    rough = kernel(*(pc.cast(one, pa.float64(), safe=False) for one in (left, right)))
    return _whole(kernel(left, right), rough)


def _divided(operator: str, left: Values, right: Values, kind: str) -> Values:
    """Return the quotient that is rounded down, or its remainder, as Python has them."""
    nothing = pa.scalar(None, TYPES[kind])
    right = pc.if_else(pc.equal(right, pa.scalar(0, TYPES[kind])), nothing, right)
    if kind == "number":
        quotient = pc.floor(pc.divide(left, right))
    else:
        towards_zero = pc.divide(left, right)
        exact = pc.equal(pc.multiply(towards_zero, right), left)
        apart = pc.not_equal(pc.less(left, 0), pc.less(right, 0))
        less = pc.and_(pc.invert(exact), apart)
        quotient = pc.subtract(towards_zero, pc.cast(less, pa.int64()))
    if operator == "//":
        return finite(quotient) if kind == "number" else quotient
    rest = pc.subtract(left, pc.multiply(quotient, right))
    return finite(rest) if kind == "number" else rest


def negated(values: Values, kind: str) -> Values:
    """Return numbers with the other sign."""
    return arithmetic("-", pa.scalar(0, TYPES[kind]), values, kind)


def moment(text: str) -> Values:
    """Return a time of ISO 8601, without a zone in UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    return pa.scalar(found, TYPES["timestamp"])


def seconds(values: Values) -> Values:
    """Return the seconds of times since 1970."""
    return pc.divide(pc.cast(pc.cast(values, pa.int64()), pa.float64()), float(_SECOND))


def as_number(values: Values, kind: str) -> Values:
    """Return values as numbers: text that is none is null, true is 1, a time its seconds."""
    if kind == "timestamp":
        return seconds(values)
    if kind == "string":
        right = pc.match_substring_regex(values, _NUMBER)
        values = pc.if_else(right, pc.utf8_trim_whitespace(values), pa.scalar(None, pa.string()))
    return finite(pc.cast(values, pa.float64(), safe=False))


def as_integer(values: Values, kind: str) -> Values:
    """Return values as whole numbers, without what is behind the point."""
    if kind == "integer":
        return values
    if kind == "boolean":
        return pc.cast(values, pa.int64())
    number = pc.trunc(as_number(values, kind))
    fits = pc.if_else(pc.less(pc.abs(number), _LARGEST), number, pa.scalar(None, pa.float64()))
    return pc.cast(fits, pa.int64())


def least_or_greatest(kernel: Callable[..., Values], values: Sequence[Values]) -> Values:
    """Return the least or greatest value of each row; null if one is missing."""
    return kernel(*values, skip_nulls=False)
